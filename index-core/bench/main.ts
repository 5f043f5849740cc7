// Retrieval latency of one process, with the npm `usearch` package on the same texts in the same run.
//   npm run bench -w index-core [-- --rows 10000,50000 --queries 300 --graph --json]
//
// What is compared, and what is not: our rows take a text and return demonstrations (embedding, exact search, selection
// and JSON included). The peer's rows take a vector that was computed beforehand and return keys: less work. All rows
// are single queries, one at a time. `--graph` adds HNSW rows on both sides; building them takes minutes. Texts are synthetic: words of a Zipf vocabulary.
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import type { RetrievalQuery } from "@hindcast/shared";
import { exactSearch, Index, MetricKind, ScalarKind } from "usearch";
import { DemonstrationIndex, embed } from "../ts/index.ts";
import { corpusOf, textOf } from "./corpus.ts";
import { measure, type Measured, printTable, type Series } from "./measure.ts";

const { values: options } = parseArgs({
  options: {
    rows: { type: "string", default: "10000,50000" },
    queries: { type: "string", default: "300" },
    graph: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const dimensions = 1024;
const k = 10;
const queryCount = Number(options.queries);

function queryOf(partial: Partial<RetrievalQuery>): RetrievalQuery {
  return {
    environment: "shell",
    observation: null,
    query: null,
    observationBased: k,
    modelBased: k,
    filter: null,
    exclude: { demonstrations: [], tasks: [], documents: [], episodes: [] },
    perTrajectoryMax: 50,
    tokenBudget: 1_000_000,
    ...partial,
  };
}

async function measureIndex(rows: number): Promise<Measured[]> {
  await using index = new DemonstrationIndex({ graphRowsMin: 1_000 });
  const startedAt = performance.now();
  for (let from = 0; from < rows; from += 1_000) await index.upsert(corpusOf(from, Math.min(rows, from + 1_000)));
  const rate = `${Math.round(rows / ((performance.now() - startedAt) / 1_000))} demonstrations/s`;
  const series = (what: string, partial: (n: number) => Partial<RetrievalQuery>, build?: string): Series => ({
    name: `hindcast ${what}`,
    rows,
    queries: queryCount,
    run: (n) => index.search([queryOf(partial(n))]),
    ...(build === undefined ? {} : { build }),
  });
  const query = (n: number): string => textOf(n * 7, 12);
  const observation = (n: number): string => textOf(n * 11, 60);
  const onePercent = (n: number): RetrievalQuery["filter"] => ({ eq: ["document", `doc-${n % 100}`] });
  const measured = [
    await measure(series("model-dense, exact", (n) => ({ query: query(n) }), rate)),
    await measure(series("model-dense, exact, 1 % pass", (n) => ({ query: query(n), filter: onePercent(n) }))),
    await measure(series("observation-bm25", (n) => ({ observation: observation(n) }))),
    await measure(series("both, m1 = m2 = 10", (n) => ({ query: query(n), observation: observation(n) }))),
  ];
  if (!options.graph) return measured;
  const buildStart = performance.now();
  await index.buildGraphs();
  const built = `${Math.round(rows / ((performance.now() - buildStart) / 1_000))} rows/s, 1 thread`;
  const graph = series("model-dense, usearch graph i8 + exact scores", (n) => ({ query: query(n) }), built);
  return [...measured, await measure(graph)];
}

async function measurePeer(rows: number): Promise<Measured[]> {
  const texts = Array.from({ length: rows }, (_, n) => `${textOf(n, 12)}\n${textOf(n + 1_000_000, 20)}`);
  const vectors = await embed(texts);
  const queries = await embed(Array.from({ length: queryCount }, (_, n) => textOf(n * 7, 12)));
  // A copy, because `exactSearch` reads a view from the start of its buffer.
  const query = (n: number): Float32Array => queries.slice(n * dimensions, (n + 1) * dimensions);
  const exact = new Map<number, Set<bigint>>();
  const found = new Map<number, bigint[]>();
  const common = { rows, queries: queryCount };
  const scan = (n: number): void => {
    exact.set(n, new Set(exactSearch(vectors, query(n), dimensions, k, MetricKind.IP, 1).keys));
  };
  const scanned = await measure({ ...common, name: "npm usearch exactSearch f32, 1 thread", run: scan });
  if (!options.graph) return [scanned];

  const index = new Index({
    metric: MetricKind.IP,
    quantization: ScalarKind.F32,
    dimensions,
    connectivity: 16,
    expansion_add: 128,
    expansion_search: 64,
  });
  const startedAt = performance.now();
  index.add(
    BigUint64Array.from({ length: rows }, (_, n) => BigInt(n)),
    vectors,
    2,
  );
  const rate = `${Math.round(rows / ((performance.now() - startedAt) / 1_000))} vectors/s, 2 threads`;
  const walk = (n: number): void => {
    found.set(n, Array.from(index.search(query(n), k, 1).keys));
  };
  const walked = await measure({ ...common, name: "npm usearch HNSW f32, ef 64, 1 thread", run: walk, build: rate });
  const hits = [...found].reduce((sum, [n, keys]) => sum + keys.filter((key) => exact.get(n)?.has(key)).length, 0);
  return [scanned, { ...walked, recall: hits / (queryCount * k) }];
}

const results: Measured[] = [];
for (const rows of (options.rows ?? "").split(",").map(Number)) {
  results.push(...(await measureIndex(rows)), ...(await measurePeer(rows)));
}
const machine = { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, node: process.version };
if (options.json) console.log(JSON.stringify({ machine, k, dimensions, results }, null, 2));
else printTable(machine, results);
