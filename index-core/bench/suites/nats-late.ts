// Why answers over NATS are late: who computes, who waits for a core, and who collects garbage meanwhile.
import type { Context, Suite } from "../harness/context.ts";
import { argumentList } from "../harness/arguments.ts";
import type { CoreTimes } from "../harness/core-times.ts";
import type { LongTurns } from "../harness/loop-probe.ts";
import { runProgram } from "../harness/processes.ts";
import type { Latency } from "../harness/request-loops.ts";
import { spreadOf } from "../harness/statistics.ts";
import { count } from "../report/comparison-tables.ts";
import { table } from "../report/markdown.ts";

interface Measured extends Latency {
  loops: Record<"client" | "service", LongTurns>;
  cores: Record<string, CoreTimes>;
}

interface Result {
  rows: number;
  /** A second. */
  rate: number;
  upserts: number;
  /** By way, one per round. */
  found: Record<string, Measured[]>;
}

export const natsLate: Suite<Result> = {
  name: "nats-late",
  run: async ({ isQuick, rounds }: Context) =>
    await runProgram<Result>(
      "nats-late",
      argumentList(
        isQuick
          ? { rows: 200, queries: 20, rounds: 1, seconds: 0.5, rate: 100, upserts: 20 }
          : { rows: 20_000, queries: 300, rounds, seconds: 6 },
      ),
    ),
  table: ({ rows, rate, upserts, found }) =>
    [
      `${count(rows)} demonstrations, ${count(rate)} binary frames a second, beside ${count(upserts)} upserts/s where it says so; medians of the rounds.`,
      latencies(found),
      coreTimes(found),
      longTurns(found),
    ].join("\n\n"),
  plots: () => ({}),
};

function latencies(found: Result["found"]): string {
  const head = ["what answers", "p50 µs [quartiles]", "p99 µs [quartiles]", "sent late by, p99 µs", "refused"];
  const rows = Object.entries(found).map(([name, rounds]) => [
    name,
    ...(["p50", "p99", "sentLateP99"] as const).map((key) => spread(rounds.map((round) => round[key]))),
    count(rounds.reduce((sum, { refused }) => sum + refused, 0)),
  ]);
  return table(head, rows);
}

function coreTimes(found: Result["found"]): string {
  const rows = Object.entries(found).map(([name, rounds]) => {
    const processes = Object.keys(rounds[0]?.cores ?? {});
    const text = (kind: keyof CoreTimes): string =>
      processes.map((one) => `${one} ${count(middle(rounds.map(({ cores }) => cores[one]?.[kind] ?? 0)))}`).join(", ");
    return [name, text("running"), text("waiting")];
  });
  return table(["percent of a core, all threads", "running", "ready and waiting for one"], rows);
}

function longTurns(found: Result["found"]): string {
  const head = [
    "turns of the event loop over 5 ms",
    "number",
    "ms in all",
    "computing",
    "waiting for a core",
    "longest",
    "collecting garbage, in all and at most",
  ];
  const rows = Object.entries(found).flatMap(([name, rounds]) =>
    (["client", "service"] as const).map((party) => {
      const of = (key: keyof LongTurns): string => count(middle(rounds.map(({ loops }) => loops[party][key])));
      const figures = (["turns", "all", "computing", "waiting", "longest"] as const).map(of);
      return [`${name}: ${party}`, ...figures, `${of("collecting")}, ${of("longestCollection")}`];
    }),
  );
  return table(head, rows);
}

const middle = (samples: readonly number[]): number => spreadOf(samples).median;

function spread(samples: readonly number[]): string {
  const { median, q1, q3 } = spreadOf(samples);
  return `${count(median)} [${count(q1)}–${count(q3)}]`;
}
