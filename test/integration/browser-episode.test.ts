// Episodes in a browser over the real bus: a model solves MiniWoB tasks through an agent's process, and one that is killed
// in the middle goes on in another browser by doing again what was recorded.
// Requirements: 6.11.episode, 6.11.resume, 6.13.rewards
import type { CampaignId, EpisodeEnded, EpisodeId, RolloutTask, TaskId } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { miniWobDefaults, miniWobUrl } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectTrajectory } from "../../coordinator/src/trajectory-collector.ts";
import { startAgent } from "../support/agents.ts";
import { aBrowserSpec, browserLimits, miniWobFolder, noChromium } from "../support/browser.ts";
import { anInstruction, aRolloutTask } from "../support/builders.ts";
import type { Emulator } from "../support/emulators/emulator.ts";
import { startOpenAiEmulator } from "../support/emulators/openai.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { type RawNats, rawNats, shortenAckWait } from "../support/raw-nats.ts";

const pages = noChromium === null ? await miniWobFolder() : { reason: noChromium };
const folder = "folder" in pages ? pages.folder : null;
const never = new AbortController().signal;
/** Starting browsers on a busy machine holds up renewals for longer than the default of these tests. */
const leaseTtlMs = 6_000;

let nats: TestNats;
let coordinator: Bus;
let raw: RawNats;

beforeAll(async () => {
  nats = await aNatsServer();
  coordinator = await nats.coordinator();
  raw = await rawNats(nats);
});
afterAll(async () => {
  await raw[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

/** Enters the text that the goal quotes, then submits it: what it has done stands in the prompt's history. */
async function aPolicy(): Promise<Emulator> {
  const emulator = await startOpenAiEmulator();
  emulator.replyAlways(({ body }) => {
    const prompt = JSON.stringify(body["messages"])
      .replaceAll(String.raw`\"`, '"')
      .replaceAll(String.raw`\n`, "\n");
    const done = prompt.match(/<action>/g)?.length ?? 0;
    const present = prompt.slice(prompt.lastIndexOf("OBSERVATIONS"));
    const word = /Goal: [^\n]*?\\?"(\w+)\\?"/.exec(present)?.[1];
    const field = /\[(\d+)\] textbox/.exec(present)?.[1];
    const button = /\[(\d+)\] button/.exec(present)?.[1];
    const action = done === 0 ? `type [${field}] [${word}] [0]` : `click [${button}]`;
    return { kind: "answer", text: `REASON: next\nACTION: ${action}` };
  });
  return emulator;
}

function newTask(seed: number): RolloutTask {
  const start = { kind: "miniwob" as const, task: "enter-text", seed };
  return aRolloutTask({
    campaignId: `c-browser-${seed}` as CampaignId,
    taskId: `task-browser-${seed}` as TaskId,
    episodeId: `ep-browser-${seed}` as EpisodeId,
    environment: aBrowserSpec(miniWobUrl("enter-text"), { start, screenshots: "plain" }),
    instruction: anInstruction({ text: "Reach the goal that the page states." }),
    limits: { ...browserLimits, stepsMax: miniWobDefaults.stepsMax },
    model: "openai:codestral-22b",
    reference: { kind: "world-reward" },
  });
}

async function resultOf(task: RolloutTask): Promise<EpisodeEnded> {
  for await (const result of coordinator.results.watch(task.campaignId, AbortSignal.timeout(50_000))) {
    if (result.kind === "episode.ended") return result;
  }
  throw new Error("no result came");
}

describe.skipIf(folder === null)(`browser episodes${"reason" in pages ? ` (${pages.reason})` : ""}`, () => {
  it("are solved by a model and rewarded by the page, with a picture of every step", async () => {
    await using policy = await aPolicy();
    await using _agent = await startAgent(nats, policy, { miniWobFolder: folder, leaseTtlMs });
    const task = newTask(1);
    await coordinator.tasks.publish(task, never);
    const ended = await resultOf(task);
    expect(ended).toMatchObject({
      reason: "submitted",
      steps: 2,
      evaluation: { verdict: "success", score: 1 },
    });
    const { steps } = await collectTrajectory(coordinator, ended);
    expect(steps.map(({ turn }) => turn.action.kind)).toEqual(["browser", "browser"]);
    for (const { observed } of steps) {
      const picture = observed.artifacts?.find(({ name }) => name === "screenshot.png");
      const bytes = picture === undefined ? null : await coordinator.blobs.get(picture.blob);
      expect(
        Buffer.from(bytes ?? [])
          .subarray(1, 4)
          .toString(),
      ).toBe("PNG");
    }
    const [request] = policy.requests;
    expect(JSON.stringify(request?.body)).toContain("type [id] [text] [1]");
  });

  it("that are killed go on in another browser where they were", async () => {
    await shortenAckWait(raw, 2_000);
    await using policy = await aPolicy();
    await using first = await startAgent(nats, policy, {
      id: "w-1",
      miniWobFolder: folder,
      leaseTtlMs,
      deadlyWord: "click",
    });
    const task = newTask(2);
    await coordinator.tasks.publish(task, never);
    await expect.poll(() => first.child.exitCode ?? first.child.signalCode, { timeout: 30_000 }).toBe("SIGKILL");
    await using _second = await startAgent(nats, policy, { id: "w-2", miniWobFolder: folder, leaseTtlMs });
    const ended = await resultOf(task);
    expect(ended).toMatchObject({ steps: 2, workerId: "w-2", evaluation: { verdict: "success", score: 1 } });
    expect(ended.attempt).toBeGreaterThan(1);
    const records = await coordinator.trajectories.read(task.campaignId, task.episodeId);
    expect(records.filter(({ record }) => record.kind === "attempt.diverged")).toEqual([]);
    expect(records.filter(({ record }) => record.kind === "step.recorded")).toHaveLength(2);
  });
});
