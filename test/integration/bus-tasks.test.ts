// Requirements: 3.3.queue, 3.3.backpressure, 3.3.traps, 3.bad.unknown-version, 3.bad.oversized, 5.4.nothing-kept
import { setTimeout as delay } from "node:timers/promises";
import { queryObjects } from "node:v8";
import type { CampaignId, WorkerId } from "@hindcast/shared";
import { limits, streams, subjects, taskConsumer } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { consumerDefinition } from "../../shared/src/node/bus/topology.ts";
import { anInstruction } from "../support/builders.ts";
import { task } from "../support/messages.ts";
import { aNatsServer, type TestNats, isSimulated, testPool } from "../support/nats-server.ts";
import { type RawNats, rawNats, shortenAckWait } from "../support/raw-nats.ts";

const never = new AbortController().signal;
const w1 = "w-1" as WorkerId;
const w2 = "w-2" as WorkerId;
const tasksBytesMax = 20_000;

describe("the task queue", () => {
  let nats: TestNats;
  let coordinator: Bus;
  let one: Bus;
  let two: Bus;
  let raw: RawNats;
  const statuses: string[] = [];

  beforeAll(async () => {
    nats = await aNatsServer();
    coordinator = await nats.coordinator({ tasksBytesMax });
    one = await nats.connect(w1, { onStatus: (status) => statuses.push(status) });
    two = await nats.connect(w2);
    raw = await rawNats(nats);
  });
  afterEach(async () => {
    await raw.manager.streams.purge(streams.tasks);
    await coordinator.ensureTopology({ pools: [testPool], replicas: 1, tasksBytesMax });
    for (const letter of await coordinator.deadLetters.list()) await coordinator.deadLetters.drop(letter.sequence);
  });
  afterAll(async () => {
    await raw[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  it("queues a task once while it is queued or worked on, and takes it again after it is done", async () => {
    expect(await coordinator.tasks.publish(task(1), never)).toBe("queued");
    expect(await coordinator.tasks.publish(task(1), never)).toBe("duplicate");
    const [leased] = await one.tasks.lease(testPool, 1, 10_000, never);
    expect(leased?.task).toEqual(task(1));
    expect(leased?.deliveryCount).toBe(1);
    expect(await coordinator.tasks.publish(task(1), never)).toBe("duplicate");
    expect(await leased?.done()).toBe(true);
    // Within the server's duplicate window: a message id derived from the task would be swallowed here.
    expect(await coordinator.tasks.publish(task(1), never)).toBe("queued");
  });

  it("gives each task to one worker, and never more than the worker has slots for", async () => {
    for (const n of [1, 2, 3, 4, 5]) await coordinator.tasks.publish(task(n), never);
    const first = await one.tasks.lease(testPool, 2, 10_000, never);
    const second = await two.tasks.lease(testPool, 10, 10_000, never);
    expect(first.map((leased) => leased.task.taskId)).toEqual(["task-1", "task-2"]);
    expect(second.map((leased) => leased.task.taskId)).toEqual(["task-3", "task-4", "task-5"]);
    expect(await coordinator.tasks.backlog(testPool)).toEqual({ queued: 0, working: 5 });
  });

  it("says how long the oldest task waits, and of how many that may be worked on", async () => {
    const now = () => coordinator.tasks.inspect(testPool);
    const { max_ack_pending: workingMax } = consumerDefinition(testPool);
    expect(await now()).toEqual({ queued: 0, working: 0, workingMax, oldestQueuedMs: null });
    for (const n of [1, 2]) await coordinator.tasks.publish(task(n), never);
    await one.tasks.lease(testPool, 1, 10_000, never);
    expect(await now()).toEqual({ queued: 1, working: 1, workingMax, oldestQueuedMs: expect.any(Number) as number });
  });

  it("keeps nothing of a lease that is over", async () => {
    const wake = AbortSignal.any([never, new AbortController().signal]);
    const leaseOne = async (n: number): Promise<void> => {
      await coordinator.tasks.publish(task(n), never);
      const [leased] = await one.tasks.lease(testPool, 1, 10_000, wake);
      await leased?.done();
    };
    await leaseOne(0);
    const before = queryObjects(AbortSignal, { format: "count" });
    for (let n = 1; n <= 30; n += 1) await leaseOne(n);
    expect(queryObjects(AbortSignal, { format: "count" }) - before).toBeLessThan(10);
  });

  it("hands over the first task that comes without waiting for the other slots to fill", async () => {
    const leasing = one.tasks.lease(testPool, 8, 30_000, never);
    await delay(100);
    const startedAt = performance.now();
    await coordinator.tasks.publish(task(1), never);
    expect(await leasing).toHaveLength(1);
    // Well before the thirty seconds that the wait may last.
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  it("returns nothing when nothing comes in time, or when the wait is aborted", async () => {
    expect(await one.tasks.lease(testPool, 1, 200, never)).toEqual([]);
    const stop = new AbortController();
    const leasing = one.tasks.lease(testPool, 1, 30_000, stop.signal);
    stop.abort();
    expect(await leasing).toEqual([]);
    await coordinator.tasks.publish(task(1), never);
    // The aborted pull took nothing with it.
    expect(await two.tasks.lease(testPool, 1, 10_000, never)).toHaveLength(1);
  });

  it("keeps a task with its worker for as long as working() is said, and no longer", async () => {
    await shortenAckWait(raw, 3_000);
    await coordinator.tasks.publish(task(1), never);
    const [leased] = await one.tasks.lease(testPool, 1, 10_000, never);
    for (let beat = 0; beat < 6; beat += 1) {
      await delay(700);
      leased?.working();
    }
    expect(await two.tasks.lease(testPool, 1, 100, never)).toEqual([]);
    const [again] = await two.tasks.lease(testPool, 1, 15_000, never);
    expect(again?.deliveryCount).toBe(2);
  });

  it("gives a task handed back to the next worker at once, or after the delay asked for", async () => {
    await coordinator.tasks.publish(task(1), never);
    const [first] = await one.tasks.lease(testPool, 1, 10_000, never);
    first?.handBack();
    const [second] = await two.tasks.lease(testPool, 1, 10_000, never);
    expect(second?.deliveryCount).toBe(2);
    const startedAt = performance.now();
    second?.handBack(700);
    const [third] = await one.tasks.lease(testPool, 1, 10_000, never);
    expect(third?.deliveryCount).toBe(3);
    expect(performance.now() - startedAt).toBeGreaterThan(600);
  });

  // Ten seconds of waiting, once: against the real server.
  it.skipIf(isSimulated)(
    "caps the delay of a hand-back, because a delayed task holds a place in max_ack_pending",
    async () => {
      await shortenAckWait(raw, 60_000, { max_ack_pending: 2 });
      for (const n of [1, 2, 3]) await coordinator.tasks.publish(task(n), never);
      const leased = await one.tasks.lease(testPool, 2, 10_000, never);
      for (const each of leased) each.handBack(3_600_000);
      // The trap itself: two delayed tasks stall the third.
      expect(await two.tasks.lease(testPool, 1, 500, never)).toEqual([]);
      // The cap: an hour became ten seconds, so the queue moves again by itself.
      expect(await two.tasks.lease(testPool, 1, 2 * limits.nakDelayMsMax, never)).toHaveLength(1);
    },
    40_000,
  );

  it("makes a publisher wait while the queue is full, and drops nothing", async () => {
    const bulky = (n: number): ReturnType<typeof task> =>
      task(n, { instruction: anInstruction({ text: "x".repeat(6_000) }) });
    const published: string[] = [];
    const publishing = (async () => {
      for (let n = 1; n <= 8; n += 1) {
        await coordinator.tasks.publish(bulky(n), never);
        published.push(`task-${n}`);
      }
    })();
    await expect.poll(() => published.length).toBeGreaterThanOrEqual(2);
    await delay(300);
    expect(published.length).toBeLessThan(4);
    const done: string[] = [];
    while (done.length < 8) {
      for (const leased of await one.tasks.lease(testPool, 1, 10_000, never)) {
        expect(await leased.done()).toBe(true);
        done.push(leased.task.taskId);
      }
    }
    await publishing;
    expect(done).toEqual(published);
  });

  it("stops waiting for room when it is told to", async () => {
    const stop = new AbortController();
    const bulky = task("a", { instruction: anInstruction({ text: "x".repeat(8_000) }) });
    await coordinator.tasks.publish(bulky, never);
    await coordinator.tasks.publish({ ...bulky, taskId: task("b").taskId }, never);
    const publishing = coordinator.tasks.publish({ ...bulky, taskId: task("c").taskId }, stop.signal);
    setTimeout(() => stop.abort(), 200);
    await expect(publishing).rejects.toThrow();
    expect((await coordinator.tasks.backlog(testPool)).queued).toBe(2);
  });

  it("purges what is queued of one campaign and leaves what is worked on", async () => {
    const other = "c-0002" as CampaignId;
    for (const n of [1, 2, 3]) await coordinator.tasks.publish(task(n), never);
    await coordinator.tasks.publish(task(4, { campaignId: other }), never);
    const [leased] = await one.tasks.lease(testPool, 1, 10_000, never);
    expect(await coordinator.tasks.purge(task(1).campaignId)).toBe(2);
    expect(await leased?.done()).toBe(true);
    const rest = await one.tasks.lease(testPool, 5, 500, never);
    expect(rest.map((each) => each.task.campaignId)).toEqual([other]);
  });

  it.each([
    ["version", { ...task(1), v: 2 }, "PROTOCOL_UNKNOWN_VERSION"],
    ["kind", { ...task(1), kind: "dream" }, "PROTOCOL_INVALID"],
  ])("keeps a task of an unknown %s as a dead letter and goes on leasing", async (_, strange, code) => {
    const payload = JSON.stringify(strange);
    await raw.jetstream.publish(subjects.task(testPool, task(1).campaignId, task(1).taskId), payload);
    await coordinator.tasks.publish(task(2), never);
    const leased = await one.tasks.lease(testPool, 5, 10_000, never);
    expect(leased.map((each) => each.task.taskId)).toEqual(["task-2"]);
    const letters = await coordinator.deadLetters.list();
    expect(letters.map((letter) => Buffer.from(letter.payload).toString())).toEqual([payload]);
    expect(letters[0]?.reason).toContain(code);
    expect(statuses.filter((status) => status.startsWith("unreadable task") && status.endsWith(code))).toHaveLength(1);
    expect(await coordinator.tasks.backlog(testPool)).toEqual({ queued: 0, working: 1 });
  });

  it("refuses a task over the size limit before anything is sent", async () => {
    const huge = task(1, {
      environment: {
        kind: "shell",
        files: [
          { path: "a", content: "x".repeat(199_000) },
          { path: "b", content: "x".repeat(99_000) },
        ],
        setup: [],
      },
    });
    await expect(coordinator.tasks.publish(huge, never)).rejects.toMatchObject({ code: "PROTOCOL_TOO_LARGE" });
    expect((await coordinator.tasks.backlog(testPool)).queued).toBe(0);
  });

  it("takes over new settings where the consumer exists already, as after an upgrade", async () => {
    await shortenAckWait(raw, 1_000, { max_deliver: 2, max_ack_pending: 3 });
    await coordinator.ensureTopology({ pools: [testPool], replicas: 1, tasksBytesMax });
    const { config } = await raw.manager.consumers.info(streams.tasks, taskConsumer(testPool));
    expect(config.max_deliver).toBe(limits.deliveriesMax);
    expect(config.ack_wait).toBe(limits.ackWaitMs * 1_000_000);
    await coordinator.ensureTopology({ pools: [testPool], replicas: 1, tasksBytesMax: 2 * tasksBytesMax });
    expect((await raw.manager.streams.info(streams.tasks)).config.max_bytes).toBe(2 * tasksBytesMax);
  });

  it("gets a deleted consumer back from the coordinator, while workers wait for it", async () => {
    const leasing = one.tasks.lease(testPool, 1, 30_000, never);
    await delay(50);
    await raw.manager.consumers.delete(streams.tasks, taskConsumer(testPool));
    await coordinator.tasks.publish(task(1), never);
    const leased = await leasing;
    const later = leased.length > 0 ? leased : await one.tasks.lease(testPool, 1, 10_000, never);
    expect(later.map((each) => each.task.taskId)).toEqual(["task-1"]);
  });

  it("parks more waiting workers than the server's default of 512 pulls allows", async () => {
    const stop = new AbortController();
    const waiting = Array.from({ length: 600 }, () => one.tasks.lease(testPool, 1, 20_000, stop.signal));
    await expect
      .poll(async () => (await raw.manager.consumers.info(streams.tasks, taskConsumer(testPool))).num_waiting)
      .toBe(600);
    stop.abort();
    expect((await Promise.all(waiting)).flat()).toEqual([]);
  });
});
