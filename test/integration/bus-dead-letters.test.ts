// Requirements: 3.3.dead-letters, 3.3.traps
import { setTimeout as delay } from "node:timers/promises";
import type { WorkerId } from "@hindcast/shared";
import { limits, streams } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { task } from "../support/messages.ts";
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
    for (const stream of [streams.tasks, streams.deadLetters, streams.advisories])
      await raw.manager.streams.purge(stream);
  });
  afterAll(async () => {
    await raw[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  /** Leases and hands back until JetStream gives the task up, as workers that keep dying would. */
  async function exhaust(): Promise<void> {
    for (let delivery = 1; delivery <= limits.attemptsMax; delivery += 1) {
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
    expect(await coordinator.deadLetters.list()).toMatchObject([{ deliveries: limits.attemptsMax }]);
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
