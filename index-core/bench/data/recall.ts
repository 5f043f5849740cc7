// Recall that is fair to ties: a result counts when its exact score is one of the best k, whichever of equal rows it is.
import type { Truth } from "./data-set.ts";

/** Scores nearer than this are equal; f32 sums differ by about this much between engines. */
const tolerance = 1e-6;

export interface Found {
  /** Answers that belong to the best k, and how many there are to find. */
  found: number;
  wanted: number;
  /** Queries with fewer answers than rows to find: a filter's typical failure. */
  short: number;
  /** Queries that name a row twice. */
  repeated: number;
}

/** `ids` holds `k` answers per query, −1 where there was none; `first` is the number of the first query. */
export function recallOf(truth: Truth, k: number, first: number, ids: readonly number[]): Found {
  const total: Found = { found: 0, wanted: 0, short: 0, repeated: 0 };
  for (let at = 0; at * k < ids.length; at += 1) {
    const from = (first + at) * truth.depth;
    const best = truth.ids.subarray(from, from + truth.depth);
    const passing = best.findIndex((id) => id < 0);
    const wanted = Math.min(k, passing === -1 ? truth.depth : passing);
    const floor = (truth.scores[from + wanted - 1] ?? 2) - tolerance;
    const good = new Set(best.filter((id, rank) => id >= 0 && (truth.scores[from + rank] ?? -2) >= floor));
    const answers = ids.slice(at * k, (at + 1) * k).filter((id) => id >= 0);
    const distinct = new Set(answers);
    total.wanted += wanted;
    total.found += Math.min(wanted, [...distinct].filter((id) => good.has(id)).length);
    if (answers.length < wanted) total.short += 1;
    if (distinct.size < answers.length) total.repeated += 1;
  }
  return total;
}
