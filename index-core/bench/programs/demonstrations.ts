// The whole search of demonstrations in one process, with npm `usearch` on the same texts.
//
// What is compared, and what is not: our rows take a text and return demonstrations (embedding, search, selection and
// JSON included). The peer's row takes a vector that was computed beforehand and returns keys: less work. All are single
// queries, one at a time. Texts are synthetic: words of a Zipf vocabulary.
import { RetrievalQuery } from "@hindcast/shared";
import { exactSearch, MetricKind } from "usearch";
import { embed } from "../../ts/index.ts";
import { neverGraph, openDemonstrations } from "../engines/hindcast.ts";
import { quantile, spreadOf } from "../harness/statistics.ts";
import { argumentsOf } from "../harness/arguments.ts";
import { corpusOf, textOf } from "../data/corpus.ts";

const values = argumentsOf({ rows: "10000", queries: "300", rounds: "8" });
const rows = Number(values.rows);
const queries = Number(values.queries);
const dimensions = 1024;
const k = 10;

await using index = await openDemonstrations({ graphRowsMin: neverGraph });
const startedAt = performance.now();
for (let from = 0; from < rows; from += 1_000) await index.upsert(corpusOf(from, Math.min(rows, from + 1_000)));
await index.settle();
const perSecond = (rows * 1_000) / (performance.now() - startedAt);

const texts = Array.from({ length: rows }, (_, n) => `${textOf(n, 12)}\n${textOf(n + 1_000_000, 20)}`);
const vectors = await embed(texts);
const asked = await embed(Array.from({ length: queries }, (_, n) => textOf(n * 7, 12)));
const query = (n: number): string => textOf(n * 7, 12);
const observation = (n: number): string => textOf(n * 11, 60);
const ways: Record<string, (n: number) => unknown> = {
  "Hindcast, model-dense": (n) => index.search([queryOf({ query: query(n) })]),
  "Hindcast, model-dense, 1 % pass": (n) =>
    index.search([queryOf({ query: query(n), filter: { eq: ["document", `doc-${n % 100}`] } })]),
  "Hindcast, observation-bm25": (n) => index.search([queryOf({ observation: observation(n) })]),
  "Hindcast, both, m1 = m2 = 10": (n) => index.search([queryOf({ query: query(n), observation: observation(n) })]),
  // A copy, because `exactSearch` reads a view from the start of its buffer.
  "npm usearch exactSearch f32": (n) =>
    exactSearch(vectors, asked.slice(n * dimensions, (n + 1) * dimensions), dimensions, k, MetricKind.IP, 1),
};
const samples = new Map(Object.keys(ways).map((name) => [name, { p50: [] as number[], p99: [] as number[] }]));
for (let round = -1; round < Number(values.rounds); round += 1) {
  for (const [name, ask] of Object.entries(ways)) {
    const micros = await timesOf(ask);
    if (round < 0) continue;
    samples.get(name)?.p50.push(quantile(micros, 0.5));
    samples.get(name)?.p99.push(quantile(micros, 0.99));
  }
}
const measured = [...samples].map(([name, { p50, p99 }]) => ({ name, p50: spreadOf(p50), p99: spreadOf(p99) }));
console.log(JSON.stringify({ rows, perSecond, measured }));

async function timesOf(ask: (n: number) => unknown): Promise<number[]> {
  const micros: number[] = [];
  for (let n = 0; n < queries; n += 1) {
    const from = performance.now();
    await ask(n);
    micros.push((performance.now() - from) * 1_000);
  }
  return micros;
}

function queryOf(partial: Partial<RetrievalQuery>): RetrievalQuery {
  return RetrievalQuery.parse({
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
  });
}
