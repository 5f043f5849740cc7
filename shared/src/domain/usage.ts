import { z } from "zod";

/** Tokens of one or many model calls, by how they are billed. Input kinds are disjoint: their sum is the whole input. */
export const Usage = z.strictObject({
  inputTokens: z.int().nonnegative(),
  cacheReadTokens: z.int().nonnegative(),
  cacheWriteTokens: z.int().nonnegative(),
  /** Includes thinking tokens. */
  outputTokens: z.int().nonnegative(),
});
export type Usage = z.infer<typeof Usage>;

export const noUsage: Usage = { inputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 0 };

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    outputTokens: a.outputTokens + b.outputTokens,
  };
}

export function totalTokens(usage: Usage): number {
  return usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens + usage.outputTokens;
}

/** What a model call is for: the unit of cost reports, and what the offline models dispatch on. */
export const Purpose = z.enum([
  "self-instruct",
  "act",
  "retrieval-query",
  "summarise-transition",
  "new-task-instruction",
  "rewrite-reason",
  "judge",
  "evaluation-task",
  /** Bugs and issue texts of tasks that are made from projects; no campaign asks for them. */
  "make-task",
]);
export type Purpose = z.infer<typeof Purpose>;

/** A model call as trajectories and demonstrations record it; the full answer lies in the journal under `requestHash`. */
export const ModelCall = z.strictObject({
  purpose: Purpose,
  /** `provider:model` as configured. */
  model: z.string(),
  /** What the provider says answered. */
  resolvedModel: z.string(),
  requestHash: z.string(),
  usage: Usage,
  /** Null: the price is unknown. Never 0 for unknown; 0 only for the offline models. */
  costUsd: z.number().nonnegative().nullable(),
  /** True when the answer came from the journal and was not paid for again. */
  journaled: z.boolean(),
  /** Present and true when it was bought through a batch endpoint, at its price. */
  batched: z.boolean().optional(),
  durationMs: z.number().nonnegative(),
});
export type ModelCall = z.infer<typeof ModelCall>;

/** Sums cost where every part is known; null (unknown) as soon as one part is. A journaled call costs nothing again. */
export function sumCost(costs: readonly (number | null)[]): number | null {
  return costs.reduce<number | null>((sum, cost) => (sum === null || cost === null ? null : sum + cost), 0);
}
