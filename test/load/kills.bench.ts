// What faults cost: tasks a minute through a cluster of real processes in peace and with a fault every five seconds, by
// turns, and how long an episode stands still whose agent was killed. `--publish` writes the table into
// test/RELIABILITY.md; `--minutes` is the length of one turn.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { limits } from "@hindcast/shared";
import { publishText } from "../chaos/reliability-file.ts";
import { type Report, runChaos, type RunOptions } from "../chaos/run.ts";
import { option } from "./statistics.ts";

const minutes = option("minutes", 2);
const rounds = option("rounds", 2);
const everyMs = 5_000;

const turns: Record<"in peace" | "a fault every 5 s", Report[]> = { "in peace": [], "a fault every 5 s": [] };
for (let round = 0; round < rounds; round += 1) {
  turns["in peace"].push(await turn({ seed: round, faults: 0, calmMs: minutes * 60_000 }));
  turns["a fault every 5 s"].push(await turn({ seed: round, faults: Math.round((minutes * 60_000) / everyMs) }));
}
const table = tableOf();
console.log(table);
if (process.argv.includes("--publish")) publishText("throughput", table);

async function turn(chosen: Pick<RunOptions, "seed" | "faults" | "calmMs">): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-kills-"));
  try {
    const fleet = { servers: 1, coordinators: 2, agents: 3, slots: 2, campaignsAtOnce: 4 } as const;
    const report = await runChaos({ folder, everyMs, ...fleet, ...chosen, show: () => undefined });
    if (report.violations.length > 0) throw new Error(report.violations.join("\n"));
    return report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function tableOf(): string {
  const perMinute = (of: Report[]): string => of.map(({ tasksPerMinute }) => tasksPerMinute.toFixed(1)).join(", ");
  const mean = (of: Report[]): number => of.reduce((sum, one) => sum + one.tasksPerMinute, 0) / of.length;
  const harmed = turns["a fault every 5 s"];
  const [first] = harmed;
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  const standstill = harmed.map(({ recovery }) => `${seconds(recovery.p50Ms)} / ${seconds(recovery.p99Ms)}`).join(", ");
  return [
    `\`npm run bench -- kills --minutes ${minutes} --rounds ${rounds}\` on ${first?.at.slice(0, 10)}, ${first?.machine}: ${first?.processes}.`,
    "",
    "| | in peace | a fault every 5 s |",
    "| --- | ---: | ---: |",
    `| tasks per minute, each turn | ${perMinute(turns["in peace"])} | ${perMinute(harmed)} |`,
    `| their ratio | 1 | ${(mean(harmed) / mean(turns["in peace"])).toFixed(2)} |`,
    `| from SIGKILL of an agent to the next committed step, p50 / p99 (\`ack_wait\` ${seconds(limits.ackWaitMs)}) | – | ${standstill} |`,
  ].join("\n");
}
