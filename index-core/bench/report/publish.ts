// Writes what a suite found: JSON, plots, and its part of the README.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Context, Suite } from "../harness/context.ts";
import { load, type Machine } from "../harness/machine.ts";
import { benchFolder, crateFolder, root, workFolder } from "../harness/places.ts";
import { between } from "./markdown.ts";

export interface Report<Result> {
  suite: string;
  command: string;
  startedAt: string;
  seconds: number;
  machine: Machine;
  /** One-minute load average before and after. */
  load: [number, number];
  isQuick: boolean;
  result: Result;
}

const quickFolder = join(workFolder, "quick");

/** Before the first suite of a quick run: an empty folder with a copy of the README. */
export function startQuick(): void {
  rmSync(quickFolder, { recursive: true, force: true });
  mkdirSync(quickFolder, { recursive: true });
  cpSync(join(crateFolder, "README.md"), join(quickFolder, "README.md"));
}

/** A quick run writes into the ignored folder, so that it tests this, too. */
export function publish<Result>(context: Context, suite: Suite<Result>, report: Report<Result>): void {
  const folder = context.isQuick ? quickFolder : join(benchFolder, "results");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${suite.name}.json`), `${JSON.stringify(report, null, 1)}\n`);
  const plots = Object.entries(suite.plots(report.result));
  for (const [name, svg] of plots) writeFileSync(join(folder, name), svg);
  const readme = context.isQuick ? join(folder, "README.md") : join(crateFolder, "README.md");
  const pictures = plots.map(([name]) => `![${name}](${relative(crateFolder, join(folder, name))})`);
  const content = [headOf(report), suite.table(report.result).trim(), ...pictures].filter((part) => part !== "");
  writeFileSync(readme, between(readFileSync(readme, "utf8"), `bench:${suite.name}`, content.join("\n\n")));
  // The repository's check of formatting looks at them, too.
  if (!context.isQuick) execFileSync(join(root, "node_modules", ".bin", "oxfmt"), [folder, readme], { cwd: root });
}

export async function reportOf<Result>(
  context: Context,
  suite: Suite<Result>,
  { machine, command }: { machine: Machine; command: string },
): Promise<Report<Result>> {
  const startedAt = new Date().toISOString();
  const before = load();
  const from = performance.now();
  const result = await suite.run(context);
  const seconds = Math.round((performance.now() - from) / 100) / 10;
  return {
    suite: suite.name,
    command,
    startedAt,
    seconds,
    machine,
    load: [before, load()],
    isQuick: context.isQuick,
    result,
  };
}

function headOf({ command, startedAt, machine, load: [before, after], seconds }: Report<unknown>): string {
  const { processor, cores, memoryGiB } = machine;
  return `\`${command}\` on ${startedAt.slice(0, 10)}: ${cores} × ${processor}, ${memoryGiB} GiB; load ${before} before, ${after} after; ${Math.round(seconds)} s.`;
}
