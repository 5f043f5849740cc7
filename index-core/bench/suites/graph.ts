// Approximate search without a filter: latency against recall, build rate, throughput and memory of every engine.
import { clustered, real } from "../data/catalog.ts";
import type { DataMeta } from "../data/data-set.ts";
import { compare, type Comparison } from "../harness/comparison.ts";
import { type Contestant, contestants } from "../harness/contestants.ts";
import type { Context, Suite } from "../harness/context.ts";
import type { Setting } from "../harness/opened.ts";
import { buildTable, comparisonHeading, latencyTable, missingList } from "../report/comparison-tables.ts";
import { recallCurve } from "../report/plots.ts";

interface Result {
  comparisons: Comparison[];
  notMade: string[];
}

const efs = [32, 64, 128];
const settings: Setting[] = efs.map((ef) => ({ name: `ef ${ef}`, ef, filter: null, truth: "truth" }));
const c = contestants;
const all: Contestant[] = [
  c.hindcast,
  c.hindcastBf16,
  c.usearchNode,
  c.hnswlibNode,
  c.lance,
  c.hnswlib,
  c.faiss,
  c.faissSq8,
  c.usearchF32,
  c.usearchBf16,
  c.usearchI8,
];

const reported: Pick<Suite<Result>, "table" | "plots"> = {
  table({ comparisons, notMade }) {
    return [
      ...comparisons.flatMap((comparison) => [
        comparisonHeading(comparison),
        latencyTable(comparison),
        buildTable(comparison),
        missingList(comparison),
      ]),
      ...notMade,
    ].join("\n\n");
  },
  plots({ comparisons }) {
    return Object.fromEntries(comparisons.map((one) => [`graph-${one.data}.svg`, recallCurve(one)]));
  },
};

/** On vectors of real texts. */
export const graph: Suite<Result> = {
  name: "graph",
  async run(context) {
    // A quick run makes no vectors of texts.
    const text = context.isQuick ? clustered(context, "wide") : await real(context);
    if (typeof text === "string") return { comparisons: [], notMade: [text] };
    return { comparisons: [await compared(context, text, all)], notMade: [] };
  },
  ...reported,
};

/** On synthetic clusters. */
export const graphSynthetic: Suite<Result> = {
  name: "graph-synthetic",
  async run(context) {
    return { comparisons: [await compared(context, clustered(context, "wide"), all)], notMade: [] };
  },
  ...reported,
};

async function compared(context: Context, meta: DataMeta, engines: Contestant[]): Promise<Comparison> {
  return await compare(context, {
    data: meta.name,
    contestants: engines,
    settings,
    rounds: context.rounds,
    queriesPerRound: context.isQuick ? 20 : 500,
    // How threads help is measured once.
    buildThreads: meta.name === "real" && !context.isQuick ? [1, 2] : [2],
    throughputSeconds: context.isQuick ? 0.1 : 3,
  });
}
