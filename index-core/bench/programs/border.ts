// What crossing from JavaScript costs: a whole call on one row, the garbage it leaves, and how long the event loop waits.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Index, MetricKind, ScalarKind } from "usearch";
import { graphRowsMin, idOf, neverGraph, openCollection } from "../engines/hindcast.ts";
import { spreadOf } from "../harness/statistics.ts";
import { argumentsOf } from "../harness/arguments.ts";
import { MovingRows } from "../data/moving-rows.ts";

const values = argumentsOf({ calls: "100000", rounds: "12", rows: "10000", buildRows: "30000" });
const rounds = Number(values.rounds);
const calls = Number(values.calls);
const rows = Number(values.rows);
const dimensions = 384;

console.log(
  JSON.stringify({
    calls: {
      // Almost nothing to compute: what is left is the border and the bookkeeping of a search.
      "searchInto, 1 row × 4": await searchInto(4),
      "searchInto, 1 row × 384": await searchInto(dimensions),
      "npm usearch search, 1 row × 384": usearchCalls(),
    },
    loop: {
      nothing: await idle(),
      [`upsert of ${rows} vectors at once`]: await upserts(rows),
      [`upsert of ${rows} vectors by 500`]: await upserts(500),
      [`graph of ${values.buildRows} rows being built`]: await building(),
      "32 searches in flight": await searching(),
      [`npm usearch: add of ${rows} vectors at once`]: await usearchAdd(),
    },
  }),
);

interface Calls {
  nanoseconds: { q1: number; median: number; q3: number };
  /** Bytes of JavaScript's heap per call; 0 when nothing is left behind. */
  garbageBytes: number;
}

async function searchInto(width: number): Promise<Calls> {
  await using collection = await openCollection({ dimensions: width, graphRowsMin: neverGraph });
  const vector = new MovingRows(1, width).newest;
  await collection.upsert({ ids: ["0"], vectors: vector });
  const found = new Uint32Array(10);
  const scores = new Float32Array(10);
  return timed(() => collection.searchInto(vector, 64, found, scores));
}

function usearchCalls(): Calls {
  const index = usearchOf();
  const vector = new MovingRows(1, dimensions).newest;
  index.add(0n, vector, 1);
  return timed(() => index.search(vector, 10, 1));
}

function timed(call: () => unknown): Calls {
  const nanoseconds: number[] = [];
  let garbage = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    globalThis.gc?.();
    const heap = process.memoryUsage().heapUsed;
    const startedAt = process.hrtime.bigint();
    for (let n = 0; n < calls; n += 1) call();
    nanoseconds.push(Number(process.hrtime.bigint() - startedAt) / calls);
    // The least of the rounds: a collection in between, or the compiler's own data, falsifies the others.
    const left = (process.memoryUsage().heapUsed - heap) / calls;
    if (left >= 0) garbage = Math.min(garbage, left);
  }
  return { nanoseconds: spreadOf(nanoseconds.slice(1)), garbageBytes: Math.round(garbage * 100) / 100 };
}

interface Delay {
  /** Milliseconds that a 1 ms timer came late. */
  p50: number;
  p99: number;
  max: number;
  seconds: number;
}

async function watched(work: () => Promise<unknown>): Promise<Delay> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  globalThis.gc?.();
  histogram.enable();
  await new Promise((resolve) => setTimeout(resolve, 20));
  histogram.reset();
  // The first interval after a reset is not recorded, so it must not be the work's.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1_000;
  await new Promise((resolve) => setTimeout(resolve, 20));
  histogram.disable();
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - 1);
  const { max } = histogram;
  return { p50: late(histogram.percentile(50)), p99: late(histogram.percentile(99)), max: late(max), seconds };
}

async function idle(): Promise<Delay> {
  return await watched(() => new Promise((resolve) => setTimeout(resolve, 1_000)));
}

async function upserts(batch: number): Promise<Delay> {
  await using collection = await openCollection({ dimensions, graphRowsMin: neverGraph });
  const { newest } = new MovingRows(rows, dimensions);
  const ids = Array.from({ length: rows }, (_, row) => idOf(row));
  return await watched(async () => {
    for (let from = 0; from < rows; from += batch) {
      const to = Math.min(rows, from + batch);
      await collection.upsert({
        ids: ids.slice(from, to),
        vectors: newest.subarray(from * dimensions, to * dimensions),
      });
    }
  });
}

async function building(): Promise<Delay> {
  const many = Number(values.buildRows);
  await using collection = await openCollection({ dimensions, graphRowsMin: Math.min(graphRowsMin, many) });
  const ids = Array.from({ length: many }, (_, row) => idOf(row));
  await collection.upsert({ ids, vectors: new MovingRows(many, dimensions).newest });
  return await watched(() => collection.settle());
}

async function searching(): Promise<Delay> {
  await using collection = await openCollection({ dimensions, graphRowsMin: neverGraph });
  const moving = new MovingRows(rows, dimensions);
  await collection.upsert({ ids: Array.from({ length: rows }, (_, row) => idOf(row)), vectors: moving.newest });
  return await watched(async () => {
    const until = performance.now() + 1_000;
    const lane = async (): Promise<void> => {
      const vectors = moving.fill(new Float32Array(dimensions));
      while (performance.now() < until) await collection.search({ vectors, k: 10 });
    };
    await Promise.all(Array.from({ length: 32 }, lane));
  });
}

async function usearchAdd(): Promise<Delay> {
  const index = usearchOf();
  const { newest } = new MovingRows(rows, dimensions);
  const keys = BigUint64Array.from({ length: rows }, (_, row) => BigInt(row));
  return await watched(async () => {
    index.add(keys, newest, 2);
    await Promise.resolve();
  });
}

function usearchOf(): Index {
  return new Index({
    metric: MetricKind.IP,
    quantization: ScalarKind.F32,
    dimensions,
    connectivity: 16,
    expansion_add: 128,
    expansion_search: 64,
    multi: false,
  });
}
