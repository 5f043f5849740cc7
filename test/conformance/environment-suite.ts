// What every environment promises, whatever its world: called by the conformance tests of each kind.
import { type Action, type EnvironmentSpec, EpisodeLimits, Observed, type Trajectory } from "@hindcast/shared";
import { afterEach, describe, expect, it } from "vitest";
import type {
  Environment,
  EnvironmentProvider,
  EnvironmentState,
  EvaluationRequest,
} from "../../rollout-agent/src/environment/environment.ts";
import { rebuild } from "../../rollout-agent/src/episode/rebuild.ts";
import { anObserved } from "../support/builders.ts";

const MiB = 1024 * 1024;
const never = new AbortController().signal;

export const suiteLimits: EpisodeLimits = EpisodeLimits.parse({
  stepsMax: 10,
  tokensMax: 1_000,
  costUsdMax: null,
  wallTimeMs: 60_000,
  stepTimeMs: 10_000,
  observationBytesMax: 4_000,
  outputBytesMax: 4 * MiB,
  memoryBytesMax: 256 * MiB,
  diskBytesMax: 16 * MiB,
  processesMax: 64,
  formatErrorsMax: 3,
});

export const unjudged: EvaluationRequest = {
  reference: null,
  answer: null,
  trajectory: { initial: anObserved(), steps: [] },
};

export interface SuiteOptions {
  spec: EnvironmentSpec;
  provider: () => EnvironmentProvider;
  /** Each leads from the start state to another state than the others. */
  actions: readonly [Action, Action, Action];
  /** False: it has no images, and is resumed by repeating its actions. @default true */
  hasImages?: boolean;
}

export function environmentSuite(name: string, { spec, provider, actions, hasImages = true }: SuiteOptions): void {
  const opened: Environment[] = [];
  let count = 0;
  const create = (): Environment => {
    const id = `ep-suite-${process.pid}-${count++}`;
    const environment = provider().create({ id, spec, limits: suiteLimits });
    opened.push(environment);
    return environment;
  };
  const [first, second, third] = actions;

  describe(`the ${name} environment`, () => {
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((environment) => environment.close()));
    });

    it("shows states that the contract accepts", async () => {
      const environment = create();
      for (const state of [await environment.reset(never), await environment.step(first, never)]) {
        expect(() => observed(state)).not.toThrow();
      }
    });

    it("reaches equal states by equal actions, and others by others", async () => {
      const [one, other] = [create(), create()];
      expect((await other.reset(never)).stateHash).toBe((await one.reset(never)).stateHash);
      const same = [await one.step(first, never), await other.step(first, never)];
      expect(same[0]?.stateHash).toBe(same[1]?.stateHash);
      const different = [await one.step(second, never), await other.step(third, never)];
      expect(different[0]?.stateHash).not.toBe(different[1]?.stateHash);
    });

    it.runIf(hasImages)("continues from a snapshot", async () => {
      const [one, other] = [create(), create()];
      await one.reset(never);
      const state = await one.step(first, never);
      const snapshot = await state.snapshot(never);
      expect(snapshot).not.toBeNull();
      const restored = await other.restore(snapshot ?? Buffer.alloc(0), never);
      expect(restored).toMatchObject({ stateHash: state.stateHash, effects: [], effectsOmitted: 0 });
      const next = [await one.step(second, never), await other.step(second, never)];
      expect(next[0]?.stateHash).toBe(next[1]?.stateHash);
    });

    it("is rebuilt by repeating what was recorded", async () => {
      const [one, other] = [create(), create()];
      const trajectory: Trajectory = { initial: observed(await one.reset(never)), steps: [] };
      for (const action of [first, second]) {
        const state = await one.step(action, never);
        if (!hasImages) expect(await state.snapshot(never)).toBeNull();
        trajectory.steps.push({
          index: trajectory.steps.length + 1,
          turn: { reason: "", action, calls: [], retrieved: [] },
          observed: observed(state),
          timings: { retrieveMs: 0, actMs: 0, environmentMs: 0 },
        });
      }
      const blobs = { blobs: { get: () => Promise.reject(new Error("no image was taken")) } };
      expect(await rebuild(blobs as unknown as Parameters<typeof rebuild>[0], other, trajectory, never)).toBeNull();
      const next = [await one.step(third, never), await other.step(third, never)];
      expect(next[0]?.stateHash).toBe(next[1]?.stateHash);
    });

    it("refuses actions of other worlds, and knows no verdict without a reference", async () => {
      const environment = create();
      await environment.reset(never);
      const stop = environment.step.bind(environment, { kind: "stop", answer: null });
      await expect((async () => stop(never))()).rejects.toMatchObject({ code: "ENVIRONMENT_ACTION_UNSUPPORTED" });
      expect(await environment.evaluate(unjudged, never)).toMatchObject({ verdict: "unknown" });
    });

    it("refuses a specification of another kind, and closes more than once", async () => {
      const other: EnvironmentSpec =
        spec.kind === "no-op" ? { kind: "shell", files: [], setup: [] } : { kind: "no-op", outputBytes: 1 };
      expect(() => provider().create({ id: "ep-x", spec: other, limits: suiteLimits })).toThrow(/kind/);
      expect(await provider().problems()).toEqual([]);
      const environment = create();
      await environment.close();
      await environment.close();
    });
  });
}

function observed({ observation, stateHash, effects, effectsOmitted }: EnvironmentState): Observed {
  return Observed.parse({ observation, stateHash, effects, effectsOmitted, snapshot: null });
}
