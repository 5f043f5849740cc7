// Requirements: 3.3.queue, 3.4.drain
import { getEventListeners } from "node:events";
import { HindcastError, limits } from "@hindcast/shared";
import { type Handled, type LeasedTask, runLeaseLoop, silentLogger, type TaskHandler } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { aRolloutTask } from "../../../../test/support/builders.ts";

/** A delivery that notes what is said of its message. */
function aDelivery(log: string[], deliveryCount = 1): LeasedTask {
  return {
    task: aRolloutTask(),
    deliveryCount,
    streamSequence: 1,
    working: () => undefined,
    done: () => (log.push("done"), Promise.resolve(true)),
    handBack: (delayMs = 0) => void log.push(`handed back after ${delayMs}`),
    deadLetter: () => (log.push("dead letter"), Promise.resolve()),
  };
}

/** Hands out `deliveries` one by one, then drains. */
async function runWith(
  deliveries: LeasedTask[],
  handler: Partial<TaskHandler>,
  { drain = new AbortController(), ...options }: { drain?: AbortController; deliveriesMax?: number } = {},
): Promise<AbortSignal> {
  await runLeaseLoop({
    bus: {
      tasks: {
        lease: () => {
          const next = deliveries.shift();
          if (next === undefined) drain.abort();
          return Promise.resolve(next === undefined ? [] : [next]);
        },
      } as never,
    },
    pool: "shell",
    slots: 1,
    ...options,
    handler: { handle: () => Promise.resolve({ kind: "done" }), giveUp: () => Promise.resolve(), ...handler },
    logger: silentLogger,
    drain: drain.signal,
    abort: new AbortController().signal,
  });
  return drain.signal;
}

const failing = (retryable: boolean) => (): Promise<Handled> =>
  Promise.reject(new HindcastError({ code: "SANDBOX_LOST", boundary: "sandbox", message: "gone", retryable }));

describe("runLeaseLoop", () => {
  it.each<[Handled, string[]]>([
    [{ kind: "done" }, ["done"]],
    [{ kind: "handed-back", delayMs: 0 }, ["handed back after 0"]],
    [{ kind: "left" }, []],
    [{ kind: "parked" }, ["done"]],
  ])("says of a message what its task's handling calls for: %j", async (handled, said) => {
    const log: string[] = [];
    await runWith([aDelivery(log)], { handle: () => Promise.resolve(handled) });
    expect(log).toEqual(said);
  });

  it("hands a retryable fault back after a pause, and gives up on the last delivery or at once", async () => {
    const retried: string[] = [];
    await runWith([aDelivery(retried)], { handle: failing(true) });
    expect(retried).toEqual(["handed back after 1000"]);
    for (const [retryable, deliveryCount] of [
      [true, limits.deliveriesMax],
      [false, 1],
    ] as const) {
      const log: string[] = [];
      const giveUp = (): Promise<void> => (log.push("terminal record"), Promise.resolve());
      await runWith([aDelivery(log, deliveryCount)], { handle: failing(retryable), giveUp });
      expect(log).toEqual(["terminal record", "dead letter"]);
    }
  });

  it("gives up after as many deliveries as the pool has", async () => {
    const log: string[] = [];
    await runWith([aDelivery(log, 5), aDelivery(log, 6)], { handle: failing(true) }, { deliveriesMax: 6 });
    expect(log).toEqual(["handed back after 10000", "dead letter"]);
  });

  it("leaves a message alone whose terminal record could not be written", async () => {
    const log: string[] = [];
    await runWith([aDelivery(log)], { handle: failing(false), giveUp: () => Promise.reject(new Error("held")) });
    expect(log).toEqual([]);
  });

  it("hands back at once what fails while the worker drains, even on the last delivery", async () => {
    const log: string[] = [];
    const drain = new AbortController();
    const handle = (): Promise<Handled> => (drain.abort(), failing(false)());
    await runWith([aDelivery(log, 5)], { handle }, { drain });
    expect(log).toEqual(["handed back after 0"]);
  });

  it("takes as many as its slots are at the moment, and none while there are none", async () => {
    let [changed, now] = [new AbortController(), 1];
    const held: number[] = [];
    const slots = {
      get now() {
        return now;
      },
      get changed() {
        return changed.signal;
      },
      held: (count: number) => void held.push(count),
    };
    const drain = new AbortController();
    const asked: number[] = [];
    const finish: (() => void)[] = [];
    const become = (next: number): void => {
      const before = changed;
      [changed, now] = [new AbortController(), next];
      before.abort();
    };
    const running = runLeaseLoop({
      bus: {
        tasks: {
          lease: (_pool: string, count: number) => {
            asked.push(count);
            return Promise.resolve(Array.from({ length: count }, () => aDelivery([])));
          },
        } as never,
      },
      pool: "shell",
      slots,
      handler: {
        handle: () => new Promise((resolve) => finish.push(() => resolve({ kind: "done" }))),
        giveUp: () => Promise.resolve(),
      },
      logger: silentLogger,
      drain: drain.signal,
      abort: new AbortController().signal,
    });
    await expect.poll(() => asked).toEqual([1]);
    become(3);
    await expect.poll(() => asked).toEqual([1, 2]);
    become(0);
    for (const each of finish.splice(0)) each();
    await expect.poll(() => held.at(-1)).toBe(0);
    expect(asked).toEqual([1, 2]);
    become(2);
    await expect.poll(() => asked).toEqual([1, 2, 2]);
    drain.abort();
    for (const each of finish.splice(0)) each();
    await running;
  });

  it("leaves no listener on the drain signal behind, however many tasks it worked on", async () => {
    const drain = new AbortController();
    let listeners = 0;
    const deliveries = Array.from({ length: 50 }, () => aDelivery([]));
    const handle = (): Promise<Handled> => {
      listeners = Math.max(listeners, getEventListeners(drain.signal, "abort").length);
      return Promise.resolve({ kind: "done" });
    };
    await runWith(deliveries, { handle }, { drain });
    expect(listeners).toBeLessThanOrEqual(1);
  });
});
