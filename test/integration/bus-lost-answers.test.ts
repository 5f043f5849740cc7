// Requirements: 3.3.write-once, 3.3.fencing, 3.3.queue, 3.3.traps
import type { LeaseName, TaskId, WorkerId } from "@hindcast/shared";
import { subjects } from "@hindcast/shared";
import { type Bus, connectBus } from "@hindcast/shared/node";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { acquire } from "../support/leases.ts";
import { anEpisodeEnded, aStepRecorded, task } from "../support/messages.ts";
import { aLossyProxy, type LossyProxy } from "../support/lossy-proxy.ts";
import { aNatsServer, type TestNats, testPool } from "../support/nats-server.ts";
import { type RawNats, rawNats } from "../support/raw-nats.ts";

const never = new AbortController().signal;
const w1 = "w-1" as WorkerId;
const Note = z.strictObject({ v: z.literal(1), n: z.int() });

describe("a write whose confirmation was lost on the way", () => {
  let nats: TestNats;
  let proxy: LossyProxy;
  let bus: Bus;
  let raw: RawNats;

  beforeAll(async () => {
    nats = await aNatsServer();
    await nats.coordinator();
    proxy = await aLossyProxy(nats.server.url);
    bus = await connectBus({ ...nats.options("coordinator"), servers: proxy.url });
    raw = await rawNats(nats);
  });
  afterAll(async () => {
    await bus.close();
    await raw[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  /** Starts the write while answers are lost, and lets the connection break once the server has stored it. */
  async function unconfirmed<T>(stream: string, subject: string, write: () => Promise<T>): Promise<T> {
    await bus.ping();
    const sequence = async (): Promise<number> =>
      (await raw.manager.streams.getMessage(stream, { last_by_subj: subject }))?.seq ?? 0;
    const before = await sequence();
    proxy.mute();
    const writing = write();
    await expect.poll(sequence).toBeGreaterThan(before);
    const stored = await sequence();
    proxy.cut();
    const outcome = await writing;
    expect(await sequence()).toBe(stored);
    return outcome;
  }

  it("is found to be one's own: a task is queued once", async () => {
    const subject = subjects.task(testPool, task(1).campaignId, task(1).taskId);
    expect(await unconfirmed("TASKS", subject, () => bus.tasks.publish(task(1), never))).toBe("queued");
    expect(await bus.tasks.backlog(testPool)).toEqual({ queued: 1, working: 0 });
  });

  it("is found to be one's own: a result is stored, and not taken for somebody else's", async () => {
    const result = anEpisodeEnded({ taskId: "task-lost" as TaskId });
    const subject = subjects.result(result.campaignId, result.taskId);
    expect(await unconfirmed("RESULTS", subject, () => bus.results.put(result))).toBe("stored");
  });

  it("is found to be one's own: a lease is held, under the token of the write that was stored", async () => {
    const lost: LeaseName = "episode.ep-lost";
    const subject = `$KV.LEASES.${lost}`;
    const lease = await unconfirmed("KV_LEASES", subject, () => acquire(bus, lost, w1));
    expect((await bus.leases.holder(lost))?.token).toBe(lease?.token);
    expect(await unconfirmed("KV_LEASES", subject, () => lease?.renew() ?? Promise.resolve(false))).toBe(true);
    expect((await bus.leases.holder(lost))?.token).toBe(lease?.token);
    const result = anEpisodeEnded({ taskId: "task-lost" as TaskId });
    const close = (): Promise<unknown> => lease?.close(result) ?? Promise.resolve(null);
    expect(await unconfirmed("KV_LEASES", subject, close)).toMatchObject({ result });
    expect(await bus.leases.acquire(lost, w1)).toMatchObject({ kind: "closed", closed: { result } });
  });

  it("is found to be one's own: a record is created and updated, not in conflict with itself", async () => {
    const records = bus.records("CAMPAIGNS", Note);
    const revision = await unconfirmed("KV_CAMPAIGNS", "$KV.CAMPAIGNS.c-1", () =>
      records.create("c-1", { v: 1, n: 1 }),
    );
    const newer = await unconfirmed("KV_CAMPAIGNS", "$KV.CAMPAIGNS.c-1", () =>
      records.update("c-1", { v: 1, n: 2 }, revision),
    );
    expect(await records.get("c-1")).toEqual({ value: { v: 1, n: 2 }, revision: newer });
  });

  it("is not stored twice: a step", async () => {
    const step = aStepRecorded(1);
    const subject = subjects.trajectory(w1, step.campaignId, step.episodeId, 1);
    await unconfirmed("TRAJECTORIES", subject, () => bus.trajectories.append(step));
    expect(await bus.trajectories.read(step.campaignId, step.episodeId)).toHaveLength(1);
  });

  it("is tried again: an acknowledgement", async () => {
    const [leased] = await bus.tasks.lease(testPool, 1, 1_000, never);
    proxy.mute();
    const done = leased?.done();
    await expect.poll(async () => (await raw.manager.streams.info("TASKS")).state.messages).toBe(0);
    proxy.cut();
    expect(await done).toBe(true);
  });

  it("but another's write in between is a conflict", async () => {
    const records = bus.records("CAMPAIGNS", Note);
    const revision = await records.create("c-2", { v: 1, n: 1 });
    await raw.jetstream.publish("$KV.CAMPAIGNS.c-2", JSON.stringify({ v: 1, n: 9 }));
    await expect(records.update("c-2", { v: 1, n: 2 }, revision)).rejects.toMatchObject({ code: "BUS_CONFLICT" });
  });
});

describe("a subscription whose confirmation was lost on the way", () => {
  it("answers nobody once the service that it was for was not handed out", async () => {
    await using nats = await aNatsServer();
    const other = await nats.coordinator();
    await using proxy = await aLossyProxy(nats.server.url);
    const bus = await connectBus({ ...nats.options("coordinator"), servers: proxy.url });
    const subject = subjects.admission("renew");
    const note = { v: 1 as const, n: 1 };
    const handle = (): Promise<typeof note> => Promise.resolve(note);
    await bus.ping();
    proxy.mute();
    const serving = bus.serve({ subject, queue: "test", request: Note, reply: Note, handle });
    serving.catch(() => undefined);
    await delay(100);
    proxy.cut();
    const ask = (): Promise<z.output<typeof Note>> =>
      other.request({ subject, request: Note, reply: Note, value: note, timeoutMs: 500 });
    const outcome = await serving.then(
      (served) => served,
      () => null,
    );
    expect(outcome).toBeNull();
    // A client that is connected again asks again for all that it had subscribed to.
    await expect.poll(() => bus.ping().catch(() => -1)).toBeGreaterThanOrEqual(0);
    await expect(ask()).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
    await bus.close();
  });
});
