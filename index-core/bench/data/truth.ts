// Exact answers, by an engine that is not ours (npm usearch's exactSearch, f32), and checked against a plain loop.
import { exactSearch, MetricKind } from "usearch";
import { type DataMeta, type Truth, truthDepth, writeTruth } from "./data-set.ts";

/** Queries whose answers the plain loop checks. */
const checkedQueries = 3;
const tolerance = 1e-5;
/** Vectors whose neighbours are asked for in one call, and threads: bounds memory, not accuracy. */
const queriesPerCall = 100;
const threads = 2;

export function prepareTruth(meta: DataMeta, vectors: Float32Array, queries: Float32Array): void {
  const truth = exactOf(vectors, queries, meta.dimensions, Math.min(truthDepth, meta.rows));
  check(truth, vectors, queries, meta.dimensions);
  writeTruth(meta.name, truth);
}

export function exactOf(vectors: Float32Array, queries: Float32Array, dimensions: number, depth: number): Truth {
  const count = queries.length / dimensions;
  const found = Math.min(depth, vectors.length / dimensions);
  const truth = {
    depth,
    ids: new Int32Array(count * depth).fill(-1),
    scores: new Float32Array(count * depth).fill(-2),
  };
  for (let from = 0; from < count; from += queriesPerCall) {
    const to = Math.min(count, from + queriesPerCall);
    // A copy, because `exactSearch` reads a view from the start of its buffer.
    const asked = queries.slice(from * dimensions, to * dimensions);
    const matches = exactSearch(vectors, asked, dimensions, found, MetricKind.IP, threads);
    for (let query = from; query < to; query += 1) {
      for (let rank = 0; rank < found; rank += 1) {
        const at = (query - from) * found + rank;
        truth.ids[query * depth + rank] = Number(matches.keys[at]);
        truth.scores[query * depth + rank] = 1 - (matches.distances[at] ?? Number.NaN);
      }
    }
  }
  return truth;
}

/** Exact answers among the listed rows only. */
export function exactAmong(
  rows: Uint32Array,
  { vectors, query, dimensions }: { vectors: Float32Array; query: Float32Array; dimensions: number },
  depth: number,
): { ids: Int32Array; scores: Float32Array } {
  const scored = Array.from(rows, (row) => ({ row, score: dot(vectors, row, query, dimensions) }));
  scored.sort((left, right) => right.score - left.score || left.row - right.row);
  const ids = new Int32Array(depth).fill(-1);
  const scores = new Float32Array(depth).fill(-2);
  for (const [rank, { row, score }] of scored.slice(0, depth).entries()) {
    ids[rank] = row;
    scores[rank] = score;
  }
  return { ids, scores };
}

export function dot(vectors: Float32Array, row: number, query: Float32Array, dimensions: number): number {
  let sum = 0;
  const from = row * dimensions;
  for (let at = 0; at < dimensions; at += 1) sum += (vectors[from + at] ?? 0) * (query[at] ?? 0);
  return sum;
}

function check(truth: Truth, vectors: Float32Array, queries: Float32Array, dimensions: number): void {
  const rows = Uint32Array.from({ length: vectors.length / dimensions }, (_, row) => row);
  for (let query = 0; query < Math.min(checkedQueries, queries.length / dimensions); query += 1) {
    const asked = queries.subarray(query * dimensions, (query + 1) * dimensions);
    const { scores } = exactAmong(rows, { vectors, query: asked, dimensions }, truth.depth);
    for (let rank = 0; rank < truth.depth; rank += 1) {
      const difference = Math.abs((scores[rank] ?? 0) - (truth.scores[query * truth.depth + rank] ?? 0));
      if (!(difference < tolerance)) throw new Error(`exact answer ${rank} of query ${query} is off by ${difference}`);
    }
  }
}
