// Kills real processes of a whole cluster for as long as it is told to, and says what was lost. One command, one seed:
// `npm run chaos -- --kills 1000 --seed 1`.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { connectBus } from "@hindcast/shared/node";
import { workerIds } from "../../coordinator/src/local/broker.ts";
import { machine, option } from "../load/statistics.ts";
import { seededRandom } from "../../coordinator/src/sampling.ts";
import { judge } from "./checker.ts";
import { startFleet } from "./fleet.ts";
import { readHistory } from "./history.ts";
import { type Fault, torment } from "./nemesis.ts";
import { startPolicy } from "./policy.ts";
import { recoveryOf } from "./recovery.ts";
import { untilReady, workOn } from "./workload.ts";

const faults = option("kills", 100);
const seed = option("seed", 1);
const everyMs = option("every", 1_500);
const agents = option("agents", 3);
const coordinators = option("coordinators", 2);
const slots = option("slots", 2);
const campaignsAtOnce = option("campaigns", 4);
/** What a pause, a lease and a redelivery may still take after the last fault. */
const quietMsMax = 60_000;

const chance = seededRandom("chaos", seed);
const folder = mkdtempSync(join(tmpdir(), "hindcast-chaos-"));
await using policy = await startPolicy();
await using fleet = await startFleet({
  folder,
  coordinators,
  agents,
  slots,
  modelEnvironment: { OPENAI_API_KEY: policy.emulator.apiKey, HINDCAST_OPENAI_BASE_URL: `${policy.emulator.url}/v1` },
});
const user = "coordinator";
const password = readFileSync(join(fleet.credentialsDirectory, user), "utf8");
const inboxPrefix = `_INBOX_${user}`;
const bus = await connectBus({
  servers: fleet.broker.url,
  credentials: { user, password },
  name: "chaos",
  inboxPrefix,
});
await untilReady(bus);
const startedAt = Date.now();
const enough = new AbortController();
const show = (line: string): void =>
  void (process.stderr.isTTY ? process.stderr.write(`\r${line}\u001b[K`) : undefined);
let ended = 0;
let done: Fault[] = [];
const working = workOn({
  bus,
  atOnce: campaignsAtOnce,
  seed,
  enough: enough.signal,
  onEnd: () => void (ended += 1),
});
const tormenting = torment(fleet, {
  random: () => chance.next(),
  faults,
  everyMs,
  onFault: ({ kind, member }, count) =>
    show(`${count}/${faults} faults, ${ended} campaigns ended, last: ${kind} ${member}`),
}).then((all) => {
  done = all;
  enough.abort();
});
const [campaigns] = await Promise.all([working, tormenting]);
const deadline = Date.now() + quietMsMax;
const access = { servers: fleet.broker.url, user, password, inboxPrefix };
let history = await readHistory(access);
while (Date.now() < deadline && (history.openLeases.length > 0 || history.tasksLeft > 0)) {
  await pause(2_000);
  history = await readHistory(access);
}
const verdict = await judge(bus, { campaigns, history, policy });
const ids = workerIds(agents);
const recovery = recoveryOf(history, done, (member) => {
  const number = /^rollout-agent-(\d+)$/.exec(member)?.[1];
  return number === undefined ? null : (ids[Number(number) - 1] ?? null);
});
await bus.close();
const report = {
  benchmark: "chaos",
  machine: machine(cpus()),
  command: `npm run chaos -- ${process.argv.slice(2).join(" ")}`,
  at: new Date(startedAt).toISOString(),
  seconds: Math.round((Date.now() - startedAt) / 1_000),
  seed,
  faults: Object.fromEntries(
    [...Map.groupBy(done, ({ kind, part }) => `${kind} ${part}`)].map(([key, all]) => [key, all.length]),
  ),
  campaigns: campaigns.length,
  purchases: policy.purchases.length,
  ...verdict,
  recovery,
};
const out = process.argv.indexOf("--out");
if (out !== -1) writeFileSync(process.argv[out + 1] ?? "chaos.json", `${JSON.stringify(report, null, 2)}\n`);
console.log(JSON.stringify(report, null, 2));
if (verdict.violations.length > 0) {
  process.exitCode = 1;
  console.error(`the server's files and all logs are kept in ${folder}`);
} else rmSync(folder, { recursive: true, force: true });
