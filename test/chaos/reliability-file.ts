// Writes what a run showed into a page, between the markers of its section: a table that nobody typed.
import { readFileSync, writeFileSync } from "node:fs";
import type { Report } from "./run.ts";

export function publish(section: string, command: string, report: Report): void {
  publishText(section, tablesOf(command, report));
}

/**
 * @param markdown what stands between the section's markers from now on
 * @param page from the repository's root
 */
export function publishText(section: string, markdown: string, page = "test/RELIABILITY.md"): void {
  const path = new URL(`../../${page}`, import.meta.url);
  const text = readFileSync(path, "utf8");
  const [begin, end] = [`<!-- ${section} -->`, `<!-- /${section} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${page} has no section ${section}`);
  writeFileSync(path, `${text.slice(0, from + begin.length)}\n\n${markdown}\n\n${text.slice(to)}`);
}

function tablesOf(command: string, report: Report): string {
  const { recovery, levels } = report;
  const seconds = (ms: number): string => (Number.isFinite(ms) ? `${(ms / 1_000).toFixed(1)} s` : "–");
  const facts: [string, string | number][] = [
    ["tasks", report.tasks],
    ["lost", report.lost],
    ["doubled", report.doubled],
    ["answers bought although journaled", report.paidTwice],
    ["answers that died with their process before they could be journaled", report.answersLostInFlight],
    ["tasks given up", report.infrastructure],
    ["rebuilt worlds that differed", report.diverged],
    ["other violations", report.violations.length],
    ["tasks per minute", report.tasksPerMinute.toFixed(1)],
    [
      "from SIGKILL of an agent to the next committed step, p50 / p99 / most",
      `${seconds(recovery.p50Ms)} / ${seconds(recovery.p99Ms)} / ${seconds(recovery.maxMs)} (${recovery.episodes} episodes)`,
    ],
    ...Object.entries(levels.before.memoryMiB).map(([part, before]): [string, string] => [
      `memory of ${part}, garbage collected: before; medians of the quarters of the run; after`,
      `${before}; ${report.memoryMiBByQuarter[part]?.join(" / ") ?? "–"}; ${levels.after.memoryMiB[part] ?? 0} MiB`,
    ]),
    ["demonstrations that the index holds in the end", report.demonstrations],
    ["open files before / after", `${levels.before.openFiles} / ${levels.after.openFiles}`],
    ["consumers of all streams before / after", `${levels.before.consumers} / ${levels.after.consumers}`],
    ["sandboxes left", levels.after.sandboxed],
  ];
  const faults = Object.entries(report.faults).sort(([a], [b]) => a.localeCompare(b));
  return [
    `\`${command}\` on ${report.at.slice(0, 10)}, ${report.machine}: ${report.processes}, ${report.servers} nats-server; ${report.seconds} s.`,
    "",
    "| fault | times |",
    "| --- | ---: |",
    ...faults.map(([fault, times]) => `| ${fault} | ${times} |`),
    "",
    "| what came of it | |",
    "| --- | ---: |",
    ...facts.map(([name, value]) => `| ${name} | ${value} |`),
  ].join("\n");
}
