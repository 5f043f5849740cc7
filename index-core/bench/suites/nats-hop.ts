// The tables of `nats-hop`: where the microseconds of one request go, and what its processes take of the processor.
import type { CoreTimes } from "../harness/core-times.ts";
import type { RequestParts } from "../harness/hop-parts.ts";
import { count } from "../report/comparison-tables.ts";
import { table } from "../report/markdown.ts";

interface Way extends RequestParts {
  name: string;
  /** Microseconds of a request, by process. */
  processor: Record<string, CoreTimes>;
}

export interface Hop {
  found: Way[];
}

export const hopTables = ({ found }: Hop): string[] => [
  `One binary frame at a time, cut into parts: µs, medians over the rounds of each round's p50. The echoes that work do so for as long as the service's handler took in the round before.`,
  partsTable(found),
  processorTable(found),
];

function partsTable(found: readonly Way[]): string {
  const names = Object.keys(found[0]?.parts ?? {});
  const sum = ({ parts }: Way): number => Object.values(parts).reduce<number>((all, part) => all + (part ?? 0), 0);
  return table(
    ["part of its way", ...found.map(({ name }) => name)],
    [
      ...names.map((name) => [name, ...found.map(({ parts }) => figure(parts[name] ?? null))]),
      ["sum of these", ...found.map((way) => figure(sum(way)))],
      ["**the whole, measured**", ...found.map(({ whole }) => `**${figure(whole)}**`)],
    ],
  );
}

function processorTable(found: readonly Way[]): string {
  const parties = Object.keys(found[0]?.processor ?? {});
  const time = ({ running, waiting }: CoreTimes): string => `${count(running)} + ${count(waiting)}`;
  return table(
    ["µs of the processor a request, all threads: running + ready and waiting", ...found.map(({ name }) => name)],
    parties.map((party) => [
      party,
      ...found.map(({ processor }) => time(processor[party] ?? { running: 0, waiting: 0 })),
    ]),
  );
}

const figure = (micros: number | null): string => (micros === null ? "–" : count(micros));
