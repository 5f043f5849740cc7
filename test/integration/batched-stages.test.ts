// Requirements: 5.6.stages
// Stages that wait for batches, on coordinators that stop, are busy with others, or see their campaign cancelled.
import { limits, type ProposeTask, type TaskId, type TaskResult, type WorkerId } from "@hindcast/shared";
import { type Bus, silentLogger } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CampaignRecords } from "../../coordinator/src/campaign-records.ts";
import { packDocuments } from "../../coordinator/src/campaign-run.ts";
import { readOutput } from "../../coordinator/src/stage/stage-output.ts";
import { stagePoolOf } from "../../coordinator/src/stage/stage-pools.ts";
import { someSettings } from "../support/campaign-context.ts";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import type { EmulatedBatches } from "../support/emulators/batches.ts";
import type { Emulator } from "../support/emulators/emulator.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { quickModels } from "../support/quick-models.ts";
import { aDocument } from "../support/scripted-generator.ts";
import { anthropicScript } from "../support/scripted-wire.ts";
import { startStages } from "../support/stages.ts";

const never = new AbortController().signal;
const [one, two] = ["w-one", "w-two"] as [WorkerId, WorkerId];
const campaignId = "c-0001" as ProposeTask["campaignId"];
const generator = "anthropic:claude-sonnet-5-5";
const settings = { ...someSettings, models: { generator, policy: "offline:rules", judges: [generator] } };
const batch = { purposes: ["self-instruct" as const], fallback: "error" as const };

let nats: TestNats;
let bus: Bus;
let emulator: Emulator & { batches: EmulatedBatches };

beforeEach(async () => {
  nats = await aNatsServer();
  bus = await nats.coordinator();
  emulator = await startAnthropicEmulator();
  emulator.replyAlways(anthropicScript);
  emulator.batches.isHeld = true;
});
afterEach(async () => {
  await emulator[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

function aTask(page: number, isBatched = true): ProposeTask {
  const used = isBatched ? { ...settings, batch } : settings;
  const head = { v: 1, kind: "propose", campaignId, traceparent: null, leftUsd: null } as const;
  const [taskId, pool] = [`task-${page}` as TaskId, stagePoolOf(used, ["self-instruct"])];
  return { ...head, taskId, pool, settings: used, document: aDocument(page) };
}

const endOf = ({ taskId }: ProposeTask): Promise<TaskResult | null> => bus.results.get(campaignId, taskId);
/** Of all batches at the provider. */
const requests = (): number => emulator.batches.jobs.reduce((sum, job) => sum + job.requests.length, 0);

/** A coordinator's stages with a connection and a batch desk of their own. */
async function aCoordinator(workerId: WorkerId): Promise<AsyncDisposable> {
  const own = await nats.connect("coordinator");
  const models = quickModels(own, emulator, workerId);
  const stages = startStages({ bus: own, model: models.source, logger: silentLogger, workerId });
  return {
    [Symbol.asyncDispose]: async () => {
      await stages[Symbol.asyncDispose]();
      await models[Symbol.asyncDispose]();
    },
  };
}

describe("a stage that waits for a batch", () => {
  it("goes on elsewhere when its coordinator stops, and nothing is bought twice", async () => {
    const first = await aCoordinator(one);
    const task = aTask(1);
    await bus.tasks.publish(task, never);
    await expect.poll(requests, { timeout: 5_000 }).toBe(1);
    await first[Symbol.asyncDispose]();
    expect(await endOf(task)).toBeNull();

    await using _second = await aCoordinator(two);
    emulator.batches.isHeld = false;
    await expect.poll(() => endOf(task), { timeout: 10_000 }).toMatchObject({ outcome: "completed", workerId: two });
    expect(emulator.batches.jobs).toHaveLength(1);
    expect(emulator.batches.bought).toHaveLength(1);
  });

  it("holds up no other stage, however many there are, and tells its batched calls", async () => {
    await using _coordinator = await aCoordinator(one);
    const waiting = Array.from({ length: limits.stageSlotsMax + 1 }, (_, page) => aTask(page));
    for (const task of waiting) await bus.tasks.publish(task, never);
    await expect.poll(requests, { timeout: 10_000 }).toBe(waiting.length);
    const other = aTask(100, false);
    await bus.tasks.publish(other, never);
    await expect.poll(() => endOf(other), { timeout: 10_000 }).toMatchObject({ outcome: "completed" });
    expect(await Promise.all(waiting.map(endOf))).toEqual(waiting.map(() => null));

    emulator.batches.isHeld = false;
    for (const task of [...waiting, other]) {
      const expected = task === other ? 0 : 1;
      await expect.poll(() => endOf(task), { timeout: 10_000 }).toMatchObject({ outcome: "completed" });
      const ended = await endOf(task);
      const output =
        ended?.kind === "stage.ended" && ended.output !== null ? await readOutput(bus, ended.output) : null;
      expect(output?.account.costs).toMatchObject([{ purpose: "self-instruct", calls: 1, batched: expected }]);
    }
    expect(emulator.batches.bought).toHaveLength(waiting.length);
  });

  it("ends when its campaign is cancelled, and so does its batch at the provider", async () => {
    await using _coordinator = await aCoordinator(one);
    const records = new CampaignRecords(bus);
    const documents = await bus.blobs.put(packDocuments([aDocument(1)]));
    const {
      campaign: { id },
    } = await records.create({ name: "test", settings: { ...settings, batch }, documents });
    expect(id).toBe(campaignId);
    const task = aTask(1);
    await bus.tasks.publish(task, never);
    await expect.poll(requests, { timeout: 5_000 }).toBe(1);
    await records.end(id, { state: "cancelled", detail: "cancelled by request", report: null }, null);
    await expect.poll(() => endOf(task), { timeout: 5_000 }).toMatchObject({ outcome: "cancelled", output: null });
    await expect.poll(() => emulator.batches.jobs.map(({ state }) => state), { timeout: 10_000 }).toEqual(["ended"]);
    expect(emulator.batches.bought).toEqual([]);
  });
});
