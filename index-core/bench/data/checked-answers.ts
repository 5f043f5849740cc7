import type { MovingRows } from "./moving-rows.ts";

export interface Answer {
  query: Float32Array;
  startedAt: number;
  /** Row numbers of the collection, best first, and their scores. */
  found: Uint32Array;
  scores: Float32Array;
}

/** What may be wrong with an answer; plain usearch shows most of these under the same load. */
export interface Faults {
  /** Fewer answers than rows. */
  short: number;
  /** A row or an id named twice. */
  repeated: number;
  /** Not best first, or not a number. */
  unordered: number;
  /** An id that was never given. */
  unknown: number;
  /** A score that belongs to no version of the row that the search may have seen. */
  wrongScore: number;
}

export const noFaults = (): Faults => ({ short: 0, repeated: 0, unordered: 0, unknown: 0, wrongScore: 0 });

/** `ids` are the answer's; null for a row that was replaced between the search and the question for its id. */
export function checkAnswer(
  { query, startedAt, found, scores }: Answer,
  ids: readonly (string | null)[],
  { moving, faults, k }: { moving: MovingRows; faults: Faults; k: number },
): void {
  if (found.length < Math.min(k, moving.rows)) faults.short += 1;
  const known = ids.filter((id) => id !== null);
  if (new Set(found).size < found.length || new Set(known).size < known.length) faults.repeated += 1;
  if (scores.some((score, rank) => !(score <= (scores[rank - 1] ?? 2)))) faults.unordered += 1;
  for (const [rank, id] of ids.entries()) {
    if (id === null) continue;
    const row = Number(id);
    if (!Number.isInteger(row) || row < 0 || row >= moving.rows) faults.unknown += 1;
    else if (!moving.mayScore(row, scores[rank] ?? Number.NaN, query, startedAt)) faults.wrongScore += 1;
  }
}
