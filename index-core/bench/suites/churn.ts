// Ten turnovers of a collection at 10,000 upserts a second beside searches, each of whose answers is checked.
import type { Context, Suite } from "../harness/context.ts";
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
  rate: number;
  quiet: Phase;
  busy: Phase;
  recallBefore: Record<"graph" | "auto", number>;
  recallAfter: Record<"graph" | "auto", number>;
  settleMs: number;
}
interface Result {
  /** Twenty thousand rows, single asynchronous searches. */
  turnover: Churned;
  /** A small collection, synchronous searches: as many checked answers as asked for. */
  checked: Churned;
  usearch: { recallBefore: number; recallAfter: number; recallFresh: number };
}

export const churn: Suite<Result> = {
  name: "churn",
  async run(context: Context) {
    const { isQuick, checked } = context;
    const size = isQuick
      ? { rows: 5_000, dimensions: 32, turnovers: 1 }
      : { rows: 20_000, dimensions: 128, turnovers: 10 };
    context.log("churn: npm usearch");
    const usearch = await runProgram<Result["usearch"]>("churn-usearch", argumentList(size));
    context.log("churn: ours");
    const quietMs = isQuick ? 300 : 10_000;
    const turnover = await runProgram<Churned>("churn", argumentList({ ...size, rate: 10_000, quietMs }));
    context.log(`churn: ${checked} checked searches`);
    const small = { rows: 2_000, dimensions: 32, turnovers: 1, rate: 10_000, quietMs, checked };
    return { turnover, usearch, checked: await runProgram<Churned>("churn", argumentList(small)) };
  },
  table({ turnover, checked, usearch }) {
    const phases = [turnover, checked].flatMap((one) => [
      rowOf(one, "quiet", one.quiet),
      rowOf(one, `${count(one.busy.upserts / one.busy.seconds)} upserts/s`, one.busy),
    ]);
    const { recallBefore: before, recallAfter: after } = turnover;
    return [
      table(
        [
          "rows × dimensions",
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

function rowOf({ rows, dimensions }: Churned, beside: string, phase: Phase): string[] {
  const faults = Object.entries(phase.faults).filter(([, times]) => times > 0);
  const malformed = faults.length === 0 ? "0" : faults.map(([what, times]) => `${times} ${what}`).join(", ");
  const { searches, p50, p99, upserts, replaced } = phase;
  return [
    `${rows} × ${dimensions}`,
    beside,
    count(searches),
    malformed,
    p50.toFixed(0),
    p99.toFixed(0),
    count(upserts),
    count(replaced),
  ];
}
