// Ten turnovers of a collection at 10,000 upserts a second beside searches, each of whose answers is checked: scanned, as
// a collection of this size is unless told otherwise, and with graphs from 4,096 rows, which writes at this rate outrun.
import type { Context, Suite } from "../harness/context.ts";
import { graphRowsMin } from "../engines/hindcast.ts";
import { runProgram } from "../harness/processes.ts";
import { argumentList } from "../harness/arguments.ts";
import { count } from "../report/comparison-tables.ts";
import { table } from "../report/markdown.ts";

interface Phase {
  searches: number;
  upserts: number;
  seconds: number;
  p50: number;
  p99: number;
  faults: Record<string, number>;
  replaced: number;
}
interface Churned {
  rows: number;
  dimensions: number;
  graphRowsMin: number;
  rate: number;
  quiet: Phase;
  busy: Phase;
  recallBefore: Record<"graph" | "auto", number>;
  recallAfter: Record<"graph" | "auto", number>;
  settleMs: number;
}
interface Result {
  /** Twenty thousand rows, single asynchronous searches. */
  scanned: Churned;
  graphs: Churned;
  /** A small collection: as many checked answers as asked for, or as the time allows; synchronous searches are timed. */
  checked: Churned;
  usearch: { recallBefore: number; recallAfter: number; recallFresh: number };
}

/** Ten million searches take about three minutes where nothing else runs. */
const checkedMsMax = 300_000;

export const churn: Suite<Result> = {
  name: "churn",
  async run(context: Context) {
    const { isQuick, checked } = context;
    const size = isQuick
      ? { rows: 5_000, dimensions: 32, turnovers: 1 }
      : { rows: 20_000, dimensions: 128, turnovers: 10 };
    context.log("churn: npm usearch");
    const usearch = await runProgram<Result["usearch"]>("churn-usearch", argumentList(size));
    const quietMs = isQuick ? 300 : 10_000;
    const ours = async (values: Record<string, number>): Promise<Churned> =>
      await runProgram<Churned>("churn", argumentList({ ...size, rate: 10_000, quietMs, ...values }));
    context.log("churn: ours");
    const scanned = await ours({});
    const graphs = await ours({ graphRowsMin: isQuick ? 1_024 : graphRowsMin });
    context.log(`churn: ${checked} checked searches`);
    const small = { rows: 2_000, dimensions: 32, turnovers: 1, checked, checkedMsMax };
    return { scanned, graphs, usearch, checked: await ours(small) };
  },
  table({ scanned, graphs, checked, usearch }) {
    const phases = [scanned, graphs, checked].flatMap((one) => [
      rowOf(one, "quiet", one.quiet),
      rowOf(one, `${count(one.busy.upserts / one.busy.seconds)} upserts/s`, one.busy),
    ]);
    const { recallBefore: before, recallAfter: after } = graphs;
    return [
      table(
        [
          "rows × dimensions",
          "graphs from",
          "beside",
          "searches checked",
          "malformed",
          "p50 µs",
          "p99 µs",
          "upserts in all",
          "rows replaced before their id was asked for",
        ],
        phases,
      ),
      `Malformed: too short, a row twice, not in order, an unknown id, or a score that no version of the row alive during the search has.`,
      table(
        ["recall@10, ef 64", "before", "after the turnovers", "built afresh from the same rows"],
        [
          ["Hindcast, graph", share(before.graph), share(after.graph), "–"],
          ["Hindcast, as it chooses", share(before.auto), share(after.auto), "–"],
          [
            "npm usearch, remove + add",
            share(usearch.recallBefore),
            share(usearch.recallAfter),
            share(usearch.recallFresh),
          ],
        ],
      ),
    ].join("\n\n");
  },
  plots: () => ({}),
};

const share = (recall: number): string => recall.toFixed(4);

function rowOf({ rows, dimensions, graphRowsMin: from }: Churned, beside: string, phase: Phase): string[] {
  const faults = Object.entries(phase.faults).filter(([, times]) => times > 0);
  const malformed = faults.length === 0 ? "0" : faults.map(([what, times]) => `${times} ${what}`).join(", ");
  const { searches, p50, p99, upserts, replaced } = phase;
  return [
    `${count(rows)} × ${dimensions}`,
    `${count(from)} rows`,
    beside,
    count(searches),
    malformed,
    p50.toFixed(0),
    p99.toFixed(0),
    count(upserts),
    count(replaced),
  ];
}
