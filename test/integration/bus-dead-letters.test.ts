// Requirements: 3.3.dead-letters, 3.3.traps, 5.3.dead-letters, 5.3.history, 5.3.requeue, 5.3.reconciler
import { setTimeout as delay } from "node:timers/promises";
import { headers } from "@nats-io/transport-node";
import type { WorkerId } from "@hindcast/shared";
import { leaseOf, limits, streams, subjects, taskConsumer } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { BucketLeaseStore } from "../../shared/src/node/bus/lease-store.ts";
import { acquire } from "../support/leases.ts";
import { anAttemptBegun, anEpisodeEnded, task } from "../support/messages.ts";
import { aNatsServer, type TestNats, testPool } from "../support/nats-server.ts";
import { type RawNats, rawNats, shortenAckWait } from "../support/raw-nats.ts";

const never = new AbortController().signal;
const w1 = "w-1" as WorkerId;

describe("dead letters", () => {
  let nats: TestNats;
  let coordinator: Bus;
  let worker: Bus;
  let raw: RawNats;

  beforeAll(async () => {
    nats = await aNatsServer();
    coordinator = await nats.coordinator();
    worker = await nats.connect(w1);
    raw = await rawNats(nats);
  });
  afterEach(async () => {
    // Consumers as they were: some tests change them.
    await coordinator.ensureTopology({ pools: [testPool], replicas: 1, tasksBytesMax: 64 * 1024 * 1024 });
    for (const stream of [streams.tasks, streams.deadLetters, streams.advisories])
      await raw.manager.streams.purge(stream);
  });
  afterAll(async () => {
    await raw[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  /** Leases and hands back until JetStream gives the task up, as workers that keep dying would. */
  async function exhaust(): Promise<void> {
    for (let delivery = 1; delivery <= limits.deliveriesMax; delivery += 1) {
      const [leased] = await worker.tasks.lease(testPool, 1, 10_000, never);
      expect(leased?.deliveryCount).toBe(delivery);
      leased?.handBack();
    }
    expect(await worker.tasks.lease(testPool, 1, 300, never)).toEqual([]);
  }

  it("take what a worker gives up on, with payload, subject, reason and number of deliveries", async () => {
    await coordinator.tasks.publish(task(1), never);
    const [leased] = await worker.tasks.lease(testPool, 1, 10_000, never);
    await leased?.deadLetter("the environment does not exist:\nreally");
    const [letter, ...others] = await coordinator.deadLetters.list();
    expect(others).toEqual([]);
    expect(letter).toMatchObject({
      stream: streams.tasks,
      subject: "hindcast.task.shell.c-0001.task-1",
      reason: "the environment does not exist: really",
      deliveries: 1,
    });
    expect(JSON.parse(Buffer.from(letter?.payload ?? []).toString())).toEqual(task(1));
    expect((await raw.manager.streams.info(streams.tasks)).state.messages).toBe(0);
    await coordinator.deadLetters.requeue(letter?.sequence ?? 0);
    expect(await coordinator.deadLetters.list()).toEqual([]);
    const [again] = await worker.tasks.lease(testPool, 1, 10_000, never);
    expect(again).toMatchObject({ task: task(1), deliveryCount: 1 });
  });

  it("take what workers died of: JetStream itself leaves such a task in the queue, invisible", async () => {
    await coordinator.tasks.publish(task(1), never);
    await exhaust();
    // The trap: neither pending nor being worked on, and still there.
    expect(await coordinator.tasks.backlog(testPool)).toEqual({ queued: 0, working: 0 });
    expect((await raw.manager.streams.info(streams.tasks)).state.messages).toBe(1);
    expect(await coordinator.tasks.publish(task(1), never)).toBe("duplicate");
    expect(await coordinator.deadLetters.reconcile([testPool])).toBe(1);
    expect(await coordinator.deadLetters.list()).toMatchObject([{ deliveries: limits.deliveriesMax }]);
    expect((await raw.manager.streams.info(streams.tasks)).state.messages).toBe(0);
    expect(await coordinator.deadLetters.reconcile([testPool])).toBe(0);
  });

  it("take it even when the server's advisory was lost", async () => {
    await coordinator.tasks.publish(task(1), never);
    await coordinator.tasks.publish(task(2), never);
    const [first] = await worker.tasks.lease(testPool, 1, 10_000, never);
    expect(await first?.done()).toBe(true);
    await exhaust();
    await raw.manager.streams.purge(streams.advisories);
    expect(await coordinator.deadLetters.reconcile([testPool])).toBe(1);
    expect((await coordinator.deadLetters.list()).map((letter) => letter.subject)).toEqual([
      "hindcast.task.shell.c-0001.task-2",
    ]);
  });

  it("leave alone what is queued or worked on", async () => {
    for (const n of [1, 2, 3]) await coordinator.tasks.publish(task(n), never);
    const [leased] = await worker.tasks.lease(testPool, 1, 10_000, never);
    expect(await coordinator.deadLetters.reconcile([testPool])).toBe(0);
    expect(await leased?.done()).toBe(true);
    expect(await coordinator.tasks.backlog(testPool)).toEqual({ queued: 2, working: 0 });
  });

  it("hear of an expired last delivery from the server's timer, but of a handed-back one only when a worker asks", async () => {
    const advisories = async (): Promise<number> => (await raw.manager.streams.info(streams.advisories)).state.messages;
    await shortenAckWait(raw, 1_000, { max_deliver: 1 });
    await coordinator.tasks.publish(task(1), never);
    await worker.tasks.lease(testPool, 1, 10_000, never);
    await expect.poll(advisories, { timeout: 5_000 }).toBe(1);
    await coordinator.tasks.publish(task(2), never);
    const [leased] = await worker.tasks.lease(testPool, 1, 10_000, never);
    leased?.handBack();
    // Longer than the timer that announced the other one.
    await delay(2_000);
    expect(await advisories()).toBe(1);
    expect(await worker.tasks.lease(testPool, 1, 300, never)).toEqual([]);
    await expect.poll(advisories).toBe(2);
    expect(await coordinator.deadLetters.reconcile([testPool])).toBe(2);
  });

  it("tell of every attempt: who had it, when, and how it ended", async () => {
    const work = task("told");
    await coordinator.tasks.publish(work, never);
    const head = { taskId: work.taskId, episodeId: work.episodeId };
    const error = { code: "SANDBOX_LOST" as const, boundary: "sandbox" as const, message: "killé\n", retryable: true };
    const first = { ...head, attempt: 1, fencingToken: 3 };
    await worker.trajectories.append(anAttemptBegun({ ...first, delivery: 1 }));
    await worker.trajectories.append({ ...anAttemptBegun(first), kind: "attempt.failed", delivery: 1, error });
    await worker.trajectories.append(anAttemptBegun({ ...head, attempt: 2, fencingToken: 5, delivery: 2 }));
    // Of another task of the same episode.
    await worker.trajectories.append(anAttemptBegun({ episodeId: work.episodeId, fencingToken: 7 }));
    const [leased] = await worker.tasks.lease(testPool, 1, 10_000, never);
    await leased?.deadLetter("no more");
    const [letter] = await coordinator.deadLetters.list();
    expect(letter?.history).toMatchObject([
      { attempt: 1, delivery: 1, workerId: w1, error: { code: "SANDBOX_LOST", message: "killé\n" } },
      { attempt: 2, delivery: 2, workerId: w1, error: null },
    ]);
    expect((await coordinator.deadLetters.get(letter?.sequence ?? 0)).history).toEqual(letter?.history);
    expect(JSON.parse(Buffer.from(letter?.payload ?? []).toString())).toEqual(work);
  });

  it("of earlier versions are still read: they have no history", async () => {
    const old = {
      "Hindcast-Subject": "hindcast.task.shell.c-1.task-1",
      "Hindcast-Reason": "x",
      "Hindcast-Deliveries": "2",
    };
    const named = headers();
    for (const [name, value] of Object.entries(old)) named.set(name, value);
    await raw.jetstream.publish(subjects.deadLetter("TASKS", 999), "raw bytes", { headers: named });
    expect(await coordinator.deadLetters.list()).toMatchObject([
      { stream: "TASKS", subject: "hindcast.task.shell.c-1.task-1", deliveries: 2, reason: "x", history: [] },
    ]);
  });

  it("are not requeued where a terminal record stands, readable or not: nothing would come of it", async () => {
    const work = task("over");
    await coordinator.tasks.publish(work, never);
    const [leased] = await worker.tasks.lease(testPool, 1, 10_000, never);
    await leased?.deadLetter("no");
    const [letter] = await coordinator.deadLetters.list();
    await worker.results.put(anEpisodeEnded({ taskId: work.taskId, episodeId: work.episodeId }));
    await raw.jetstream.publish("hindcast.task.shell.c-0001.task-over", JSON.stringify({ v: 9 }));
    expect(await worker.tasks.lease(testPool, 1, 1_000, never)).toEqual([]);
    const letters = await coordinator.deadLetters.list();
    expect(letters).toHaveLength(2);
    for (const { sequence } of letters) {
      await expect(coordinator.deadLetters.requeue(sequence)).rejects.toMatchObject({
        code: "BUS_CONFLICT",
        message: expect.stringContaining("terminal record, which stands for ever") as string,
      });
    }
    expect(await coordinator.deadLetters.list()).toHaveLength(2);
    expect(letter?.subject).toBe("hindcast.task.shell.c-0001.task-over");
  });

  it("are not requeued while a worker still holds the task", async () => {
    const work = task("still-held");
    await coordinator.tasks.publish(work, never);
    const [leased] = await worker.tasks.lease(testPool, 1, 10_000, never);
    await leased?.deadLetter("no");
    const lease = await acquire(worker, leaseOf.episode(work.episodeId), w1);
    const [letter] = await coordinator.deadLetters.list();
    const requeue = (): Promise<void> => coordinator.deadLetters.requeue(letter?.sequence ?? 0);
    await expect(requeue()).rejects.toMatchObject({ code: "BUS_CONFLICT", retryable: true });
    await lease?.release();
    await requeue();
    expect(await coordinator.leases.holder(leaseOf.episode(work.episodeId))).toBeNull();
    expect((await worker.tasks.lease(testPool, 1, 10_000, never)).map((one) => one.task)).toEqual([work]);
  });

  it("are made once by any number of reconcilers, also after a crash between the two halves of a move", async () => {
    await coordinator.tasks.publish(task("moved"), never);
    await exhaust();
    const { seq, data } = (await raw.manager.streams.getMessage(streams.tasks, { last_by_subj: "hindcast.task.>" }))!;
    // The first half, longer ago than the server remembers message ids.
    await raw.jetstream.publish(subjects.deadLetter("TASKS", seq), data);
    const other = await nats.connect("coordinator");
    await Promise.all([coordinator.deadLetters.reconcile([testPool]), other.deadLetters.reconcile([testPool])]);
    expect(await coordinator.deadLetters.list()).toHaveLength(1);
    expect((await raw.manager.streams.info(streams.tasks)).state.messages).toBe(0);
  });

  it("do not take what is only left because somebody deleted the consumer: it is made again and delivers", async () => {
    await coordinator.tasks.publish(task("orphan"), never);
    expect(await worker.tasks.lease(testPool, 1, 10_000, never)).toHaveLength(1);
    await raw.manager.consumers.delete(streams.tasks, taskConsumer(testPool));
    expect(await coordinator.deadLetters.reconcile([testPool])).toBe(0);
    const [again] = await worker.tasks.lease(testPool, 1, 10_000, never);
    expect(again?.task).toEqual(task("orphan"));
  });

  it("are requeued also where the lease that was held meanwhile cannot be given up: it expires", async () => {
    const work = task("unreleased");
    await coordinator.tasks.publish(work, never);
    const [leased] = await worker.tasks.lease(testPool, 1, 10_000, never);
    await leased?.deadLetter("no");
    type Acquire = BucketLeaseStore["acquire"];
    const acquireLease = Reflect.get(BucketLeaseStore.prototype, "acquire") as Acquire;
    const spy = vi.spyOn(BucketLeaseStore.prototype, "acquire").mockImplementation(async function (
      this: BucketLeaseStore,
      ...args
    ) {
      const acquisition = await acquireLease.apply(this, args);
      if (acquisition.kind === "acquired") acquisition.lease.release = () => Promise.reject(new Error("no answer"));
      return acquisition;
    });
    try {
      const [letter] = await coordinator.deadLetters.list();
      await coordinator.deadLetters.requeue(letter?.sequence ?? 0);
      expect(spy).toHaveBeenCalledTimes(1);
    } finally {
      spy.mockRestore();
    }
    expect(await coordinator.deadLetters.list()).toEqual([]);
    expect((await worker.tasks.lease(testPool, 1, 10_000, never)).map((one) => one.task)).toEqual([work]);
  });

  it("tell the newest of them, and none where there is none", async () => {
    expect(await coordinator.deadLetters.newest()).toBe(0);
    for (const n of [1, 2]) {
      await coordinator.tasks.publish(task(`newest-${n}`), never);
      const [leased] = await worker.tasks.lease(testPool, 1, 10_000, never);
      await leased?.deadLetter("no");
    }
    const [older, newer] = await coordinator.deadLetters.list();
    expect(await coordinator.deadLetters.newest()).toBe(newer?.sequence);
    await coordinator.deadLetters.drop(newer?.sequence ?? 0);
    expect(await coordinator.deadLetters.newest()).toBe(older?.sequence);
  });

  it("can be dropped, and say so when they are gone", async () => {
    await coordinator.tasks.publish(task(1), never);
    const [leased] = await worker.tasks.lease(testPool, 1, 10_000, never);
    await leased?.deadLetter("no");
    const [letter] = await coordinator.deadLetters.list();
    await coordinator.deadLetters.drop(letter?.sequence ?? 0);
    expect(await coordinator.deadLetters.list()).toEqual([]);
    await expect(coordinator.deadLetters.requeue(letter?.sequence ?? 0)).rejects.toMatchObject({
      code: "BUS_NOT_FOUND",
    });
  });
});
