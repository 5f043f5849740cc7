// Exact search at every size of a shard that needs no graph, and on the vectors that `hash-v1` makes.
import { clustered, prefixOf, prepareGiven, real } from "../data/catalog.ts";
import { type DataMeta, readMeta } from "../data/data-set.ts";
import { compare, type Comparison } from "../harness/comparison.ts";
import { contestants } from "../harness/contestants.ts";
import type { Context, Suite } from "../harness/context.ts";
import { exactTable, missingOfAll } from "../report/comparison-tables.ts";
import { bars } from "../report/plots.ts";
import { textOf } from "../data/corpus.ts";

interface Result {
  comparisons: Comparison[];
}

const { hindcastFlat, hindcastFlatBf16, faissFlat, usearchNodeExact } = contestants;

export const exact: Suite<Result> = {
  name: "exact",
  async run(context) {
    const text = context.isQuick ? "left out" : await real(context);
    const whole = typeof text === "string" ? clustered(context, "wide") : text;
    const sizes = context.isQuick ? [2_000] : [1_000, 10_000, 30_000, 100_000];
    const sets = sizes.map((rows) => (rows < whole.rows ? prefixOf(whole, rows) : whole));
    const comparisons: Comparison[] = [];
    for (const meta of [...sets, await hashed(context)]) {
      comparisons.push(
        await compare(context, {
          data: meta.name,
          contestants: [hindcastFlat, hindcastFlatBf16, usearchNodeExact, faissFlat],
          settings: [{ name: `${meta.rows} × ${meta.dimensions}`, ef: 64, filter: null, truth: "truth" }],
          rounds: context.rounds,
          queriesPerRound: context.isQuick ? 10 : 200,
          buildThreads: [2],
          throughputSeconds: 0,
        }),
      );
    }
    return { comparisons };
  },
  table: ({ comparisons }) => [exactTable(comparisons), missingOfAll(comparisons)].join("\n\n"),
  plots: ({ comparisons }) => ({
    "exact.svg": bars(
      "Exact search, p50 of one query",
      comparisons.flatMap(({ measured }) => measured),
    ),
  }),
};

/** Vectors of `hash-v1` over synthetic texts: 1024 dimensions, no clusters. */
async function hashed(context: Context): Promise<DataMeta> {
  const name = context.isQuick ? "quick-hash-v1" : "hash-v1";
  const made = readMeta(name);
  if (made !== null) return made;
  const { embed } = await import("../../ts/index.ts");
  const rows = context.isQuick ? 500 : 30_000;
  const queries = context.isQuick ? 20 : 500;
  const vectors = await embed(Array.from({ length: rows }, (_, n) => `${textOf(n, 12)}\n${textOf(n + 1_000_000, 20)}`));
  const asked = await embed(Array.from({ length: queries }, (_, n) => textOf(n * 7 + 3, 12)));
  const source = "`hash-v1` vectors of synthetic texts";
  return prepareGiven({ name, rows, dimensions: vectors.length / rows, queries, source }, vectors, asked);
}
