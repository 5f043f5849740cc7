// What ends the process that works on it is set aside after a bounded number of times.
// Requirements: 5.10.agent-crash, 5.10.campaign-crash, 5.10.index-crash, 5.3.history
import { setTimeout as delay } from "node:timers/promises";
import {
  type CampaignId,
  CampaignRecord,
  type EpisodeId,
  limits,
  streams,
  type TaskId,
  type WorkerId,
} from "@hindcast/shared";
import { type Bus, type RecordStore, silentLogger } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CampaignRecords } from "../../coordinator/src/campaign-records.ts";
import { CampaignService } from "../../coordinator/src/campaign-service.ts";
import { layDown, takeUp } from "../../coordinator/src/campaign-take-up.ts";
import { endDeadTasks } from "../../coordinator/src/dead-letter-reconciler.ts";
import { startAgent } from "../support/agents.ts";
import { aRolloutTask } from "../support/builders.ts";
import { aCampaignRecord } from "../support/campaign-records.ts";
import { startOpenAiEmulator } from "../support/emulators/openai.ts";
import { aDemonstration, anAttemptBegun, anEpisodeEnded } from "../support/messages.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { rawNats, shortenAckWait } from "../support/raw-nats.ts";

const never = new AbortController().signal;
let nats: TestNats;
let coordinator: Bus;

beforeAll(async () => {
  nats = await aNatsServer();
  coordinator = await nats.coordinator();
});
afterAll(() => nats[Symbol.asyncDispose]());

describe("a task that kills its agent", () => {
  it("is set aside after attempts that gained nothing, with its payload and who died of it", async () => {
    await using raw = await rawNats(nats);
    await shortenAckWait(raw, 1_000);
    await using policy = await startOpenAiEmulator();
    policy.replyAlways(() => ({ kind: "answer", text: "REASON: now\nACTION: poison" }));
    const task = aRolloutTask({ environment: { kind: "no-op", outputBytes: 10 }, model: "openai:codestral-22b" });
    await coordinator.tasks.publish(task, never);
    // Whoever supervises agents starts them again; a lease that outlives a crash is taken over by the same worker.
    const options = { deadlyWord: "poison", leaseTtlMs: 10_000 };
    const isEnded = (): Promise<boolean> => coordinator.results.has(task.campaignId, task.taskId);
    let died = 0;
    let agent = await startAgent(nats, policy, options);
    while (died <= limits.fruitlessAttemptsMax && !(await isEnded())) {
      if (agent.child.exitCode !== null || agent.child.signalCode !== null) {
        died += 1;
        agent = await startAgent(nats, policy, options);
      }
      await delay(100);
    }
    expect(died).toBe(limits.fruitlessAttemptsMax);
    await expect.poll(() => coordinator.deadLetters.list()).toHaveLength(1);
    // The last one has not touched it.
    expect(agent.child.signalCode).toBeNull();
    await agent[Symbol.asyncDispose]();
    const [letter] = await coordinator.deadLetters.list();
    expect(JSON.parse(Buffer.from(letter?.payload ?? []).toString())).toEqual(task);
    expect(letter).toMatchObject({ deliveries: died + 1, reason: expect.stringContaining("ENVIRONMENT_DEADLY") });
    expect(letter?.history).toMatchObject(
      Array.from({ length: died }, (_, at) => ({
        attempt: at + 1,
        delivery: at + 1,
        workerId: "w-1",
        error: null,
      })),
    );
    expect(await endDeadTasks(coordinator)).toBe(0);
    expect(await coordinator.results.get(task.campaignId, task.taskId)).toMatchObject({ reason: "infrastructure" });
    // The answer was paid for once, however often its step was deadly.
    expect(policy.requests).toHaveLength(1);
  });
});

describe("a campaign that ends its coordinator", () => {
  let campaigns: RecordStore<CampaignRecord>;
  let records: CampaignRecords;
  beforeAll(() => {
    records = new CampaignRecords(coordinator);
    campaigns = coordinator.records("CAMPAIGNS", CampaignRecord);
  });

  async function aRecord(id: string): Promise<CampaignId> {
    const documents = await coordinator.blobs.put(Buffer.from("not what it should be"));
    await campaigns.create(id, aCampaignRecord({ id: id as CampaignId, name: id, documents }));
    return id as CampaignId;
  }
  const timesOf = async (id: CampaignId): Promise<number | undefined> => (await campaigns.get(id))?.value.takenUp.times;

  it("is taken up a bounded number of times, counted anew by every result, record of an attempt and orderly stop", async () => {
    const id = await aRecord("c-7001");
    for (let times = 1; times <= limits.campaignTakeUpsMax; times += 1) await takeUp(coordinator, records, id);
    await layDown(records, id);
    for (let times = 1; times <= limits.campaignTakeUpsMax; times += 1) await takeUp(coordinator, records, id);
    const result = { campaignId: id, taskId: "task-7001" as TaskId, episodeId: "ep-7001" as EpisodeId };
    await coordinator.results.put(anEpisodeEnded(result));
    for (let times = 1; times <= limits.campaignTakeUpsMax; times += 1) await takeUp(coordinator, records, id);
    const agent = await nats.connect("w-1" as WorkerId);
    await agent.trajectories.append(anAttemptBegun(result));
    for (let times = 1; times <= limits.campaignTakeUpsMax; times += 1) await takeUp(coordinator, records, id);
    await expect(takeUp(coordinator, records, id)).rejects.toThrow(
      /ended 25 times in a row before anything came of it/,
    );
  });

  it("then fails, and says why", async () => {
    const id = await aRecord("c-7002");
    for (let times = 1; times <= limits.campaignTakeUpsMax; times += 1) await takeUp(coordinator, records, id);
    expect(await timesOf(id)).toBe(limits.campaignTakeUpsMax);
    const model = (): never => {
      throw new Error("nothing is bought for it any more");
    };
    await using service = new CampaignService({
      bus: coordinator,
      model,
      logger: silentLogger,
      workerId: "w-c1" as WorkerId,
    });
    await service.start();
    await expect.poll(async () => (await campaigns.get(id))?.value.state).toBe("failed");
    expect((await campaigns.get(id))?.value.detail).toContain(`the coordinator that ran ${id} ended`);
  });
});

describe("a demonstration that ends the index's process", () => {
  it("is copied to the dead letters by the index's own user, once, and stays in its stream", async () => {
    const index = await nats.connect("index-core");
    const sequence = await coordinator.demonstrations.put(aDemonstration("deadly"));
    const why = { reason: "its application ended the process", deliveries: limits.crashesMax };
    for (let time = 0; time < 2; time += 1) await index.deadLetters.keepCopy(streams.demonstrations, sequence, why);
    const letters = (await coordinator.deadLetters.list()).filter(({ stream }) => stream === streams.demonstrations);
    expect(letters).toMatchObject([{ subject: "hindcast.demonstration.shell.demo-deadly", ...why, history: [] }]);
    // Requeued once the index is repaired, it comes again under a new sequence.
    await coordinator.deadLetters.requeue(letters[0]?.sequence ?? 0);
    expect(await coordinator.demonstrations.lastSequence()).toBeGreaterThan(sequence);
  });
});
