// `npm run security`: hostile probes against the sandboxes of every driver that this machine can start, and against
// weakened ones, where each must work. Exits with 1 when a probe worked in a driver, or proved nothing.
//   --drivers bubblewrap,container   only these; kubernetes (KUBECONFIG) has to be asked for
//   --categories bombs,nats          only these       --probe ID                only this
//   --lanes 4                        categories at once, but for bombs
//   --json                           for programs     --publish                 writes the table into test/SECURITY.md
//   --results FILE                   keeps outcomes there and reports on all that it holds: a run in parts
//   --without-weakened               leaves the weakened sandboxes to another part
import { cpus } from "node:os";
import type { SandboxProvider } from "../../rollout-agent/src/sandbox/sandbox.ts";
import { machine, option } from "../load/statistics.ts";
import { drivers, onRequest } from "./drivers.ts";
import { categories } from "./probe.ts";
import { probes } from "./probes/index.ts";
import { asJson, publish, summary, table, told } from "./report.ts";
import { addResults } from "./results.ts";
import { problemsOf, runSuite } from "./run.ts";

const args = process.argv.slice(2);

function listed(name: string, known: readonly string[]): readonly string[] | null {
  const at = args.indexOf(`--${name}`);
  if (at === -1) return null;
  const wanted = (args[at + 1] ?? "").split(",");
  const unknown = wanted.find((word) => !known.includes(word));
  if (unknown === undefined) return wanted;
  console.error(`error: --${name} ${JSON.stringify(unknown)} is not one of ${known.join(", ")}`);
  process.exit(2);
}

const asked = listed("drivers", Object.keys(drivers));
const kinds = listed("categories", categories) ?? categories;
const ids = listed(
  "probe",
  probes.map(({ category, id }) => `${category}/${id}`),
);
const notes: string[] = [];
const providers: SandboxProvider[] = [];
await using opened = new AsyncDisposableStack();
for (const [name, start] of Object.entries(drivers)) {
  if (asked === null ? onRequest.has(name) : !asked.includes(name)) continue;
  const driver = opened.use(await start());
  if (driver.problems.length === 0) providers.push(driver.provider);
  else notes.push(`Not run: ${name} (${driver.problems.join(" ")})`);
}
if (providers.length === 0) {
  console.error(`error: no driver can be started here. ${notes.join(" ")}`);
  await opened.disposeAsync();
  process.exit(1);
}

const chosen = probes.filter(
  ({ category, id }) => kinds.includes(category) && (ids === null || ids.includes(`${category}/${id}`)),
);
const startedAt = performance.now();
const show = (line: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r${line}\u001b[K`);
};
const isWeakenedRun = args.includes("--without-weakened") ? { isWeakenedRun: false } : {};
const found = await runSuite({ providers, probes: chosen, lanes: option("lanes", 1), show, ...isWeakenedRun });
show("");
const part = {
  command: ["npm run security --", ...args.filter((word) => word !== "--publish")].join(" ").replace(/ --$/, ""),
  day: new Date().toISOString().slice(0, 10),
  seconds: Math.round((performance.now() - startedAt) / 1_000),
};
const resultsAt = args.indexOf("--results");
const { rows, parts } =
  resultsAt === -1 ? { rows: found, parts: [part] } : addResults(args[resultsAt + 1] ?? "", found, part);
if (args.includes("--json")) console.log(JSON.stringify(asJson(rows), null, 2));
else console.log([table(rows), "", summary(rows), ...notes].join("\n"));
if (args.includes("--publish")) publish(rows, `${told(parts)} ${machine(cpus())}.`, notes);
const problems = problemsOf(rows);
for (const problem of problems) console.error(`problem: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
