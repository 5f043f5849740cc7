// Requirements: 5.1.restart
import { leaseOf, type RolloutTask, streams, type WorkerId, WorkerRecord } from "@hindcast/shared";
import { type Bus, leaseOfTask, silentLogger } from "@hindcast/shared/node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { acquire } from "../../../test/support/leases.ts";
import { task } from "../../../test/support/messages.ts";
import { aNatsServer, type TestNats, testPool } from "../../../test/support/nats-server.ts";
import { type RawNats, rawNats } from "../../../test/support/raw-nats.ts";
import { handBackOfPredecessor } from "./predecessor.ts";
import { WorkerControl } from "./worker-control.ts";

const never = new AbortController().signal;
const [w1, w2] = ["w-1" as WorkerId, "w-2" as WorkerId];

describe("a worker that is started again under its name after a crash", () => {
  let nats: TestNats;
  let coordinator: Bus;
  let one: Bus;
  let two: Bus;
  let raw: RawNats;
  beforeAll(async () => {
    nats = await aNatsServer();
    coordinator = await nats.coordinator();
    one = await nats.connect(w1);
    two = await nats.connect(w2);
    raw = await rawNats(nats);
  });
  afterEach(() => raw.manager.streams.purge(streams.tasks));
  afterAll(async () => {
    await raw[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  /** Takes a task and its lease, says so, and is never heard of again. */
  async function crashHolding(work: RolloutTask): Promise<void> {
    await coordinator.tasks.publish(work, never);
    const [leased] = await one.tasks.lease(testPool, 1, 10_000, never);
    await acquire(one, leaseOfTask(work), w1);
    const control = new WorkerControl({ workerId: w1, pool: testPool, slots: 2, logger: silentLogger });
    control.held(leased === undefined ? [] : [leased]);
    await one.records("WORKERS", WorkerRecord).put(w1, control.record);
  }
  const start = (): Promise<number> => handBackOfPredecessor({ bus: one, workerId: w1, logger: silentLogger });

  it("gives back what it held, so that another worker goes on at once and not after ack_wait", async () => {
    const work = task(1);
    await crashHolding(work);
    expect(await two.tasks.lease(testPool, 1, 200, never)).toEqual([]);
    expect(await start()).toBe(1);
    const [again] = await two.tasks.lease(testPool, 1, 5_000, never);
    expect(again).toMatchObject({ task: work, deliveryCount: 2 });
    expect(await two.leases.acquire(leaseOfTask(work), w2)).toMatchObject({ kind: "acquired" });
  });

  it("leaves alone what another worker holds by now", async () => {
    const work = task(2);
    await crashHolding(work);
    await (await acquire(one, leaseOfTask(work), w1))?.release();
    await acquire(two, leaseOf.episode(work.episodeId), w2);
    expect(await start()).toBe(0);
    expect(await two.tasks.lease(testPool, 1, 200, never)).toEqual([]);
  });

  it("gives back nothing where there was none, and sends nothing to a subject that is no delivery's", async () => {
    await one.records("WORKERS", WorkerRecord).delete(w1);
    expect(await start()).toBe(0);
    const heard: string[] = [];
    await using _ = await rawListener(heard);
    one.tasks.handBackFor("hindcast.control.cancel");
    await coordinator.tasks.backlog(testPool);
    expect(heard).toEqual([]);
  });

  async function rawListener(heard: string[]): Promise<AsyncDisposable> {
    const subscription = raw.nats.subscribe("hindcast.control.>", {
      callback: (_, message) => void heard.push(message.subject),
    });
    await raw.nats.flush();
    return { [Symbol.asyncDispose]: () => Promise.resolve(subscription.unsubscribe()) };
  }
});
