import { z } from "zod";
import { Artifact } from "./observation.ts";

/**
 * Why an episode ended: a closed set, one per terminal record, and the sum over the set is the number of tasks.
 * The policy answers for the first group, a limit for the second, the operator for `cancelled`, and Hindcast or its
 * surroundings for the last group, which is never counted as a failed task.
 */
export const EndReason = z.enum([
  "submitted",
  "refused",
  "format-limit",
  "loop",
  "step-limit",
  "token-limit",
  "cost-limit",
  "time-limit",
  "output-limit",
  "cancelled",
  "unavailable",
  "infrastructure",
]);
export type EndReason = z.infer<typeof EndReason>;

/** What the evaluator decided. `unknown` where there is nothing to compare with or the evaluator itself failed. */
export const Evaluation = z.strictObject({
  verdict: z.enum(["success", "failure", "unknown"]),
  /** Which evaluator, e.g. `end-state`. */
  evaluator: z.string(),
  /** One line for a reader: what differed, or why it is unknown. */
  detail: z.string().max(4_000),
  /** 0 to 1, where the evaluator gives a number; absent where it only decides. */
  score: z.number().min(0).max(1).optional(),
  /** What the score is made of, for a reader. */
  components: z
    .array(
      z.strictObject({ name: z.string().max(256), score: z.number().min(0).max(1), detail: z.string().max(1_000) }),
    )
    .max(100)
    .optional(),
  /** What was judged, where that is a file (a patch); absent where it is not, and in records of earlier versions. */
  artifacts: z.array(Artifact).max(20).optional(),
});
export type Evaluation = z.infer<typeof Evaluation>;

/** Whether a trajectory of this end is worth constructing backwards from (it has steps that really happened). */
export function isUsableEnd(reason: EndReason): boolean {
  return reason !== "cancelled" && reason !== "unavailable" && reason !== "infrastructure";
}
