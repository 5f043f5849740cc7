// The outcome of the suite as a table for terminals, as JSON, and as the page test/SECURITY.md.
import { readFileSync, writeFileSync } from "node:fs";
import { categories } from "./probe.ts";
import type { Part } from "./results.ts";
import { type Outcome, problemsOf, type Row } from "./run.ts";

const page = new URL("../SECURITY.md", import.meta.url);
const [begin, end] = ["<!-- table -->", "<!-- /table -->"];

const inDriver = { held: "held", worked: "**BROKEN**", none: "n/a" } as const;
const inWeakened = { held: "**no effect**", worked: "works", none: "–" } as const;

/** By name, whichever part of a run was first. Of a run in parts, some rows may lack some. */
function driverNames(rows: readonly Row[]): string[] {
  return [...new Set(rows.flatMap(({ drivers }) => Object.keys(drivers)))].toSorted();
}

function cells(rows: readonly Row[]): string[][] {
  const drivers = driverNames(rows);
  const weakened = (outcome: Outcome | null): string => (outcome === null ? "not run" : inWeakened[outcome.verdict]);
  return [
    ["category", "probe", "what it is after", ...drivers, "weakened"],
    ...rows.map(({ probe, drivers: outcomes, weakened: control }) => [
      probe.category,
      probe.id,
      probe.attempts,
      ...drivers.map((name) => {
        const verdict = outcomes[name]?.verdict;
        return verdict === undefined ? "not run" : inDriver[verdict];
      }),
      weakened(control),
    ]),
  ];
}

export function table(rows: readonly Row[]): string {
  const lines = cells(rows).map((row) => row.map((cell) => cell.replaceAll("**", "")));
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((row) => row[column]?.length ?? 0)));
  return lines
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function summary(rows: readonly Row[]): string {
  const broken = rows.filter(({ drivers }) => Object.values(drivers).some(({ verdict }) => verdict === "worked"));
  const shown = rows.filter(({ weakened }) => weakened?.verdict === "worked").length;
  const silent = rows.filter(({ weakened }) => weakened?.verdict === "none");
  const idle = rows.filter(({ weakened }) => weakened?.verdict === "held").length;
  // A probe that does nothing where nothing holds it says nothing of the drivers either.
  const unproven = idle === 0 ? "" : `, ${idle} had no effect there and prove nothing`;
  const untried = notTried(rows).length;
  const unsaid = untried === 0 ? "" : `, ${untried} attempts say nothing (n/a)`;
  const kinds = new Set(rows.map(({ probe }) => probe.category)).size;
  const proof =
    rows[0]?.weakened === null
      ? "weakened sandboxes were not run, which takes root"
      : `${shown} work in a weakened sandbox${unproven}, ${silent.length} cannot be shown on this machine`;
  return `${rows.length} probes in ${kinds} of ${categories.length} categories; ${rows.length - broken.length} held by every driver, ${broken.length} not${unsaid}; ${proof}.`;
}

/** The commands of a run; those that differ in what they chose of the probes are parts of one. */
export function told(parts: readonly Part[]): string {
  const whole = (command: string): string => command.replace(/ --(results|categories|probe) \S+/g, "");
  const groups = [...Map.groupBy(parts, ({ command }) => whole(command))].map(([command, of]) => {
    const days = [...new Set(of.map(({ day }) => day))].toSorted();
    const inParts = of.length === 1 ? "" : ` in ${of.length} parts,`;
    const seconds = of.reduce((sum, part) => sum + part.seconds, 0);
    return `\`${command}\`${inParts} on ${[days[0], ...days.slice(1).slice(-1)].join(" to ")}; ${seconds} s`;
  });
  return `${groups.join(", then ")}.`;
}

/** A line for each attempt in a driver's sandbox that says nothing, and why. */
function notTried(rows: readonly Row[]): string[] {
  return rows.flatMap(({ probe, drivers }) =>
    Object.entries(drivers)
      .filter(([, { verdict }]) => verdict === "none")
      .map(([driver, { detail }]) => `- \`${probe.category}/${probe.id}\` in ${driver}: ${detail}`),
  );
}

export function asJson(rows: readonly Row[]): object {
  return {
    probes: rows.map(({ probe, drivers, weakened }) => ({
      id: `${probe.category}/${probe.id}`,
      attempts: probe.attempts,
      weakening: probe.weakening ?? "shared",
      drivers,
      weakened,
    })),
    problems: problemsOf(rows),
  };
}

/** Writes the table into the page, between its marks. */
export function publish(rows: readonly Row[], heading: string, notes: readonly string[]): void {
  const text = readFileSync(page, "utf8");
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error("test/SECURITY.md has no marks for its table");
  const [head = [], ...body] = cells(rows);
  const silent = rows
    .filter(({ weakened }) => weakened?.verdict === "none")
    .map(({ probe, weakened }) => `- \`${probe.category}/${probe.id}\`: ${weakened?.detail}`);
  const parts = [
    heading,
    "",
    summary(rows),
    ...notes.flatMap((note) => ["", note]),
    "",
    `| ${head.join(" | ")} |`,
    `| ${head.map(() => "---").join(" | ")} |`,
    ...body.map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`),
    ...(notTried(rows).length === 0 ? [] : ["", "Of these nothing can be said (n/a):", "", ...notTried(rows)]),
    ...(silent.length === 0 ? [] : ["", "Not shown to work on this machine:", "", ...silent]),
  ];
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n\n${parts.join("\n")}\n\n${text.slice(to)}`);
}
