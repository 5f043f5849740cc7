import type { BatchSettings } from "../../../domain/campaign.ts";
import type { Model } from "../model.ts";
import type { BatchDesk } from "./batch-desk.ts";

/**
 * Answers some purposes from batches, at half the price and hours later, and all others at once. Neither id nor settings
 * differ from the model's own, so both kinds of answers are found under the same journal keys.
 */
export function batching(model: Model, desk: BatchDesk, { purposes, fallback }: BatchSettings): Model {
  const batched = new Set<string>(purposes);
  const hasFallback = fallback === "interactive";
  return {
    ...model,
    complete: (request, signal) =>
      batched.has(request.purpose) ? desk.ask(request, hasFallback, signal) : model.complete(request, signal),
  };
}
