// The service over a real nats-server: what the hop costs, how much it carries, and how it bears upserts beside.
import type { Context, Suite } from "../harness/context.ts";
import { argumentList } from "../harness/arguments.ts";
import { runProgram } from "../harness/processes.ts";
import type { Latency } from "../harness/request-loops.ts";
import type { Spread } from "../harness/statistics.ts";
import { count } from "../report/comparison-tables.ts";
import { table } from "../report/markdown.ts";
import { type Hop, hopTables } from "./nats-hop.ts";

interface Result {
  rows: number;
  latency: Record<string, { p50: Spread; p99: Spread }>;
  /** Queries a second, and percent of a core by process. */
  throughput: Record<string, { perSecond: number; shares: Record<string, number> }>;
  beside: Record<string, Latency & { upserts: number; shares: Record<string, number> }>;
  hop: Hop;
}

export const nats: Suite<Result> = {
  name: "nats",
  run: async ({ isQuick, rounds }: Context) => {
    const size = isQuick ? { rows: 200, queries: 20, rounds: 1 } : { rows: 20_000, queries: 300, rounds };
    const seconds = isQuick ? 0.5 : 8;
    const all = await runProgram<Omit<Result, "hop">>("nats", argumentList({ ...size, seconds }));
    return { ...all, hop: await runProgram<Hop>("nats-hop", argumentList(size)) };
  },
  table({ rows, latency, throughput, beside, hop }) {
    return [
      `${count(rows)} demonstrations, 1,024-dimensional \`hash-v1\` vectors, a filter that 1 % pass; server, service and client on the same cores.`,
      table(
        ["one request at a time", "p50 µs [quartiles]", "p99 µs"],
        Object.entries(latency).map(
          ([
            name,
            {
              p50: { median, q1, q3 },
              p99,
            },
          ]) => [name, `${count(median)} [${count(q1)}–${count(q3)}]`, count(p99.median)],
        ),
      ),
      ...hopTables(hop),
      table(
        ["throughput", "queries/s", "percent of a core"],
        Object.entries(throughput).map(([name, { perSecond, shares }]) => [name, count(perSecond), sharesText(shares)]),
      ),
      table(
        [
          "1,000 requests/s, after 2 s of them",
          "upserts/s beside",
          "p50 µs",
          "p99 µs",
          "answered",
          "refused",
          "percent of a core",
        ],
        Object.entries(beside).map(([name, { upserts, p50, p99, requests, refused, shares }]) => [
          name,
          ...[upserts, p50, p99, requests, refused].map(count),
          sharesText(shares),
        ]),
      ),
    ].join("\n\n");
  },
  plots: () => ({}),
};

const sharesText = (shares: Record<string, number>): string =>
  Object.entries(shares)
    .map(([name, percent]) => `${name} ${count(percent)}`)
    .join(", ");
