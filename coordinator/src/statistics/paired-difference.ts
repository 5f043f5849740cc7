import { wilsonInterval } from "./wilson.ts";

/** The same tasks under two conditions: how many succeeded under both, under one alone, under neither. */
export interface PairedCounts {
  both: number;
  onlyFirst: number;
  onlySecond: number;
  neither: number;
}

/**
 * 95 % interval for the difference of two proportions that were measured on the same tasks, first minus second: method
 * 10 of Newcombe 1998 (Stat. Med. 17:2635–2650), which combines the Wilson intervals of the two proportions with a
 * continuity-corrected estimate of their correlation. It holds its level for small samples and never leaves [−1, 1].
 *
 * @throws RangeError when there is no pair at all.
 */
export function newcombePairedInterval(counts: PairedCounts): [number, number] {
  const { both, onlyFirst, onlySecond, neither } = counts;
  const pairs = both + onlyFirst + onlySecond + neither;
  const first = (both + onlyFirst) / pairs;
  const second = (both + onlySecond) / pairs;
  const [lower1, upper1] = wilsonInterval(both + onlyFirst, pairs);
  const [lower2, upper2] = wilsonInterval(both + onlySecond, pairs);
  const phi = correlation(counts, pairs);
  const below = squareAndAdd(first - lower1, upper2 - second, phi);
  const above = squareAndAdd(upper1 - first, second - lower2, phi);
  const difference = (onlyFirst - onlySecond) / pairs;
  return [Math.max(-1, difference - below), Math.min(1, difference + above)];
}

/** Newcombe's φ: positive correlation is shrunk by half a table, negative is taken as it is, an empty margin gives 0. */
function correlation({ both, onlyFirst, onlySecond, neither }: PairedCounts, pairs: number): number {
  const margins = (both + onlyFirst) * (onlySecond + neither) * (both + onlySecond) * (onlyFirst + neither);
  if (margins === 0) return 0;
  const cross = both * neither - onlyFirst * onlySecond;
  const corrected = cross > 0 ? Math.max(0, cross - pairs / 2) : cross;
  return corrected / Math.sqrt(margins);
}

function squareAndAdd(a: number, b: number, phi: number): number {
  // Never negative but for rounding, since |φ| ≤ 1.
  return Math.sqrt(Math.max(0, a * a - 2 * phi * a * b + b * b));
}
