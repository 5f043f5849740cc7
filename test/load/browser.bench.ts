// What browsers cost: starting one, steps on a MiniWoB page, and memory, at 1, 2, 4 and 8 beside each other.
//
//   npm run bench -- browser [--steps 20] [--parallel 1,2,4,8] [--screenshots plain] [--json] [--publish]
//
// Needs Chromium and MiniWoB's pages, which are fetched once. `--publish` writes the table into rollout-agent/README.md.
import { readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { BrowserSpec, EpisodeLimits } from "@hindcast/shared";
import type { Environment } from "../../rollout-agent/src/environment/environment.ts";
import { browserProvider, miniWobFolder, noChromium } from "../support/browser.ts";
import { textTable, writeIntoPage } from "./page-table.ts";
import { machine } from "./statistics.ts";

const { values } = parseArgs({
  options: {
    steps: { type: "string", default: "20" },
    parallel: { type: "string", default: "1,2,4,8" },
    screenshots: { type: "string", default: "plain" },
    json: { type: "boolean", default: false },
    publish: { type: "boolean", default: false },
  },
});
const steps = Number(values.steps);
const never = new AbortController().signal;
const GiB = 2 ** 30;
const limits = EpisodeLimits.parse({
  stepsMax: 1_000,
  tokensMax: 1,
  costUsdMax: null,
  wallTimeMs: 600_000,
  stepTimeMs: 60_000,
  observationBytesMax: 16_000,
  outputBytesMax: GiB,
  memoryBytesMax: GiB / 2,
  diskBytesMax: GiB / 16,
  processesMax: 256,
  formatErrorsMax: 3,
});
const pages = await miniWobFolder();
if (noChromium !== null || "reason" in pages) {
  console.error(`error: ${noChromium ?? ("reason" in pages ? pages.reason : "")}`);
  process.exit(1);
}
const provider = browserProvider(pages.folder);

interface Row {
  browsers: number;
  startMs: number;
  stepMs: number;
  stepsPerSecond: number;
  mibPerBrowser: number;
  browsersPerGib: number;
}

function create(seed: number): Environment {
  const spec = BrowserSpec.parse({
    kind: "browser",
    start: { kind: "miniwob", task: "click-checkboxes-large", seed },
    scope: "page",
    screenshots: values.screenshots,
    earlyStop: false,
  });
  return provider.create({ id: `bench-${seed}`, spec, limits });
}

/** Proportional set sizes of all processes below ours, which is every process of every browser. */
function browserBytes(): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      parents.set(Number(name), Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, "utf8"))?.[1]));
    } catch {
      // It ended while the list was read.
      continue;
    }
  }
  const isOurs = (pid: number): boolean => {
    const parent = parents.get(pid) ?? 0;
    return parent === process.pid || (parent > 1 && isOurs(parent));
  };
  return [...parents.keys()].filter(isOurs).reduce((sum, pid) => sum + proportionalBytes(pid), 0);
}

function proportionalBytes(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    // It ended, or it is not ours to look into.
    return 0;
  }
}

/** Checks and unchecks boxes in turn: every step changes the page. */
async function work(environment: Environment, text: string): Promise<number> {
  const boxes = [...text.matchAll(/\[(\d+)\] checkbox/g)].map((match) => match[1]);
  const startedAt = performance.now();
  for (let step = 0; step < steps; step += 1) {
    await environment.step({ kind: "browser", call: `click [${boxes[step % boxes.length]}]` }, never);
  }
  return performance.now() - startedAt;
}

async function measure(browsers: number): Promise<Row> {
  const environments = Array.from({ length: browsers }, (_, index) => create(index));
  const startedAt = performance.now();
  const states = await Promise.all(environments.map((environment) => environment.reset(never)));
  const startMs = (performance.now() - startedAt) / browsers;
  const workedAt = performance.now();
  const times = await Promise.all(
    environments.map((environment, index) => {
      const observation = states[index]?.observation;
      return work(environment, observation?.kind === "page" ? observation.text : "");
    }),
  );
  const wallMs = performance.now() - workedAt;
  const bytes = browserBytes() / browsers;
  await Promise.all(environments.map((environment) => environment.close()));
  return {
    browsers,
    startMs,
    stepMs: times.reduce((sum, ms) => sum + ms, 0) / (browsers * steps),
    stepsPerSecond: (browsers * steps * 1_000) / wallMs,
    mibPerBrowser: bytes / 2 ** 20,
    browsersPerGib: GiB / bytes,
  };
}

const rows: Row[] = [];
for (const browsers of values.parallel.split(",").map(Number)) rows.push(await measure(browsers));

const table = [
  ["browsers at once", "start ms each", "step ms", "steps/s", "MiB each", "browsers per GiB"],
  ...rows.map((row) => [
    String(row.browsers),
    ...[row.startMs, row.stepMs, row.stepsPerSecond, row.mibPerBrowser, row.browsersPerGib].map((cell) =>
      cell.toFixed(1),
    ),
  ]),
];
const about = `MiniWoB++ click-checkboxes-large, ${steps} steps each, screenshots ${values.screenshots}`;
if (values.json) {
  console.log(JSON.stringify({ benchmark: "browser", steps, screenshots: values.screenshots, rows }, null, 2));
} else {
  console.log(`${about}\n${textTable(table)}`);
}
if (values.publish) {
  const heading = `\`npm run bench -- browser\` on ${new Date().toISOString().slice(0, 10)}, ${machine(cpus())}; ${about}.`;
  writeIntoPage(new URL("../../rollout-agent/README.md", import.meta.url), "browsers", { heading, rows: table });
}
