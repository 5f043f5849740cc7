import { z } from "zod";
import { Action, actionText } from "./action.ts";
import { DemonstrationId } from "./ids.ts";
import { Observed, observationText } from "./observation.ts";
import { ModelCall } from "./usage.ts";

/** A demonstration that the policy saw at a step, and why it was chosen. */
export const RetrievedReference = z.strictObject({
  demonstrationId: DemonstrationId,
  /** Index of the observation inside the demonstration that matched, or null when the whole of it did. */
  position: z.int().nonnegative().nullable(),
  retriever: z.enum(["observation-exact", "observation-bm25", "model-dense"]),
  rank: z.int().nonnegative(),
  score: z.number(),
});
export type RetrievedReference = z.infer<typeof RetrievedReference>;

/** What the policy produced for one step: its REASON, its ACTION, and what that took. */
export const Turn = z.strictObject({
  reason: z.string(),
  action: Action,
  calls: z.array(ModelCall),
  retrieved: z.array(RetrievedReference),
});
export type Turn = z.infer<typeof Turn>;

/** Milliseconds of one step by stage. */
export const StepTimings = z.strictObject({
  retrieveMs: z.number().nonnegative(),
  actMs: z.number().nonnegative(),
  environmentMs: z.number().nonnegative(),
});
export type StepTimings = z.infer<typeof StepTimings>;

/** Step i (from 1): the action `a_i` and the observation `o_i` that followed. */
export const Step = z.strictObject({
  index: z.int().positive(),
  turn: Turn,
  observed: Observed,
  timings: StepTimings,
  /** Present where the world itself ended the episode with this step: it is the last one, also for who resumes. */
  terminated: z.literal(true).optional(),
});
export type Step = z.infer<typeof Step>;

/** `T = (o_0, a_1, o_1, …, a_n, o_n)` of paper §2.1: n steps, n + 1 observations. */
export const Trajectory = z.strictObject({ initial: Observed, steps: z.array(Step) });
export type Trajectory = z.infer<typeof Trajectory>;

/** `o_i` of a trajectory, 0 ≤ i ≤ n. */
export function observedAt(trajectory: Trajectory, index: number): Observed {
  const observed = index === 0 ? trajectory.initial : trajectory.steps[index - 1]?.observed;
  if (observed === undefined) throw new RangeError(`the trajectory has no observation ${index}`);
  return observed;
}

/** The interleaved `Observation:` / `Action:` text of paper Tables 30–31, from `o_from` to `o_to` inclusive. */
export function trajectoryText(trajectory: Trajectory, from = 0, to = trajectory.steps.length): string {
  const lines = [`Observation: ${observationText(observedAt(trajectory, from).observation)}`];
  for (const step of trajectory.steps.slice(from, to)) {
    lines.push(`Action: ${actionText(step.turn.action)}`, `Observation: ${observationText(step.observed.observation)}`);
  }
  return lines.join("\n\n");
}
