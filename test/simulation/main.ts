// `npm run sim -- --seeds 10000`: as many simulated campaigns, each under its own seed and faults; prints what was done to
// them and what did not hold. `npm run sim -- --seed 4711 --trace` replays one of them, event by event.
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { Terminal } from "../../coordinator/src/cli/terminal.ts";
import { publishText } from "../chaos/reliability-file.ts";
import { machine } from "../load/statistics.ts";
import { faultKinds } from "./nemesis.ts";
import { runSeeds } from "./seeds.ts";
import { simulate, type SimulationReport } from "./simulate.ts";
import { type Weakening, weakenings } from "./witness.ts";

const usage = `usage: npm run sim -- [--seeds <count>] [--first <seed>] [--documents <count>] [--faults <kind,kind>]
                     [--struck <name>] [--weaken <safeguard>] [--workers <count>] [--json] [--publish]
       npm run sim -- --seed <seed> [--trace] [--documents <count>] [--faults <kind,kind>] [--struck <name>]
                     [--weaken <safeguard>] [--json]
kinds of faults: ${faultKinds.join(", ")}
safeguards that can be taken out: ${weakenings.join(", ")}`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    first: { type: "string", default: "1" },
    documents: { type: "string", default: "3" },
    seed: { type: "string" },
    trace: { type: "boolean", default: false },
    faults: { type: "string" },
    struck: { type: "string", default: "" },
    weaken: { type: "string" },
    workers: { type: "string", default: String(availableParallelism()) },
    json: { type: "boolean", default: false },
    publish: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const terminal = new Terminal({ isJson: values.json, env: process.env });
const weakening = weakenings.find((each) => each === values.weaken) ?? null;
const documents = wholeNumber("documents", values.documents);
const asked = values.faults?.split(",") ?? null;
const only = asked === null ? null : faultKinds.filter((kind) => asked.includes(kind));
// A fault that nobody knows would be a run without any, and clean.
const isMisspelt = only?.length !== asked?.length || (values.weaken !== undefined && weakening === null);
const shownMax = 20;

if (values.help || isMisspelt) {
  terminal.note(usage);
  process.exitCode = values.help ? 0 : 2;
} else process.exitCode = await (values.seed === undefined ? runMany() : runOne(wholeNumber("seed", values.seed)));

async function runOne(seed: number): Promise<number> {
  const { demonstrations } = await simulate({ seed: 0, documents, isUndisturbed: true });
  const report = await simulate({
    seed,
    weakening,
    documents,
    only,
    struck: values.struck,
    expected: demonstrations,
    isTraced: values.trace,
  });
  for (const line of report.trace) terminal.line(line);
  terminal.result({ ...report, demonstrations: report.demonstrations.length }, () => summaryOf([report]));
  return report.violations.length === 0 ? 0 : 1;
}

async function runMany(): Promise<number> {
  const [first, count] = [wholeNumber("first", values.first), wholeNumber("seeds", values.seeds)];
  const startedAt = performance.now();
  const reports: Omit<SimulationReport, "trace" | "demonstrations">[] = [];
  await runSeeds({
    first,
    count,
    weakening,
    documents,
    only,
    struck: values.struck,
    workers: wholeNumber("workers", values.workers),
    onReport: ({ trace: _trace, demonstrations: _demonstrations, ...report }) => {
      reports.push(report);
      if (report.violations.length > 0) terminal.event(report);
      const failed = reports.filter(({ violations }) => violations.length > 0).length;
      terminal.status(`${reports.length} of ${count} seeds, ${failed} with violations`);
    },
  });
  terminal.status("");
  const seconds = (performance.now() - startedAt) / 1_000;
  const failed = reports.filter(({ violations }) => violations.length > 0);
  if (values.publish) publishText("simulation", markdownOf(reports, seconds));
  terminal.result(
    { seeds: count, first, weakening, seconds, faults: totalsOf(reports), failed: failed.map(({ seed }) => seed) },
    () => `${summaryOf(reports)}\n${count} seeds in ${seconds.toFixed(0)} s`,
  );
  return failed.length === 0 ? 0 : 1;
}

type Summed = Pick<
  SimulationReport,
  "seed" | "faults" | "violations" | "tasks" | "purchases" | "virtualMs" | "isCompared"
>;

function countsOf(reports: readonly Summed[]): string {
  const sum = (of: (report: Summed) => number): string =>
    reports.reduce((total, report) => total + of(report), 0).toLocaleString("en");
  const hours = reports.reduce((total, { virtualMs }) => total + virtualMs, 0) / 3_600_000;
  const work = `${sum(({ tasks }) => tasks)} tasks, ${sum(({ purchases }) => purchases)} model answers, ${hours.toFixed(1)} virtual hours`;
  return `${work}; what ${sum(({ isCompared }) => Number(isCompared))} learned was compared with the undisturbed run`;
}

function markdownOf(reports: readonly Summed[], seconds: number): string {
  const faults = totalsOf(reports);
  const failed = reports.filter(({ violations }) => violations.length > 0);
  const first = values.first === "1" ? [] : [`--first ${values.first}`];
  const seeds = [`--seeds ${values.seeds}`, ...first, ...settingsAsked()].join(" ");
  return [
    `\`npm run sim -- ${seeds}\` on ${new Date().toISOString().slice(0, 10)}, ${machine(cpus())}: ${countsOf(reports)}; ${(seconds / 60).toFixed(0)} minutes.`,
    "",
    "| fault | injected |",
    "| --- | ---: |",
    ...faultKinds.map((kind) => `| ${kind} | ${(faults[kind] ?? 0).toLocaleString("en")} |`),
    "",
    `${failed.length} of ${reports.length.toLocaleString("en")} seeds with violations${failed.length === 0 ? "" : `: ${failed.map(({ seed }) => seed).join(", ")}`}.`,
  ].join("\n");
}

function summaryOf(reports: readonly Summed[]): string {
  const faults = totalsOf(reports);
  const injected = Object.values(faults).reduce((total, count) => total + count, 0);
  const rows = faultKinds.map((kind) => [kind, (faults[kind] ?? 0).toLocaleString("en")]);
  const table = terminal.table([{ header: "fault" }, { header: "injected", align: "right" }], rows, [
    ["all", injected.toLocaleString("en")],
  ]);
  const failed = reports.filter(({ violations }) => violations.length > 0);
  return [
    table,
    countsOf(reports),
    ...failed.slice(0, shownMax).map(failureOf),
    `${failed.length} of ${reports.length} seeds with violations`,
  ].join("\n");
}

function failureOf({ seed, violations }: Pick<SimulationReport, "seed" | "violations">): string {
  const replay = ["npm run sim -- --seed", seed, ...settingsAsked(), "--trace"].join(" ");
  const lines = violations.slice(0, 5).map(({ invariant, detail }) => `  ${invariant}: ${detail}`);
  return [`seed ${seed} (replay: ${replay})`, ...lines].join("\n");
}

/** What a run was asked for beside its seeds. */
function settingsAsked(): string[] {
  return [
    ...(values.documents === "3" ? [] : [`--documents ${documents}`]),
    ...(values.faults === undefined ? [] : [`--faults "${values.faults}"`]),
    ...(values.struck === "" ? [] : [`--struck ${values.struck}`]),
    ...(weakening === null ? [] : [`--weaken "${weakening}"`]),
  ];
}

function totalsOf(reports: readonly Pick<SimulationReport, "faults">[]): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const { faults } of reports) {
    for (const [kind, count] of Object.entries(faults)) totals[kind] = (totals[kind] ?? 0) + count;
  }
  return totals;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  terminal.note(`--${name} is ${JSON.stringify(text)}; it must be a whole number\n${usage}`);
  process.exit(2);
}

export type { Weakening };
