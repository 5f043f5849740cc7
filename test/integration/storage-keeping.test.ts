// Requirements: 5.9.retention, 5.9.garbage, 5.9.forget
// What is kept, for how long, and what may be removed: on a real server.
import {
  type BlobRef,
  type CampaignId,
  CampaignRecord,
  type EpisodeId,
  limits,
  type Sha256,
  type TaskId,
  type WorkerId,
} from "@hindcast/shared";
import {
  type Bus,
  defaultRetention,
  JournaledCompletion,
  type Retention,
  sha256Hex,
  type StreamUsage,
} from "@hindcast/shared/node";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { forgetCampaign } from "../../coordinator/src/cli/forget.ts";
import { someSettings } from "../support/campaign-context.ts";
import { aDemonstration, anEpisodeEnded, aStepRecorded, task } from "../support/messages.ts";
import { aNatsServer, type TestNats, testPool } from "../support/nats-server.ts";

const hourMs = 3_600_000;
const never = new AbortController().signal;

function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0, state = seed; at < length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

const text = (words: string): Uint8Array => Buffer.from(words);

describe("storage", () => {
  let nats: TestNats;
  let coordinator: Bus;
  let worker: Bus;

  beforeAll(async () => {
    nats = await aNatsServer();
    coordinator = await nats.coordinator();
    worker = await nats.connect("w-1" as WorkerId);
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => nats[Symbol.asyncDispose]());

  /** Only the clock by which blobs age; timers run on. */
  const later = (hours: number): void => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + hours * hourMs });
  };
  const exists = (ref: BlobRef): Promise<boolean> =>
    coordinator.blobs.get(ref).then(
      () => true,
      () => false,
    );
  const aCampaign = async (id: string, state: CampaignRecord["state"]): Promise<CampaignRecord> => {
    const record = CampaignRecord.parse({
      v: 1,
      id,
      name: "a campaign",
      settings: someSettings,
      documents: await coordinator.blobs.put(text(`documents of ${id}`)),
      state,
      detail: null,
      report: null,
      startedAt: new Date().toISOString(),
      endedAt: null,
    });
    await coordinator.records("CAMPAIGNS", CampaignRecord).put(record.id, record);
    return record;
  };

  describe("garbage", () => {
    it("is what nothing names; everything else stays, with the parts that it shares", async () => {
      const world = noise(400_000, 1);
      const changed = Buffer.concat([world.subarray(0, 200_000), noise(10, 2), world.subarray(200_000)]);
      const named = {
        snapshot: await worker.blobs.put(world, { inParts: true }),
        stage: await worker.blobs.put(text("the output of a stage")),
        answer: await worker.blobs.put(text("a long answer")),
        queued: await worker.blobs.put(text("the start of a replay")),
        documents: (await aCampaign("c-0010", "running")).documents,
      };
      const step = aStepRecorded(1, { campaignId: "c-0010" as CampaignId });
      step.step.observed.snapshot = named.snapshot;
      await worker.trajectories.append(step);
      const head = { v: 1, campaignId: "c-0010" as CampaignId, workerId: "w-1" as WorkerId, durationMs: 1 } as const;
      await worker.results.put({
        ...head,
        kind: "stage.ended",
        taskId: "task-stage" as TaskId,
        endedAt: step.recordedAt,
        fencingToken: 1,
        outcome: "completed",
        output: named.stage,
        error: null,
      });
      await worker.records("JOURNAL", JournaledCompletion).put(sha256Hex("a request"), {
        v: 1,
        model: "offline:rules",
        resolvedModel: "offline:rules",
        answer: { kind: "blob", ref: named.answer },
        stop: "end",
        usage: { inputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 0 },
        costUsd: 0,
        durationMs: 0,
        attempts: 1,
      });
      const { reference: _reference, instruction: _instruction, ...rest } = task("queued");
      await coordinator.tasks.publish(
        {
          v: 1,
          kind: "replay",
          taskId: rest.taskId,
          campaignId: rest.campaignId,
          episodeId: rest.episodeId,
          pool: testPool,
          environment: rest.environment,
          limits: rest.limits,
          traceparent: null,
          from: 1,
          snapshot: named.queued,
          startStateHash: sha256Hex("start") as Sha256,
          steps: [{ action: { kind: "shell", command: "ls" }, stateHash: sha256Hex("end") as Sha256, exitCode: 0 }],
        },
        never,
      );
      const garbage = [
        await worker.blobs.put(text("nobody names this")),
        await worker.blobs.put(changed, { inParts: true }),
      ];
      const collect = (isDryRun: boolean) => coordinator.storage.collectGarbage({ ageMs: 0, isDryRun });

      // Young: a record that names it may be on its way, however little age is asked for.
      expect(await collect(false)).toMatchObject({ removed: 0 });
      later(limits.blobGarbageAgeMsMin / hourMs + 1);
      const planned = await collect(true);
      // The two, and those parts of the second that the first world does not have.
      expect(planned.removed).toBeGreaterThan(2);
      expect(planned.removed).toBeLessThan(7);
      expect(await exists(garbage[0] as BlobRef)).toBe(true);
      expect(await collect(false)).toEqual(planned);

      for (const ref of garbage) expect(await exists(ref)).toBe(false);
      for (const [name, ref] of Object.entries(named)) expect(await exists(ref), name).toBe(true);
      expect(Buffer.from(await coordinator.blobs.get(named.snapshot)).equals(world)).toBe(true);
      expect(await collect(false)).toMatchObject({ removed: 0 });
      // What was removed can be stored again, by a process that put it before.
      const again = await worker.blobs.put(changed, { inParts: true });
      expect(Buffer.from(await coordinator.blobs.get(again)).equals(changed)).toBe(true);
    });

    it("is not what was put again when it was old: the collector's knowledge of it is outdated", async () => {
      const { ObjectBlobStore } = await import("../../shared/src/node/bus/blob-store.ts");
      const store = coordinator.blobs as InstanceType<typeof ObjectBlobStore>;
      const ref = await store.put(text("old, and wanted again"));
      const sequenceOf = async (): Promise<number> => {
        for await (const { sha256, sequence } of store.entries()) if (sha256 === ref.sha256) return sequence;
        return 0;
      };
      const seen = await sequenceOf();
      await store.put(text("old, and wanted again"));
      expect(await sequenceOf()).toBe(seen);
      later(limits.blobRenewMs / hourMs + 1);
      expect(await worker.blobs.put(text("old, and wanted again"))).toEqual(ref);
      expect(await sequenceOf()).toBeGreaterThan(seen);
      await store.remove(ref, seen);
      expect(await exists(ref)).toBe(true);
    });
  });

  describe("a campaign", () => {
    const id = "c-0020" as CampaignId;
    const forget = (retires: boolean) => forgetCampaign(coordinator, { id, retires, signal: never });
    const episode = "ep-20" as EpisodeId;

    it("is not forgotten while it runs", async () => {
      await aCampaign(id, "running");
      await worker.trajectories.append(aStepRecorded(1, { campaignId: id, episodeId: episode }));
      await expect(forget(false)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
      await expect(
        forgetCampaign(coordinator, { id: "c-9999" as CampaignId, retires: false, signal: never }),
      ).rejects.toMatchObject({ code: "CAMPAIGN_NOT_FOUND" });
      expect(await coordinator.trajectories.read(id, episode)).toHaveLength(1);
    });

    it("loses its steps, records and snapshots when it is; another keeps its own", async () => {
      const record = await aCampaign(id, "finished");
      const snapshot = await worker.blobs.put(text("a snapshot of the campaign"));
      const step = aStepRecorded(2, { campaignId: id, episodeId: episode });
      step.step.observed.snapshot = snapshot;
      await worker.trajectories.append(step);
      await worker.results.put(anEpisodeEnded({ campaignId: id, episodeId: episode }));
      const other = "c-0021" as CampaignId;
      await worker.results.put(anEpisodeEnded({ campaignId: other }));
      await worker.trajectories.append(aStepRecorded(1, { campaignId: other }));
      await coordinator.demonstrations.put(aDemonstration("kept", { campaignId: id }));
      await coordinator.demonstrations.put(aDemonstration("other", { campaignId: other }));

      later(limits.blobGarbageAgeMsMin / hourMs + 1);
      const forgotten = await forget(false);
      vi.useRealTimers();
      expect(forgotten).toMatchObject({ messages: 3, retired: 0 });
      expect(await coordinator.trajectories.read(id, episode)).toEqual([]);
      expect(await coordinator.results.list(id)).toEqual([]);
      expect(await exists(snapshot)).toBe(false);
      expect(await exists(record.documents)).toBe(true);
      expect(await coordinator.results.list(other)).toHaveLength(1);
      const stored = await coordinator.records("CAMPAIGNS", CampaignRecord).get(id);
      expect(stored?.value).toMatchObject({ state: "finished", forgottenAt: expect.any(String) as string });

      const names = async (): Promise<string[]> => {
        const found: string[] = [];
        for await (const { id: name, bytes } of coordinator.demonstrations.stored()) {
          if (bytes.length > 0) found.push(name);
        }
        return found.toSorted();
      };
      expect(await names()).toEqual(["demo-kept", "demo-other"]);
      expect(await forget(true)).toMatchObject({ messages: 0, retired: 1 });
      expect(await names()).toEqual(["demo-other"]);
    });
  });

  describe("retention", () => {
    const apply = (retention: Retention): Promise<void> =>
      coordinator.ensureTopology({ pools: [testPool], replicas: 1, tasksBytesMax: 64 * 1024 * 1024, retention });
    const usageOf = async (stream: string): Promise<StreamUsage | undefined> =>
      (await (await nats.connect("client")).storage.usage()).find((usage) => usage.stream === stream);

    it("is as it was set, and can be changed and lifted on a server that holds something", async () => {
      await apply({
        trajectories: { days: 2, bytesMax: 40_000 },
        results: { days: 365, bytesMax: null },
        journal: { days: 7, bytesMax: 20_000 },
        blobs: { days: null, bytesMax: 50_000_000 },
        deadLetters: { days: 1, bytesMax: null },
        advisories: { days: 1, bytesMax: null },
      });
      const dayMs = 24 * hourMs;
      expect(await usageOf("TRAJECTORIES")).toMatchObject({ ageMsMax: 2 * dayMs, bytesMax: 40_000 });
      expect(await usageOf("RESULTS")).toMatchObject({ ageMsMax: 365 * dayMs, bytesMax: null });
      expect(await usageOf("OBJ_BLOBS")).toMatchObject({ ageMsMax: null, bytesMax: 50_000_000 });
      expect(await usageOf("TASKS")).toMatchObject({ bytesMax: 64 * 1024 * 1024 });

      // A full log of steps refuses and loses nothing; a full journal forgets its oldest answers.
      const full = "ep-full" as EpisodeId;
      const fill = async (): Promise<void> => {
        for (let n = 1; n <= 100; n += 1) await worker.trajectories.append(aStepRecorded(n, { episodeId: full }));
      };
      await expect(fill()).rejects.toMatchObject({ code: "BUS_FULL" });
      expect((await coordinator.trajectories.read("c-0001" as CampaignId, full))[0]?.record).toMatchObject({
        step: { index: 1 },
      });
      const journal = worker.records("JOURNAL", JournaledCompletion);
      const entry = (await journal.get(sha256Hex("a request")))?.value;
      if (entry === undefined) throw new Error("the journal lost what it held");
      for (let n = 0; n < 60; n += 1) await journal.create(sha256Hex(`request ${n}`), entry);
      expect(await journal.get(sha256Hex("a request"))).toBeNull();
      expect(await journal.get(sha256Hex("request 59"))).not.toBeNull();

      await apply(defaultRetention);
      expect(await usageOf("TRAJECTORIES")).toMatchObject({ ageMsMax: limits.trajectoryAgeMsMax, bytesMax: null });
      expect(await usageOf("RESULTS")).toMatchObject({ ageMsMax: null, bytesMax: null });
      await worker.trajectories.append(aStepRecorded(101, { episodeId: full }));
    });

    it("refuses at once what cannot wait; what can waits for room until it is given or the wait is over", async () => {
      const episodeId = "ep-waits" as EpisodeId;
      const bytesMax = 40_000;
      const tight = { ...defaultRetention, blobs: { days: null, bytesMax: 1 } };
      await apply({ ...tight, trajectories: { days: null, bytesMax } });
      let stored = 0;
      const fill = async (): Promise<void> => {
        for (; stored < 100; stored += 1) await worker.trajectories.append(aStepRecorded(stored + 1, { episodeId }));
      };
      await expect(fill()).rejects.toMatchObject({ code: "BUS_FULL" });
      const image = noise(1_000, 77);
      await expect(worker.blobs.put(image)).rejects.toMatchObject({ code: "BUS_FULL" });

      const over = new AbortController();
      const reason = new Error("the attempt is over");
      const given = worker.trajectories.append(aStepRecorded(stored + 2, { episodeId }), over.signal);
      const outcome = given.catch((error: unknown) => error);
      const statuses: string[] = [];
      const patient = await nats.connect("w-2" as WorkerId, { onStatus: (status) => statuses.push(status) });
      const goesOn = new AbortController().signal;
      const record = aStepRecorded(stored + 1, { episodeId, workerId: "w-2" as WorkerId });
      const settled: string[] = [];
      const waiting = [
        patient.trajectories.append(record, goesOn).then(() => settled.push("step")),
        patient.blobs.put(image, { roomUntil: goesOn }).then(() => settled.push("image")),
      ];
      await expect.poll(() => statuses.filter((status) => status.includes("is full; ")).length).toBe(2);
      over.abort(reason);
      expect(await outcome).toBe(reason);
      expect(settled).toEqual([]);

      await apply(defaultRetention);
      await Promise.all(waiting);
      const read = await coordinator.trajectories.read("c-0001" as CampaignId, episodeId);
      expect(read.map(({ record: { workerId } }) => workerId)).toEqual([...Array<string>(stored).fill("w-1"), "w-2"]);
      expect(statuses.filter((status) => status.includes("is full; "))).toHaveLength(2);
    });
  });
});
