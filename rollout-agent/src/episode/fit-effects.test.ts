// Requirements: 3.bad.oversized
import { encode, type Effect, TrajectoryRecord, type WorkerId } from "@hindcast/shared";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aRolloutTask, aStep } from "../../../test/support/builders.ts";
import { MemoryRecords, ScriptedEnvironment } from "../../../test/support/scripted.ts";
import { EpisodeRecorder } from "./episode-recorder.ts";
import { fitEffects } from "./fit-effects.ts";

const text = fc.option(fc.string({ unit: "binary", maxLength: 4_096 }), { nil: null });
const effects = fc.array(
  fc.record<Effect>({
    change: fc.constantFrom("created", "modified", "removed"),
    path: fc.string({ minLength: 1, maxLength: 200 }),
    before: text,
    after: text,
  }),
  { maxLength: 50 },
);

describe("fitEffects", () => {
  it("leaves out paths of absurd length, for the caller to count", () => {
    const path = (n: number): string => `/workspace/${"\u0001".repeat(4_000)}${n}`;
    const many = Array.from({ length: 50 }, (_, n): Effect => ({
      change: "created",
      path: path(n),
      before: null,
      after: null,
    }));
    const kept = fitEffects(many);
    expect(kept.length).toBeLessThan(50);
    expect(Buffer.byteLength(JSON.stringify(kept))).toBeLessThan(140_000);
  });

  it("keeps every path and drops only texts that do not fit", () => {
    fc.assert(
      fc.property(effects, (all) => {
        const fitted = fitEffects(all);
        expect(fitted.map(({ path, change }) => [path, change])).toEqual(all.map(({ path, change }) => [path, change]));
        fitted.forEach((effect, i) => {
          if (effect.before !== null || effect.after !== null) expect(effect).toEqual(all[i]);
        });
      }),
      { numRuns: 50 },
    );
  });

  it("lets a step that rewrote fifty files fit a message", async () => {
    const page = "\u0001".repeat(4_096);
    const many = Array.from({ length: 50 }, (_, n): Effect => ({
      change: "modified",
      path: `/workspace/${n}`,
      before: page,
      after: page,
    }));
    const recorder = new EpisodeRecorder({
      bus: new MemoryRecords(),
      task: aRolloutTask(),
      workerId: "w-1" as WorkerId,
      attempt: 1,
      fencingToken: 1,
      delivery: 1,
    });
    const state = await new ScriptedEnvironment([]).reset();
    const observed = await recorder.observed({ ...state, effects: many }, 1, new AbortController().signal);
    expect(observed.effects).toHaveLength(50);
    const step = { ...aStep(1, { command: "x", state: "x", text: "\u0001".repeat(8_192) }), observed: { ...observed } };
    await recorder.step(step);
    expect(encode(TrajectoryRecord, { ...head, kind: "step.recorded", step }).length).toBeLessThan(200_000);
  });
});

const head = {
  v: 1 as const,
  campaignId: aRolloutTask().campaignId,
  taskId: aRolloutTask().taskId,
  episodeId: aRolloutTask().episodeId,
  attempt: 1,
  workerId: "w-1" as WorkerId,
  fencingToken: 1,
  recordedAt: "2026-01-01T00:00:00.000Z",
};
