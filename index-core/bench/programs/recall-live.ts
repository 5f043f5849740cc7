// The recall that a collection reports of itself, beside the recall against exact answers: `recall-live.ts --data wide`.
import { readMeta, readTruth, readVectors } from "../data/data-set.ts";
import { recallOf } from "../data/recall.ts";
import { idOf, openCollection } from "../engines/hindcast.ts";
import { argumentsOf } from "../harness/arguments.ts";
import { quantile } from "../harness/statistics.ts";

const {
  data,
  searches,
  ef,
  sampled: sampledOf,
} = argumentsOf({
  data: "wide",
  searches: "20000",
  ef: "32",
  sampled: "400000",
});
const { rows, dimensions, queries: count } = readMeta(data)!;
const queries = readVectors(data, "queries");
const truth = readTruth(data);
const k = 10;
/** The exact answers of the sample are made when nothing else is to do. */
const idleMs = 3_000;
const batch = 10_000;

await using collection = await openCollection({ dimensions });
const vectors = readVectors(data, "vectors");
for (let from = 0; from < rows; from += batch) {
  const to = Math.min(rows, from + batch);
  const ids = Array.from({ length: to - from }, (_, at) => idOf(from + at));
  await collection.upsert({ ids, vectors: vectors.subarray(from * dimensions, to * dimensions) });
}
await collection.optimise();
const micros: number[] = [];
const measured = { found: 0, wanted: 0 };
for (let n = 0; n < Number(searches); n += 1) {
  const query = n % count;
  const asked = queries.slice(query * dimensions, (query + 1) * dimensions);
  const startedAt = performance.now();
  const hits = await collection.search({ vectors: asked, k, ef: Number(ef), mode: "graph" });
  micros.push((performance.now() - startedAt) * 1_000);
  if (n >= count) continue;
  const ids = await collection.resolve(hits.rows);
  const { found, wanted } = recallOf(
    truth,
    k,
    query,
    Array.from({ length: k }, (_, rank) => Number(ids[rank] ?? -1)),
  );
  measured.found += found;
  measured.wanted += wanted;
}
// The gauge looks at one answer in a thousand, so it needs many more than are timed.
const atOnce = 100;
for (let n = 0; n < Number(sampledOf); n += atOnce) {
  const from = (n % count) * dimensions;
  const asked = queries.subarray(from, from + atOnce * dimensions);
  await collection.search({ vectors: asked, k, ef: Number(ef), mode: "graph" });
}
await new Promise((resolve) => setTimeout(resolve, idleMs));
const { recall } = await collection.stats();
const own = recall === undefined || recall.wanted === 0 ? null : recall.found / recall.wanted;
const latency = { p50: quantile(micros, 0.5), p99: quantile(micros, 0.99) };
const sampled = recall?.sampled ?? 0;
console.log(
  JSON.stringify({
    rows,
    dimensions,
    searches: micros.length + Number(sampledOf),
    sampled,
    own,
    true: measured.found / measured.wanted,
    ...latency,
  }),
);
