// Requirements: 5.5.budget, 3.3.fencing, 3.4.outcomes, 3.3.write-once, 5.7.pause, 5.2.fencing, 5.2.weakened
import { type EpisodeEnded, HindcastError, type WorkerId } from "@hindcast/shared";
import { type Bus, Cancellations, type Lease, type LeasedTask, silentLogger } from "@hindcast/shared/node";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { aRolloutTask } from "../../../test/support/builders.ts";
import { MemoryRecords, ScriptedEnvironment } from "../../../test/support/scripted.ts";
import { scriptedPolicy } from "../../../test/support/worker.ts";
import { AgentMetrics } from "../metrics.ts";
import { type RolloutDeps, RolloutHandler } from "./rollout-handler.ts";
import type { Weakened } from "./weakened.ts";

const never = new AbortController().signal;
const task = aRolloutTask();
const leased = { task, deliveryCount: 1, streamSequence: 7 } as LeasedTask;

/** A handler over memory; `lost` aborts the lease, `step` runs inside each environment step. */
function arrange({
  lease = "free",
  put = "stored",
  step = () => Promise.resolve(),
  cancellations = new Cancellations(),
  weakened = {},
}: {
  lease?: "free" | "held" | "taken-over" | "unreleasable";
  put?: "stored" | "already";
  step?: () => Promise<void>;
  cancellations?: RolloutDeps["cancellations"];
  weakened?: Weakened;
} = {}): {
  handler: RolloutHandler;
  written: EpisodeEnded[];
  lost: AbortController;
  registry: Registry;
} {
  const written: EpisodeEnded[] = [];
  const lost = new AbortController();
  const registry = new Registry();
  const held = {
    token: 3,
    lost: lost.signal,
    close: (result: EpisodeEnded) =>
      Promise.resolve(lease === "taken-over" ? null : { result, remove: () => Promise.resolve() }),
    release: () => (lease === "unreleasable" ? Promise.reject(new Error("no server")) : Promise.resolve()),
  } as Lease;
  const records = new MemoryRecords();
  const bus = {
    trajectories: records.trajectories,
    blobs: records.blobs,
    results: {
      has: () => Promise.resolve(false),
      put: (record: EpisodeEnded) => (written.push(record), Promise.resolve(put)),
    },
    leases: {
      acquire: () => Promise.resolve(lease === "held" ? { kind: "held" } : { kind: "acquired", lease: held }),
    },
  } as unknown as Bus;
  const environment = (): ScriptedEnvironment => new ScriptedEnvironment([], undefined, step);
  const handler = new RolloutHandler({
    bus,
    workerId: "w-1" as WorkerId,
    environments: () => ({ kind: "shell", problems: () => Promise.resolve([]), create: environment }),
    model: () => scriptedPolicy(["do-one"]),
    logger: silentLogger,
    drain: never,
    cancellations,
    metrics: new AgentMetrics(registry),
    weakened,
  });
  return { handler, written, lost, registry };
}

const fault = new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message: "no bubblewrap" });

describe("RolloutHandler", () => {
  it("leaves a task to the worker that holds its episode", async () => {
    const { handler, written } = arrange({ lease: "held" });
    expect(await handler.handle(leased, task, never)).toEqual({ kind: "left" });
    expect(written).toEqual([]);
  });

  it("leaves a second delivery of an episode that it is running itself", async () => {
    const second: unknown[] = [];
    const { handler, written } = arrange({
      step: async () => void second.push(await handler.handle({ ...leased, deliveryCount: 2 }, task, never)),
    });
    expect(await handler.handle(leased, task, never)).toEqual({ kind: "done" });
    expect(second).toEqual([{ kind: "left" }]);
    expect(written).toHaveLength(1);
  });

  it("writes nothing and says nothing of the message once it has lost the lease", async () => {
    const { handler, written, lost } = arrange({
      step: () => (lost.abort(new Error("taken over")), Promise.reject(new Error("aborted"))),
    });
    expect(await handler.handle(leased, task, never)).toEqual({ kind: "left" });
    expect(written).toEqual([]);
  });

  it("stores nothing when its lease was taken over in the moment of the end", async () => {
    const { handler, written } = arrange({ lease: "taken-over" });
    expect(await handler.handle(leased, task, never)).toEqual({ kind: "left" });
    await expect(handler.giveUp(leased, task, fault)).rejects.toMatchObject({ code: "BUS_CONFLICT" });
    expect(written).toEqual([]);
  });

  it.each<[Weakened, string[]]>([
    [{}, []],
    [{ acknowledge: "before-commit" }, ["acknowledged"]],
  ])("acknowledges nothing before the end is decided, unless that is taken away (%j)", async (weakened, said) => {
    const log: string[] = [];
    const { handler, written } = arrange({ lease: "taken-over", weakened });
    const done = (): Promise<boolean> => (log.push("acknowledged"), Promise.resolve(true));
    expect(await handler.handle({ ...leased, done }, task, never)).toEqual({ kind: "left" });
    expect({ log, written }).toEqual({ log: said, written: [] });
  });

  it("stores a zombie's end where fencing is taken away", async () => {
    const { handler, written } = arrange({ lease: "taken-over", weakened: { fencing: "off" } });
    await handler.handle(leased, task, never);
    expect(written).toHaveLength(1);
  });

  it("never writes an infrastructure end over an episode that another worker holds", async () => {
    const { handler, written } = arrange({ lease: "held" });
    await expect(handler.giveUp(leased, task, fault)).rejects.toMatchObject({ code: "BUS_CONFLICT" });
    expect(written).toEqual([]);
  });

  it("does not undo a finished episode because its lease could not be released", async () => {
    const { handler, written } = arrange({ lease: "unreleasable" });
    expect(await handler.handle(leased, task, never)).toEqual({ kind: "done" });
    expect(written).toMatchObject([{ reason: "submitted", fencingToken: 3 }]);
  });

  it("ends an episode whose campaign can pay no more, and says so in its record", async () => {
    const spent = { code: "CAMPAIGN_BUDGET_EXHAUSTED", boundary: "campaign", message: "$1 of $1 are spent" } as const;
    const { handler, written } = arrange({ step: () => Promise.reject(new HindcastError(spent)) });
    expect(await handler.handle(leased, task, never)).toEqual({ kind: "done" });
    expect(written).toMatchObject([{ reason: "cancelled", error: { code: "CAMPAIGN_BUDGET_EXHAUSTED" } }]);
  });

  it.each([false, true])("ends an episode for want of its world, unless that may pass (%s)", async (retryable) => {
    const busy = { code: "ENVIRONMENT_UNAVAILABLE", boundary: "environment", message: "full", retryable } as const;
    const { handler, written } = arrange({ step: () => Promise.reject(new HindcastError(busy)) });
    const handled = handler.handle(leased, task, never);
    if (retryable) await expect(handled).rejects.toMatchObject(busy);
    else expect(await handled).toEqual({ kind: "done" });
    expect(written.map(({ reason }) => reason)).toEqual(retryable ? [] : ["unavailable"]);
  });

  /** `heard`: what this agent was told; `stored`: what is so. */
  function aPause(stored: boolean): { heard: AbortController; cancellations: RolloutDeps["cancellations"] } {
    const heard = new AbortController();
    const isPaused = (): Promise<boolean> => Promise.resolve(stored);
    return { heard, cancellations: { signalFor: () => never, pauseOf: () => heard.signal, isPaused } };
  }

  it("puts a paused campaign's task aside after the running step, writing no end", async () => {
    const { heard, cancellations } = aPause(true);
    let steps = 0;
    const step = (): Promise<void> => ((steps += 1), heard.abort(), Promise.resolve());
    const { handler, written } = arrange({ cancellations, step });
    expect(await handler.handle(leased, task, never)).toEqual({ kind: "parked" });
    expect(await handler.handle(leased, task, never)).toEqual({ kind: "parked" });
    expect({ steps, written }).toEqual({ steps: 1, written: [] });
  });

  it("hands back what it was stopped in by a pause that is over, and is not stopped by one that was over before", async () => {
    const { heard, cancellations } = aPause(false);
    const { handler, written } = arrange({ cancellations, step: () => (heard.abort(), Promise.resolve()) });
    expect(await handler.handle(leased, task, never)).toEqual({ kind: "handed-back", delayMs: 0 });
    expect(await handler.handle(leased, task, never)).toEqual({ kind: "done" });
    expect(written).toMatchObject([{ reason: "submitted" }]);
  });

  it("counts an episode only when its terminal record was stored", async () => {
    const counted = async (put: "stored" | "already"): Promise<boolean> => {
      const { handler, registry } = arrange({ put });
      await handler.handle(leased, task, never);
      return (await registry.metrics()).includes('hindcast_episodes_total{outcome="submitted"} 1');
    };
    expect(await counted("stored")).toBe(true);
    expect(await counted("already")).toBe(false);
  });
});
