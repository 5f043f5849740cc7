// `npm run chaos -- --kills 1000`: harms a whole cluster of real processes at random and says what was lost.
//   --servers 3        three nats-servers, which are harmed too: leaders killed, partitions, full disks, rolling restarts
//   --publish kills    writes the tables into that section of test/RELIABILITY.md
//   --seed, --every (ms between faults), --agents, --slots, --coordinators, --campaigns (at once), --json
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { option } from "../load/statistics.ts";
import { publish } from "./reliability-file.ts";
import { runChaos } from "./run.ts";

const args = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "hindcast-chaos-"));
const show = (line: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r${line}\u001b[K`);
};
const report = await runChaos({
  folder,
  seed: option("seed", 1),
  faults: option("kills", 100),
  everyMs: option("every", 1_500),
  servers: option("servers", 1) === 3 ? 3 : 1,
  coordinators: option("coordinators", 2),
  agents: option("agents", 3),
  slots: option("slots", 2),
  campaignsAtOnce: option("campaigns", 4),
  show,
});
show("");
console.log(JSON.stringify(report, null, 2));
const section = args[args.indexOf("--publish") + 1];
if (args.includes("--publish") && section !== undefined) {
  publish(section, `npm run chaos -- ${args.filter((arg) => !["--publish", section].includes(arg)).join(" ")}`, report);
}
if (report.violations.length === 0) rmSync(folder, { recursive: true, force: true });
else {
  process.exitCode = 1;
  console.error(`what the servers hold and all logs are kept in ${folder}`);
}
