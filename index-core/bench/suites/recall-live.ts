// Whether the gauge of recall tells the truth.
import { clustered } from "../data/catalog.ts";
import { argumentList } from "../harness/arguments.ts";
import type { Context, Suite } from "../harness/context.ts";
import { runProgram } from "../harness/processes.ts";
import { count } from "../report/comparison-tables.ts";
import { table } from "../report/markdown.ts";

interface Result {
  rows: number;
  dimensions: number;
  searches: number;
  sampled: number;
  /** Null where the index reports none. */
  own: number | null;
  true: number;
  p50: number;
  p99: number;
}

export const recallLive: Suite<Result> = {
  name: "recall-live",
  async run(context: Context) {
    const { name: data } = clustered(context, "wide");
    const values = {
      data,
      searches: context.isQuick ? 200 : 20_000,
      ef: 32,
      sampled: context.isQuick ? 2_000 : 400_000,
    };
    return await runProgram<Result>("recall-live", argumentList(values));
  },
  table(result) {
    const { rows, dimensions, searches, sampled, own, p50, p99 } = result;
    return table(
      [
        "rows × dimensions",
        "searches",
        "sampled",
        "recall by its own gauge",
        "recall against exact answers",
        "p50 µs",
        "p99 µs",
      ],
      [
        [
          `${count(rows)} × ${dimensions}`,
          count(searches),
          count(sampled),
          own === null ? "not reported" : own.toFixed(4),
          result.true.toFixed(4),
          count(p50),
          count(p99),
        ],
      ],
    );
  },
  plots: () => ({}),
};
