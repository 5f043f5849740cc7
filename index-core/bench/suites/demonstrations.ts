// What an agent asks for: a text in, demonstrations out.
import type { Context, Suite } from "../harness/context.ts";
import { runProgram } from "../harness/processes.ts";
import type { Spread } from "../harness/statistics.ts";
import { argumentList } from "../harness/arguments.ts";
import { count } from "../report/comparison-tables.ts";
import { table } from "../report/markdown.ts";

interface Searched {
  rows: number;
  perSecond: number;
  measured: { name: string; p50: Spread; p99: Spread }[];
}
interface Result {
  sizes: Searched[];
}

export const demonstrations: Suite<Result> = {
  name: "demonstrations",
  async run({ isQuick, rounds }: Context) {
    const sizes: Searched[] = [];
    for (const rows of isQuick ? [500] : [10_000, 50_000]) {
      const values = { rows, queries: isQuick ? 20 : 300, rounds };
      sizes.push(await runProgram<Searched>("demonstrations", argumentList(values)));
    }
    return { sizes };
  },
  table({ sizes }) {
    return [
      table(
        ["demonstrations", "search", "p50 µs [quartiles]", "p99 µs"],
        sizes.flatMap(({ rows, measured }) =>
          measured.map(({ name, p50: { median, q1, q3 }, p99 }) => [
            count(rows),
            name,
            `${count(median)} [${count(q1)}–${count(q3)}]`,
            count(p99.median),
          ]),
        ),
      ),
      "Ours take a text and return demonstrations; the peer takes a vector and returns keys.",
      `Indexed at ${sizes.map(({ perSecond, rows }) => `${count(perSecond)}/s (${count(rows)})`).join(", ")}.`,
    ].join("\n\n");
  },
  plots: () => ({}),
};
