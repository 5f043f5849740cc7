// From `npm start` on a warm machine (everything built) to the first step that the stream has acknowledged.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { TrajectoryRecord } from "@hindcast/shared";
import { connectBus } from "@hindcast/shared/node";
import { runningCluster } from "../../coordinator/src/local/local-cluster.ts";
import { machine, option, quantile } from "./statistics.ts";

const rounds = option("rounds", 5);
const root = new URL("../..", import.meta.url).pathname;

const seconds: number[] = [];
for (let round = 0; round < rounds; round += 1) seconds.push(await firstStep());
const figures = { median: quantile(seconds, 0.5), min: Math.min(...seconds), max: Math.max(...seconds) };
console.log(
  process.argv.includes("--json")
    ? JSON.stringify({ benchmark: "first-step", machine: machine(cpus()), rounds, seconds: figures })
    : `npm start to the first step: median ${figures.median.toFixed(1)} s, ${figures.min.toFixed(1)} to ${figures.max.toFixed(1)} s over ${rounds} starts (${machine(cpus())})`,
);

async function firstStep(): Promise<number> {
  const dataDirectory = mkdtempSync(join(tmpdir(), "hindcast-start-"));
  const startedAt = performance.now();
  const child = spawn(
    "npm",
    ["start", "--silent", "--", "--data", dataDirectory, "--documents-max", "8", "--no-evaluation"],
    {
      cwd: root,
      stdio: "ignore",
    },
  );
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  try {
    // The broker is there before the coordinator is, so nothing is missed.
    const passwordFile = join(dataDirectory, "run", "credentials", "coordinator");
    while (runningCluster(dataDirectory) === null || !existsSync(passwordFile)) await delay(5);
    const bus = await connectBus({
      servers: runningCluster(dataDirectory)?.url ?? "",
      credentials: { user: "coordinator", password: readFileSync(passwordFile, "utf8") },
      name: "bench",
      inboxPrefix: "_INBOX_coordinator",
    });
    const over = new AbortController();
    let took = Number.NaN;
    for await (const record of bus.subscribe("hindcast.trajectory.>", TrajectoryRecord, over.signal)) {
      if (record.kind !== "step.recorded") continue;
      took = (performance.now() - startedAt) / 1_000;
      break;
    }
    await bus.close();
    if ((await ended) !== 0) throw new Error(`npm start ended with ${child.exitCode}`);
    return took;
  } finally {
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}
