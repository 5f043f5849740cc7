import type { BatchItemOutcome, BatchRecord } from "./batch-record.ts";

/** How a batch ends: what became of each request and what it has cost; null: not known. */
export interface Ending {
  detail: string | null;
  outcomeOf: (hash: string) => BatchItemOutcome;
  costOf: (hash: string) => number | null;
}

export function nothingBought(detail: string): Ending {
  return { detail, outcomeOf: () => "void", costOf: () => 0 };
}

/** What was never submitted, or was stopped because others wanted it no more, has used up no try. */
export function isTry(outcome: BatchItemOutcome, closed: BatchRecord | null): boolean {
  const wasStopped = closed?.cancel != null && (outcome === "cancelled" || outcome === "expired");
  return outcome !== "void" && !wasStopped;
}

export const outcomeWord = { expired: "expired", cancelled: "cancelled", failed: "failed" } as const;
