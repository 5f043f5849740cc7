// Agents as real processes that die, stop and lose the network in mid-episode: another one goes on at the last
// committed step, and nothing that was answered is paid for again.
// Requirements: 5.1.resume, 5.1.pay-once, 5.1.diverged, 5.2.fencing, 5.2.weakened, 5.3.one-record
import { setTimeout as delay } from "node:timers/promises";
import {
  type CampaignId,
  type EpisodeEnded,
  type EpisodeId,
  RetrievalReply,
  RetrievalRequest,
  type RolloutTask,
  subjects,
  type TaskId,
  type WorkerId,
} from "@hindcast/shared";
import type { Bus, StoredRecord } from "@hindcast/shared/node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { collectTrajectory } from "../../coordinator/src/trajectory-collector.ts";
import { type AgentProcess, startAgent } from "../support/agents.ts";
import { anInstruction, aRolloutTask, someLimits } from "../support/builders.ts";
import type { Emulator, RecordedRequest } from "../support/emulators/emulator.ts";
import { startOpenAiEmulator } from "../support/emulators/openai.ts";
import { aLossyProxy } from "../support/lossy-proxy.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { type RawNats, rawNats, shortenAckWait } from "../support/raw-nats.ts";

const never = new AbortController().signal;
const steps = 5;
const stepMs = 250;
/** Each step asks twice, for a query and for an action; so does the stop. */
const callsPerEpisode = 2 * (steps + 1);

const promptOf = ({ body }: RecordedRequest): string => JSON.stringify(body["messages"]);

let nats: TestNats;
let coordinator: Bus;
let raw: RawNats;
let counter = 0;

beforeAll(async () => {
  nats = await aNatsServer();
  coordinator = await nats.coordinator();
  raw = await rawNats(nats);
  await coordinator.serve({
    subject: subjects.retrievalSearch,
    queue: "q",
    request: RetrievalRequest,
    reply: RetrievalReply,
    handle: () =>
      Promise.resolve({
        v: 1 as const,
        kind: "retrieval.found" as const,
        answers: [{ hits: [], dropped: { duplicate: 0, perTrajectory: 0, tokenBudget: 0 } }],
        indexSequence: 0,
        indexVersion: "none",
        tokenizer: "none",
        tookMs: 0,
      }),
  });
});
beforeEach(() => shortenAckWait(raw, 2_000));
afterAll(async () => {
  await raw[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

/** Five commands that differ, then a stop; what the prompt shows is how far it is. */
async function aPolicy(): Promise<Emulator> {
  const emulator = await startOpenAiEmulator();
  emulator.replyAlways((request) => {
    const done = promptOf(request).match(/<action>/g)?.length ?? 0;
    return { kind: "answer", text: `REASON: next\nACTION: ${done < steps ? `echo line ${done + 1}` : "stop()"}` };
  });
  return emulator;
}

/** An episode in a world without a world; an image of it is stored at every third step only. */
function newTask(partial: Partial<RolloutTask> = {}): RolloutTask {
  counter += 1;
  return aRolloutTask({
    campaignId: `c-${counter}` as CampaignId,
    taskId: `task-${counter}` as TaskId,
    episodeId: `ep-${counter}` as EpisodeId,
    instruction: anInstruction({ text: `Write five lines, number ${counter}` }),
    environment: { kind: "no-op", outputBytes: 40 },
    model: "openai:codestral-22b",
    retrieval: { observationBased: 0, modelBased: 2, tokenBudget: 1_000, perTrajectoryMax: 1 },
    limits: { ...someLimits, snapshotEverySteps: 3 },
    ...partial,
  });
}

const recordsOf = (task: RolloutTask): Promise<StoredRecord[]> =>
  coordinator.trajectories.read(task.campaignId, task.episodeId);

/** The worker of the last of at least `count` recorded steps. */
async function untilSteps(task: RolloutTask, count: number): Promise<void> {
  const stepsOf = async (): Promise<number> =>
    (await recordsOf(task)).filter(({ record }) => record.kind === "step.recorded").length;
  await expect.poll(stepsOf, { timeout: 20_000, interval: 20 }).toBeGreaterThanOrEqual(count);
}

async function resultOf(task: RolloutTask): Promise<EpisodeEnded> {
  for await (const result of coordinator.results.watch(task.campaignId, AbortSignal.timeout(30_000))) {
    if (result.taskId === task.taskId && result.kind === "episode.ended") return result;
  }
  throw new Error("no result came");
}

/** Requests whose answer had been given before. */
const boughtTwice = (policy: Emulator): number => policy.requests.length - new Set(policy.requests.map(promptOf)).size;

async function expectWhole(ended: EpisodeEnded, worker: string): Promise<void> {
  expect(ended).toMatchObject({ reason: "submitted", steps, workerId: worker });
  const { steps: taken } = await collectTrajectory(coordinator, ended);
  expect(taken.map(({ turn }) => turn.action)).toEqual(
    Array.from({ length: steps }, (_, at) => ({ kind: "shell", command: `echo line ${at + 1}` })),
  );
}

describe("an episode whose agent", () => {
  /** Runs a task until `count` steps are committed by the first agent, which the second can then take over from. */
  async function interrupted(
    policy: Emulator,
    interrupt: (first: AgentProcess) => Promise<unknown>,
    more: Parameters<typeof startAgent>[2] = {},
  ): Promise<{ task: RolloutTask; first: AgentProcess; ended: () => Promise<EpisodeEnded>; second: AgentProcess }> {
    const task = newTask();
    const first = await startAgent(nats, policy, { id: "w-1", stepMs, ...more });
    await coordinator.tasks.publish(task, never);
    await untilSteps(task, 2);
    // Inside the third step's time: its answers are in the journal, the step is not committed.
    await delay(stepMs / 2);
    await interrupt(first);
    const second = await startAgent(nats, policy, { id: "w-2", stepMs });
    return { task, first, second, ended: () => resultOf(task) };
  }

  it("is killed -9 is continued by another from the last committed step, every call paid once", async () => {
    await using policy = await aPolicy();
    const { task, first, second, ended } = await interrupted(policy, (agent) =>
      Promise.resolve(agent.signal("SIGKILL")),
    );
    await using _ = first;
    await using __ = second;
    const result = await ended();
    await expectWhole(result, "w-2");
    const started = (await recordsOf(task)).flatMap(({ record }) =>
      record.kind === "episode.started" ? [record] : [],
    );
    // On a busy machine the second may lose its short lease, too, and go on once more.
    expect(started[1]?.resumedFrom).toMatchObject({ attempt: 1, step: 2 });
    expect(boughtTwice(policy)).toBe(0);
    expect(policy.requests).toHaveLength(callsPerEpisode);
  });

  it("is stopped for longer than its lease loses it, and goes nowhere when it wakes", async () => {
    await using policy = await aPolicy();
    const { task, first, second, ended } = await interrupted(policy, (agent) =>
      Promise.resolve(agent.signal("SIGSTOP")),
    );
    await using zombie = first;
    await using _ = second;
    const result = await ended();
    await expectWhole(result, "w-2");
    zombie.signal("SIGCONT");
    await expect.poll(() => zombie.log, { timeout: 10_000 }).toContain("lease.lost");
    expect(await coordinator.results.list(task.campaignId)).toEqual([result]);
    await expectWhole(result, "w-2");
    expect(boughtTwice(policy)).toBe(0);
    expect(policy.requests).toHaveLength(callsPerEpisode);
  });

  it("is cut off from the server loses its lease there, and what it still writes afterwards does not count", async () => {
    await using policy = await aPolicy();
    await using proxy = await aLossyProxy(nats.server.url);
    const cutOff = (): Promise<void> => Promise.resolve(proxy.partition());
    const { task, first, second, ended } = await interrupted(policy, cutOff, { servers: proxy.url });
    await using zombie = first;
    await using _ = second;
    const result = await ended();
    await expectWhole(result, "w-2");
    proxy.cut();
    await expect.poll(() => zombie.log, { timeout: 15_000 }).toContain("lease.lost");
    expect(await coordinator.results.list(task.campaignId)).toEqual([result]);
    await expectWhole(result, "w-2");
    expect(boughtTwice(policy)).toBe(0);
    expect(policy.requests).toHaveLength(callsPerEpisode);
  });

  it("left a world that cannot be rebuilt starts afresh, says so, and still pays nothing twice", async () => {
    await using policy = await aPolicy();
    const task = newTask();
    const first = await startAgent(nats, policy, { id: "w-1", stepMs });
    await coordinator.tasks.publish(task, never);
    await untilSteps(task, 2);
    await delay(stepMs / 2);
    await first[Symbol.asyncDispose]();
    // What was recorded is not what this world gives: the record of the second step, rewritten under a newer attempt.
    const zombie = await nats.connect("w-3" as WorkerId);
    for (const { record } of await recordsOf(task)) {
      const forged = { ...record, workerId: "w-3" as WorkerId, attempt: 1, fencingToken: record.fencingToken + 1 };
      if (forged.kind === "step.recorded" && forged.step.index === 2) {
        forged.step = {
          ...forged.step,
          observed: {
            ...forged.step.observed,
            stateHash: forged.step.observed.stateHash.replace(/^./, (c) =>
              c === "0" ? "1" : "0",
            ) as typeof forged.step.observed.stateHash,
          },
        };
      }
      await zombie.trajectories.append(forged);
    }
    await using _ = await startAgent(nats, policy, { id: "w-2", stepMs });
    const result = await resultOf(task);
    await expectWhole(result, "w-2");
    const records = (await recordsOf(task)).map(({ record }) => record);
    expect(records.find(({ kind }) => kind === "attempt.diverged")).toMatchObject({ step: 2, from: { attempt: 1 } });
    expect(records.findLast(({ kind }) => kind === "episode.started")).toMatchObject({ resumedFrom: null });
    expect(boughtTwice(policy)).toBe(0);
  });
});

describe("a guarantee taken away is noticed:", () => {
  it("without the journal, answered calls are bought twice", async () => {
    await using policy = await aPolicy();
    const task = newTask();
    {
      await using first = await startAgent(nats, policy, { id: "w-1", stepMs, isJournalOff: true });
      await coordinator.tasks.publish(task, never);
      await untilSteps(task, 2);
      await delay(stepMs / 2);
      first.signal("SIGKILL");
    }
    await using _ = await startAgent(nats, policy, { id: "w-2", stepMs, isJournalOff: true });
    await expectWhole(await resultOf(task), "w-2");
    expect(boughtTwice(policy)).toBeGreaterThan(0);
  });

  it("without fencing, a zombie's result is the one that stands", async () => {
    await using policy = await aPolicy();
    const task = newTask();
    await using zombie = await startAgent(nats, policy, { id: "w-1", stepMs, weakened: { fencing: "off" } });
    await coordinator.tasks.publish(task, never);
    await untilSteps(task, 4);
    zombie.signal("SIGSTOP");
    await using _ = await startAgent(nats, policy, { id: "w-2", stepMs: 4 * stepMs, weakened: { fencing: "off" } });
    // The successor has begun: the zombie's token has moved.
    const begun = async (): Promise<boolean> => (await recordsOf(task)).some(({ record }) => record.workerId === "w-2");
    await expect.poll(begun, { timeout: 20_000 }).toBe(true);
    zombie.signal("SIGCONT");
    const result = await resultOf(task);
    const newestToken = Math.max(...(await recordsOf(task)).map(({ record }) => record.fencingToken));
    expect(result.workerId).toBe("w-1");
    expect(result.fencingToken).toBeLessThan(newestToken);
  });
});
