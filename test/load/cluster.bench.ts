// Steps per second through the whole cluster, each part a process of its own, with scripted policies: in a world
// without a world (what Hindcast itself can do) and in real sandboxes. Prints where the processor time went, and the
// memory of each process after all episodes. `--episodes 10000 --steps 2` is the README's memory figure.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { styleText } from "node:util";
import type { CampaignId, EnvironmentSpec, EpisodeId, TaskId, TaskResult } from "@hindcast/shared";
import { type Bus, connectBus } from "@hindcast/shared/node";
import { TaskRunner } from "../../coordinator/src/task-runner.ts";
import { natsBinaryOptions } from "../../coordinator/src/local/binary-options.ts";
import { type ClusterAccess, startLocalCluster } from "../../coordinator/src/local/local-cluster.ts";
import { aRolloutTask, someLimits } from "../support/builders.ts";
import { machine, option } from "./statistics.ts";

const steps = option("steps", 12);
const episodes = option("episodes", 200);
const agents = option("agents", 2);
const slots = option("slots", 4);
/** As many tasks as a campaign keeps in flight. */
const inFlightMax = 256;
const never = new AbortController().signal;

interface Result {
  world: string;
  episodes: number;
  stepsPerSecond: number;
  stepsPerSecondPerCore: number;
  /** Share of all processor time that was used, by process. */
  processor: Record<string, number>;
  residentMiB: Record<string, number>;
}

const dataDirectory = mkdtempSync(join(tmpdir(), "hindcast-bench-"));
const cluster = await startLocalCluster(
  {
    dataDirectory,
    parts: ["coordinator", "index", "agents"],
    agents,
    slots,
    coordinators: 1,
    logLevel: "warn",
    natsBinary: natsBinaryOptions(process.env, console.error),
    environment: process.env,
    modelEnvironment: {},
    indexEnvironment: {},
    onEvent: () => undefined,
  },
  never,
);
const bus = await connectBus({
  servers: cluster.url,
  credentials: {
    user: "coordinator",
    password: readFileSync(join(cluster.credentialsDirectory, "coordinator"), "utf8"),
  },
  name: "bench",
  inboxPrefix: "_INBOX_coordinator",
});
const results: Result[] = [];
try {
  results.push(await measure("no-op", { kind: "no-op", outputBytes: 2_000 }, episodes));
  results.push(await measure("sandbox", { kind: "shell", files: [], setup: [] }, Math.min(episodes, 200)));
} finally {
  await bus.close();
  await cluster.stop();
  rmSync(dataDirectory, { recursive: true, force: true });
}
print();

async function measure(world: string, environment: EnvironmentSpec, count: number): Promise<Result> {
  const campaignId = `c-bench-${world}` as CampaignId;
  const over = new AbortController();
  const runner = new TaskRunner(bus as Pick<Bus, "tasks" | "results">, over.signal);
  const following = runner.follow(campaignId);
  const before = processorSeconds(cluster);
  const startedAt = performance.now();
  const ended: TaskResult[] = [];
  let next = 0;
  const publisher = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      ended.push(
        await runner.run(
          aRolloutTask({
            campaignId,
            taskId: `task-${world}-${n}` as TaskId,
            episodeId: `ep-${world}-${n}` as EpisodeId,
            environment,
            model: `scripted:${steps}`,
            limits: { ...someLimits, stepsMax: steps + 1 },
          }),
        ),
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlightMax, count) }, publisher));
  const seconds = (performance.now() - startedAt) / 1_000;
  over.abort();
  await Promise.allSettled([following]);
  const wrong = ended.find(
    (result) => result.kind !== "episode.ended" || result.reason !== "submitted" || result.steps !== steps,
  );
  if (wrong !== undefined) throw new Error(`an episode ended wrong: ${JSON.stringify(wrong)}`);
  const used = processorSeconds(cluster);
  const spent = Object.fromEntries(Object.entries(used).map(([name, value]) => [name, value - (before[name] ?? 0)]));
  const total = Object.values(spent).reduce((sum, value) => sum + value, 0);
  const stepsPerSecond = (count * steps) / seconds;
  return {
    world,
    episodes: count,
    stepsPerSecond,
    stepsPerSecondPerCore: stepsPerSecond / cpus().length,
    processor: Object.fromEntries(Object.entries(spent).map(([name, value]) => [name, value / total])),
    residentMiB: residentMiB(cluster),
  };
}

/** Processor time by where it went: the broker, our processes, and what ran in sandboxes (children that have ended). */
function processorSeconds(access: ClusterAccess): Record<string, number> {
  const own = process.cpuUsage();
  const ticksPerSecond = 100;
  const times = pidsOf(access).flatMap(([name, pid]): [string, number][] => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ")
      .map(Number);
    const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15);
    const itself: [string, number] = [name, (user + system) / ticksPerSecond];
    if (!name.startsWith("rollout-agent")) return [itself];
    return [itself, [`sandboxes of ${name}`, (childrenUser + childrenSystem) / ticksPerSecond]];
  });
  return { ...Object.fromEntries(times), "bench (publishes, collects)": (own.user + own.system) / 1e6 };
}

function residentMiB(access: ClusterAccess): Record<string, number> {
  return Object.fromEntries(
    pidsOf(access).map(([name, pid]) => [
      name,
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024,
    ]),
  );
}

function pidsOf(access: ClusterAccess): [string, number][] {
  return (access.file()?.processes ?? [])
    .filter(({ name }) => name !== "reaper")
    .map(({ name, identity }) => [name, identity.pid]);
}

function print(): void {
  if (process.argv.includes("--json")) {
    console.log(JSON.stringify({ benchmark: "cluster", machine: machine(cpus()), agents, slots, steps, results }));
    return;
  }
  for (const {
    world,
    episodes: count,
    stepsPerSecond,
    stepsPerSecondPerCore,
    processor,
    residentMiB: memory,
  } of results) {
    console.log(
      styleText(
        "bold",
        `${world}: ${count} episodes of ${steps} steps, ${agents} agents × ${slots} slots (${machine(cpus())})`,
      ),
    );
    console.log(`${stepsPerSecond.toFixed(0)} steps/s, ${stepsPerSecondPerCore.toFixed(0)} per core`);
    for (const [name, share] of Object.entries(processor)) {
      const resident = memory[name] === undefined ? "" : `${memory[name].toFixed(0).padStart(6)} MiB resident`;
      console.log(`  ${name.padEnd(28)} ${(100 * share).toFixed(1).padStart(5)} % of processor time ${resident}`);
    }
  }
}
