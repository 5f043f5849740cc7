// A history that two processes agree on without talking: what batch number n does, and so what a collection must hold.
import { normalOf, randomOf } from "../harness/statistics.ts";

export const dimensions = 32;
/** Small, so that merges and graph builds are among what is killed. */
export const graphRowsMinOfHistory = 1_024;
const added = 150;
const rewritten = 50;
const removed = 10;

export interface Batch {
  ids: string[];
  vectors: Float32Array;
  removed: string[];
}

/** Of version `sequence` of a row. */
export function vectorOf(id: string, sequence: number): Float32Array {
  let seed = sequence;
  for (const letter of id) seed = (Math.imul(seed, 31) + letter.charCodeAt(0)) >>> 0;
  const normal = normalOf(randomOf(seed));
  const vector = Float32Array.from({ length: dimensions }, normal);
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/** Batch `sequence` ≥ 1: new rows, older rows anew, and rows that go. */
export function batchOf(sequence: number): Batch {
  const random = randomOf(sequence);
  const known = (sequence - 1) * added;
  const fresh = Array.from({ length: added }, (_, at) => `row-${known + at}`);
  const older = (count: number): string[] =>
    known === 0 ? [] : Array.from({ length: count }, () => `row-${Math.floor(random() * known)}`);
  const ids = [...new Set([...fresh, ...older(rewritten)])];
  const vectors = new Float32Array(ids.length * dimensions);
  for (const [at, id] of ids.entries()) vectors.set(vectorOf(id, sequence), at * dimensions);
  // Never the same rows as are written in this batch, so that the order within it does not matter.
  const gone = [...new Set(older(removed))].filter((id) => !ids.includes(id));
  return { ids, vectors, removed: gone };
}

/** The version of each row that a collection at `sequence` holds. */
export function stateAt(sequence: number): Map<string, number> {
  const state = new Map<string, number>();
  for (let n = 1; n <= sequence; n += 1) {
    const { ids, removed: gone } = batchOf(n);
    for (const id of ids) state.set(id, n);
    for (const id of gone) state.delete(id);
  }
  return state;
}
