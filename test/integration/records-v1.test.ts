// Stored data outlives the code that wrote it: every line under test/fixtures/records-v1 was written by a version 1 and
// must be read by every later version 1 with the same meaning. Lines are only ever added.
// Requirements: 5.10.schema-evolution, 5.10.unknown-versions
import { readdirSync, readFileSync } from "node:fs";
import {
  AuditRecord,
  BudgetRecord,
  CampaignRecord,
  ControlReply,
  ControlRequest,
  decode,
  Demonstration,
  encode,
  type EpisodeId,
  LaneRecord,
  LeaseRecord,
  limits,
  Progress,
  RolloutTask,
  StoredTrajectoryRecord,
  Task,
  TaskResult,
  type WorkerId,
  WorkerRecord,
} from "@hindcast/shared";
import { BatchesValue, JournaledCompletion } from "@hindcast/shared/node";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { countUnreadable } from "../../shared/src/node/unreadable-counter.ts";
import { aNatsServer, testPool } from "../support/nats-server.ts";
import { rawNats } from "../support/raw-nats.ts";

const folder = new URL("../fixtures/records-v1/", import.meta.url);
const schemas: Record<string, z.ZodType> = {
  audit: AuditRecord,
  batches: BatchesValue,
  budgets: BudgetRecord,
  campaigns: CampaignRecord,
  "control-replies": ControlReply,
  "control-requests": ControlRequest,
  demonstrations: Demonstration,
  journal: JournaledCompletion,
  lanes: LaneRecord,
  leases: LeaseRecord,
  progress: Progress,
  results: TaskResult,
  tasks: Task,
  "trajectory-records": StoredTrajectoryRecord,
  workers: WorkerRecord,
};
const linesOf = (name: string): string[] =>
  readFileSync(new URL(`${name}.jsonl`, folder), "utf8")
    .trim()
    .split("\n");
const bytesOf = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

describe.each(Object.entries(schemas))("stored %s", (name, schema) => {
  it.each(linesOf(name).map((line, at): [number, string] => [at + 1, line]))(
    "line %i is read, and means the same",
    (_, line) => {
      const read = decode(schema, Buffer.from(line), limits.leaseBytesMax);
      expect(read).toMatchObject(JSON.parse(line) as object);
      expect(decode(schema, encode(schema, read, limits.leaseBytesMax), limits.leaseBytesMax)).toEqual(read);
    },
  );

  it("of a version that is not known are never guessed at", () => {
    const newer = { ...(JSON.parse(linesOf(name)[0] ?? "") as object), v: 2 };
    expect(() => decode(schema, bytesOf(newer))).toThrow(expect.objectContaining({ code: "PROTOCOL_UNKNOWN_VERSION" }));
  });
});

describe("the stored records", () => {
  it("are of every kind that there is", () => {
    expect(readdirSync(folder).toSorted()).toEqual(Object.keys(schemas).map((name) => `${name}.jsonl`));
    const kindsIn = (name: string): Set<unknown> =>
      new Set(linesOf(name).map((line) => (JSON.parse(line) as { kind: unknown }).kind));
    const unions = {
      audit: AuditRecord,
      batches: BatchesValue,
      "control-replies": ControlReply,
      "control-requests": ControlRequest,
      results: TaskResult,
      tasks: Task,
      "trajectory-records": StoredTrajectoryRecord,
    };
    for (const [name, union] of Object.entries(unions)) {
      const kinds = union.options.flatMap((option) => [...option.shape.kind.values]);
      expect(kindsIn(name), name).toEqual(new Set(kinds));
    }
  });

  it("of before a field was added mean what the system did then", () => {
    const first = <S extends z.ZodType>(name: string, schema: S): z.output<S> =>
      decode(schema, Buffer.from(linesOf(name)[0] ?? ""));
    expect(first("tasks", RolloutTask).limits).toMatchObject({
      snapshotEverySteps: 1,
      snapshotBytesMax: 32 * 1024 * 1024,
    });
    expect(first("leases", LeaseRecord).closed).toBeNull();
    const unled = { leader: null, resumed: 0, tuning: {}, forgottenAt: null };
    expect(first("campaigns", CampaignRecord)).toMatchObject({
      ...unled,
      requestId: null,
      takenUp: { times: 0, newestResult: 0, newestRecord: 0 },
      settings: { priority: "normal", weight: 1, batch: { purposes: [] } },
    });
    expect(first("lanes", LaneRecord).learned).toEqual([]);
  });
});

describe("a record of a version that is not known", () => {
  it("stays where it is, byte for byte, is passed over and counted, wherever it lies", async () => {
    await using nats = await aNatsServer();
    const registry = new Registry();
    await nats.coordinator();
    const bus = await nats.connect("coordinator", { onStatus: countUnreadable(registry) });
    await using raw = await rawNats(nats);
    const newer = '{"v":2,"kind":"something"}';
    const places = {
      TASKS: "hindcast.task.shell.c-1.task-1",
      TRAJECTORIES: "hindcast.trajectory.w-1.c-1.ep-1.1",
      RESULTS: "hindcast.result.c-1.task-1",
      DEMONSTRATIONS: "hindcast.demonstration.shell.demo-1",
      KV_LEASES: "$KV.LEASES.episode.ep-1",
      KV_CAMPAIGNS: "$KV.CAMPAIGNS.c-1",
      KV_JOURNAL: "$KV.JOURNAL.k",
      KV_WORKERS: "$KV.WORKERS.w-1",
      KV_BATCHES: "$KV.BATCHES.b",
      KV_BUDGETS: "$KV.BUDGETS.c-1",
      KV_LANES: "$KV.LANES.l",
      AUDIT: "hindcast.audit.start",
    };
    for (const subject of Object.values(places)) await raw.jetstream.publish(subject, newer);

    const [campaign, episode, worker] = ["c-1", "ep-1", "w-1"] as [CampaignRecord["id"], EpisodeId, WorkerId];
    expect(await bus.trajectories.read(campaign, episode)).toEqual([]);
    expect(await bus.results.list(campaign)).toEqual([]);
    expect(await bus.results.has(campaign, "task-1" as Task["taskId"])).toBe(true);
    expect(await bus.leases.acquire("episode.ep-1", worker)).toEqual({ kind: "held" });
    expect(await bus.records("CAMPAIGNS", CampaignRecord).entries()).toEqual([]);
    expect(await bus.records("WORKERS", WorkerRecord).entries()).toEqual([]);
    expect(await bus.records("JOURNAL", JournaledCompletion).entries()).toEqual([]);
    expect(await bus.records("BATCHES", BatchesValue).entries()).toEqual([]);
    expect(await bus.records("BUDGETS", BudgetRecord).entries()).toEqual([]);
    expect(await bus.records("LANES", LaneRecord).entries()).toEqual([]);
    for await (const { record } of bus.audit.read()) expect(record).toBeUndefined();
    // Never bought again over an answer that somebody can read.
    await expect(bus.records("JOURNAL", JournaledCompletion).get("k")).rejects.toMatchObject({
      code: "PROTOCOL_UNKNOWN_VERSION",
    });
    for await (const { demonstration, problem } of bus.demonstrations.follow(1, AbortSignal.timeout(10_000))) {
      expect([demonstration, problem]).toEqual([null, expect.stringContaining("version 2 is not known")]);
      break;
    }
    // A task is moved, with its bytes, because it would otherwise come again and again.
    expect(await bus.tasks.lease(testPool, 1, 1_000, new AbortController().signal)).toEqual([]);
    const [letter] = await bus.deadLetters.list();
    expect(Buffer.from(letter?.payload ?? []).toString()).toBe(newer);

    for (const [stream, subject] of Object.entries(places)) {
      if (stream === "TASKS") continue;
      const stored = await raw.manager.streams.getMessage(stream, { last_by_subj: subject });
      expect(stored?.string(), subject).toBe(newer);
    }
    const counted = (await registry.getSingleMetric("hindcast_unreadable_total")?.get())?.values ?? [];
    const seen = counted.filter(({ value }) => value > 0);
    expect(Object.fromEntries(seen.map(({ labels, value }) => [labels["what"], value]))).toEqual({
      BATCHES: 1,
      BUDGETS: 1,
      CAMPAIGNS: 1,
      JOURNAL: 1,
      LANES: 1,
      WORKERS: 1,
      "audit-record": 1,
      lease: 1,
      result: 1,
      task: 1,
      "trajectory-record": 1,
    });
  });
});
