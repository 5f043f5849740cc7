// Search under a filter, at every selectivity and correlation: what a filter inside a graph is bad at.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { clustered } from "../data/catalog.ts";
import {
  dataFolder,
  type DataMeta,
  readLabels,
  readTruth,
  readVectors,
  writeArray,
  writeTruth,
} from "../data/data-set.ts";
import { exactAmong, exactOf } from "../data/truth.ts";
import { excludedNearest, type FilterCase } from "../engines/filters.ts";
import { compare, type Comparison, k } from "../harness/comparison.ts";
import { type Contestant, contestants } from "../harness/contestants.ts";
import type { Context, Suite } from "../harness/context.ts";
import { randomOf } from "../harness/statistics.ts";
import { filterTable, missingList } from "../report/comparison-tables.ts";
import { filterCurve } from "../report/plots.ts";

interface Result {
  comparisons: { comparison: Comparison; passing: Record<string, number> }[];
}

const { hindcastColumns, faiss, hnswlib, hnswlibNode } = contestants;
const shares = [0.5, 0.1, 0.01, 0.001];
/** What the filters are compared with. */
const unfiltered = { name: "no filter", ef: 64, filter: null, truth: "truth" };

export const filter: Suite<Result> = {
  name: "filter",
  async run(context) {
    const large = clustered(context, "large");
    const wide = clustered(context, "wide");
    return {
      comparisons: [
        await compared(context, large, [hindcastColumns, faiss, hnswlib]),
        // A JavaScript callback per candidate takes too long on a million rows.
        await compared(context, wide, [hindcastColumns, hnswlibNode]),
      ],
    };
  },
  table: ({ comparisons }) =>
    comparisons
      .flatMap(({ comparison, passing }) => [
        `#### ${comparison.data}: ${comparison.rows.toLocaleString("en")} × ${comparison.dimensions}, ef 64`,
        filterTable(comparison, passing),
        missingList(comparison),
      ])
      .join("\n\n"),
  plots: ({ comparisons }) =>
    Object.fromEntries(
      comparisons.map(({ comparison: { data, measured, rows } }) => [
        `filter-${data}.svg`,
        filterCurve(`Filtered search, ${rows.toLocaleString("en")} rows`, measured),
      ]),
    ),
};

async function compared(
  context: Context,
  meta: DataMeta,
  engines: readonly Contestant[],
): Promise<{ comparison: Comparison; passing: Record<string, number> }> {
  const cases = prepareFilters(context, meta);
  const comparison = await compare(context, {
    data: meta.name,
    contestants: engines,
    settings: [
      unfiltered,
      ...cases.map(({ name, title }) => ({ name: title, ef: 64, filter: name, truth: `truth-${name}` })),
    ],
    rounds: Math.ceil(context.rounds / 2),
    queriesPerRound: context.isQuick ? 10 : 200,
    buildThreads: [2],
    throughputSeconds: 0,
  });
  const passing = Object.fromEntries(cases.map(({ title, passing: rows }) => [title, rows]));
  return { comparison, passing: { [unfiltered.name]: meta.rows, ...passing } };
}

/** Filters and the exact answers under them. Columns must exist before ours is built, so this comes first. */
function prepareFilters(context: Context, meta: DataMeta): FilterCase[] {
  context.log(`${meta.name}: exact answers under filters`);
  const vectors = readVectors(meta.name, "vectors");
  const queries = readVectors(meta.name, "queries");
  const cases = [
    ...shares.map((share) => tagged(meta, { vectors, queries, share })),
    inCluster(meta, { vectors, queries, isOwn: true }),
    inCluster(meta, { vectors, queries, isOwn: false }),
    withoutNearest(meta),
  ];
  writeFileSync(join(dataFolder(meta.name), "filters.json"), `${JSON.stringify(cases)}\n`);
  return cases;
}

interface Vectors {
  vectors: Float32Array;
  queries: Float32Array;
}

/** A tag that rows have at random. */
function tagged(meta: DataMeta, { vectors, queries, share }: Vectors & { share: number }): FilterCase {
  const { name: data, dimensions, rows } = meta;
  const name = `share${String(share).replace(".", "")}`;
  const random = randomOf(Math.round(share * 1e6));
  const tag = Uint16Array.from({ length: rows }, () => (random() < share ? 1 : 0));
  const passing = Uint32Array.from(
    tag.entries().filter(([, value]) => value === 1),
    ([row]) => row,
  );
  const subset = new Float32Array(passing.length * dimensions);
  for (const [at, row] of passing.entries())
    subset.set(vectors.subarray(row * dimensions, (row + 1) * dimensions), at * dimensions);
  const { ids, scores } = exactOf(subset, queries, dimensions, k * 2);
  writeTruth(data, { ids: ids.map((at) => (at < 0 ? -1 : (passing[at] ?? -1))), scores }, `truth-${name}`);
  writeArray(data, `filter-${name}.u16`, tag);
  return { name, kind: "tag", title: `${share * 100} % at random`, passing: passing.length };
}

/** The rows of one cluster: the query's own (the filter helps) or another of like size (it hinders). */
function inCluster(meta: DataMeta, { vectors, queries, isOwn }: Vectors & { isOwn: boolean }): FilterCase {
  const { name: data, dimensions } = meta;
  const name = isOwn ? "own-cluster" : "other-cluster";
  const members = new Map<number, number[]>();
  for (const [row, cluster] of readLabels(data, "clusters").entries()) {
    const rows = members.get(cluster);
    if (rows === undefined) members.set(cluster, [row]);
    else rows.push(row);
  }
  return withMembers(meta, { vectors, queries, isOwn, name, dimensions, members });
}

function withMembers(
  { name: data, queries: count }: DataMeta,
  more: Vectors & { isOwn: boolean; name: string; dimensions: number; members: Map<number, number[]> },
): FilterCase {
  const { vectors, queries, isOwn, name, dimensions, members } = more;
  const own = readLabels(data, "query-clusters");
  // Clusters are numbered by size, so the next one is about as large.
  const next = (cluster: number): number => (members.has(cluster + 1) ? cluster + 1 : 0);
  const wanted = own.map((cluster) => (isOwn ? cluster : next(cluster)));
  const depth = k * 2;
  const ids = new Int32Array(count * depth);
  const scores = new Float32Array(count * depth);
  let passing = 0;
  for (const [query, cluster] of wanted.entries()) {
    const rows = Uint32Array.from(members.get(cluster) ?? []);
    passing += rows.length / count;
    const asked = queries.subarray(query * dimensions, (query + 1) * dimensions);
    const truth = exactAmong(rows, { vectors, query: asked, dimensions }, depth);
    ids.set(truth.ids, query * depth);
    scores.set(truth.scores, query * depth);
  }
  writeTruth(data, { ids, scores }, `truth-${name}`);
  writeArray(data, `filter-${name}.u16`, wanted);
  return { name, kind: "cluster", title: isOwn ? "its own cluster" : "another cluster", passing };
}

/** What the leakage guard does: the nearest are of the same task and must not be found. */
function withoutNearest({ name: data, rows, queries }: DataMeta): FilterCase {
  const { ids, scores, depth } = readTruth(data);
  const kept = depth - excludedNearest;
  const from = (query: number): number => query * depth + excludedNearest;
  const rest = { ids: new Int32Array(queries * kept), scores: new Float32Array(queries * kept) };
  for (let query = 0; query < queries; query += 1) {
    rest.ids.set(ids.subarray(from(query), from(query) + kept), query * kept);
    rest.scores.set(scores.subarray(from(query), from(query) + kept), query * kept);
  }
  writeTruth(data, rest, "truth-exclude");
  return {
    name: "exclude",
    kind: "exclude",
    title: `without its ${excludedNearest} nearest`,
    passing: rows - excludedNearest,
  };
}
