// The border between JavaScript and the index: nanoseconds and garbage of a call, and delay of the event loop.
import type { Context, Suite } from "../harness/context.ts";
import { runProgram } from "../harness/processes.ts";
import type { Spread } from "../harness/statistics.ts";
import { argumentList } from "../harness/arguments.ts";
import { table } from "../report/markdown.ts";

interface Result {
  calls: Record<string, { nanoseconds: Spread; garbageBytes: number }>;
  loop: Record<string, { p50: number; p99: number; max: number; seconds: number }>;
}

export const border: Suite<Result> = {
  name: "border",
  run: async ({ isQuick }: Context) =>
    await runProgram<Result>(
      "border",
      argumentList(
        isQuick ? { calls: 5_000, rounds: 3, rows: 1_000, buildRows: 5_000 } : { calls: 100_000, rounds: 12 },
      ),
    ),
  table({ calls, loop }) {
    return [
      table(
        ["call", "ns, median [quartiles]", "bytes of heap left by a call"],
        Object.entries(calls).map(
          ([
            name,
            {
              nanoseconds: { median, q1, q3 },
              garbageBytes,
            },
          ]) => [name, `${median.toFixed(0)} [${q1.toFixed(0)}–${q3.toFixed(0)}]`, String(garbageBytes)],
        ),
      ),
      "A whole call, with the search of its one row: an upper bound of the border.",
      table(
        ["event loop during", "late by: p50 ms", "p99 ms", "most ms", "took s"],
        Object.entries(loop).map(([name, { p50, p99, max, seconds }]) => [
          name,
          p50.toFixed(2),
          p99.toFixed(2),
          max.toFixed(1),
          seconds.toFixed(2),
        ]),
      ),
    ].join("\n\n");
  },
  plots: () => ({}),
};
