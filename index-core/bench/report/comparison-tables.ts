// Markdown of engine comparisons. Times: median over the rounds, with the first and third quartile where they fit.
import type { Comparison, Measured } from "../harness/comparison.ts";
import type { Built } from "../harness/opened.ts";
import type { Spread } from "../harness/statistics.ts";
import { table } from "./markdown.ts";

export const comparisonHeading = ({ data, rows, dimensions, source, rounds }: Comparison): string =>
  `#### ${data}: ${rows.toLocaleString("en")} × ${dimensions}\n\n${source}; ${rounds} rounds.`;

/** A row per engine and variant, a column per setting. */
export function latencyTable({ measured, built }: Comparison): string {
  const settings = [...new Set(measured.map(({ setting }) => setting))];
  const storage = new Map(built.map((one) => [one.engine, one.storage]));
  const engines = Map.groupBy(measured, ({ engine, variant }) => `${engine} ${variant}`);
  return table(
    ["engine", "stored, re-ranked", ...settings.map((setting) => `${setting}: p50 [quartiles] / p99 µs @ recall`)],
    [...engines].map(([name, rows]) => [
      name,
      storage.get(rows[0]?.engine ?? "") ?? "",
      ...settings.map((setting) => cellOf(rows.find((row) => row.setting === setting))),
    ]),
  );
}

export function buildTable({ built }: Comparison): string {
  return table(
    [
      "engine",
      "rows/s built, 1 thread",
      "2 threads",
      "queries/s, 1 thread",
      "2 threads",
      "resident MiB",
      "mapped MiB",
      "file MiB",
      "opened in ms",
    ],
    built.map((one) => [
      one.engine,
      count(one.rates["1"]),
      count(one.rates["2"]),
      count(one.throughput["1"]),
      count(one.throughput["2"]),
      one.memory.anonymous.toFixed(0),
      one.memory.mapped.toFixed(0),
      one.fileMiB.toFixed(0),
      one.openMs.toFixed(0),
    ]),
  );
}

export function exactTable(comparisons: readonly Comparison[]): string {
  return table(
    ["rows × dimensions", "data", "engine", "p50 [quartiles] / p99 µs @ recall"],
    comparisons.flatMap(({ measured, data }) =>
      measured.map((one) => [one.setting, data, `${one.engine} ${one.variant}`, cellOf(one)]),
    ),
  );
}

/** A row per filter, a column per engine. */
export function filterTable({ measured }: Comparison, passing: Record<string, number>): string {
  const settings = [...new Set(measured.map(({ setting }) => setting))];
  const names = [...new Set(measured.map(({ engine, variant }) => `${engine} ${variant}`))];
  return table(
    ["filter", "rows passing", ...names.map((name) => `${name}: p50 / p99 µs @ recall`)],
    settings.map((setting) => [
      setting,
      Math.round(passing[setting] ?? 0).toLocaleString("en"),
      ...names.map((name) =>
        cellOf(measured.find((one) => one.setting === setting && `${one.engine} ${one.variant}` === name)),
      ),
    ]),
  );
}

export const missingOfAll = (comparisons: readonly Comparison[]): string =>
  missingList({ missing: Object.assign({}, ...comparisons.map(({ missing }) => missing)) as Record<string, string> });

export function missingList({ missing }: Pick<Comparison, "missing">): string {
  const lines = Object.entries(missing).map(([engine, reason]) => `- ${engine}: ${reason.replaceAll("\n", " ")}`);
  return lines.length === 0 ? "" : `Not measured:\n\n${lines.join("\n")}`;
}

function cellOf(one: Measured | undefined): string {
  if (one === undefined) return "–";
  const short = one.short === 0 ? "" : `, ${one.short} of ${one.queries} short`;
  return `${spread(one.p50)} / ${micros(one.p99.median)} @ ${recall(one.recall)}${short}`;
}

/** Never rounded up to 1: a miss in a thousand must be seen. */
const recall = (value: number): string =>
  value === 1 ? "1" : (Math.floor(value * 10_000) / 10_000).toFixed(4).slice(1);

const spread = ({ median, q1, q3 }: Spread): string => `${micros(median)} [${micros(q1)}–${micros(q3)}]`;

const micros = (value: number): string => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en"));

export const count = (value: Built["rates"][string] | undefined): string =>
  value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en");
