// How the agents' and the bus's own cost grows, without a network, a sandbox or a model in the way: ten thousand episodes
// at once in simulated processes, and queues of 1 k, 16 k and 100 k tasks. Real agent and bus code, virtual time.
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { Terminal } from "../../coordinator/src/cli/terminal.ts";
import { publishText } from "../chaos/reliability-file.ts";
import { SimulatedCluster } from "../simulation/cluster.ts";
import { pool, publishTasks, startAgents } from "./simulated-fleet.ts";
import { machine } from "./statistics.ts";

const { values } = parseArgs({
  options: {
    episodes: { type: "string", default: "10000" },
    queue: { type: "string", default: "1000,16000,100000" },
    json: { type: "boolean", default: false },
    publish: { type: "boolean", default: false },
  },
});
const agents = 10;
const never = new AbortController().signal;
const terminal = new Terminal({ isJson: values.json, env: process.env });
const heap = (): number => (globalThis.gc?.(), process.memoryUsage().heapUsed);

/** Processor milliseconds per task from the queue to its acknowledgement, with so many of them queued. */
async function costPerTask(count: number): Promise<{ publishMs: number; leaseMs: number }> {
  using cluster = new SimulatedCluster(1);
  const started = process.cpuUsage();
  await publishTasks(cluster, count);
  const publish = process.cpuUsage(started);
  const published = process.cpuUsage();
  await cluster.perform("worker", async (bus) => {
    for (let done = 0; done < count;) {
      const leased = await bus.tasks.lease(pool, 64, 1_000, never);
      await Promise.all(leased.map((each) => each.done()));
      done += leased.length;
    }
  });
  const lease = process.cpuUsage(published);
  const perTask = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1_000 / count;
  return { publishMs: perTask(publish), leaseMs: perTask(lease) };
}

/** So many episodes that all run at once. */
async function together(count: number): Promise<{ bytesPerEpisode: number; cpuMsPerEpisode: number; results: number }> {
  using cluster = new SimulatedCluster(1);
  await publishTasks(cluster, count);
  const before = heap();
  const started = process.cpuUsage();
  // Calls are long enough for the last episode to begin before the first is over, and no longer: each agent admits a few at a
  // time, so that the run lasts the longer the more episodes there are, and every lease beats all the while.
  startAgents(cluster, { agents, episodes: count, steps: 3, callMs: 5_000 });
  const stream = (name: string): ReturnType<typeof cluster.server.jetstream.stream> =>
    cluster.server.jetstream.stream(name);
  const trajectories = stream("TRAJECTORIES");
  // Each begins with two records: the attempt and its first observation.
  await cluster.scheduler.run(() => trajectories.size >= 2 * count, cluster.scheduler.now + 3_600_000);
  if (stream("RESULTS").size > 0) throw new Error("the first episodes ended before the last began");
  const bytesPerEpisode = (heap() - before) / count;
  await cluster.scheduler.run(() => stream("RESULTS").size >= count, cluster.scheduler.now + 7_200_000);
  const { user, system } = process.cpuUsage(started);
  return { bytesPerEpisode, cpuMsPerEpisode: (user + system) / 1_000 / count, results: stream("RESULTS").size };
}

process.on("unhandledRejection", (error) => {
  terminal.note(`error: ${String(error)}`);
  process.exit(1);
});
await costPerTask(500);
const rows: string[][] = [];
for (const count of values.queue.split(",").map(Number)) {
  const cost = await costPerTask(count);
  terminal.event({ queued: count, ...cost });
  rows.push([count.toLocaleString("en"), cost.publishMs.toFixed(3), cost.leaseMs.toFixed(3)]);
}
const right = (header: string): { header: string; align: "right" } => ({ header, align: "right" });
terminal.line(
  terminal.table([right("tasks queued"), right("publish, CPU ms each"), right("lease and done, CPU ms each")], rows),
);
const episodes = Number(values.episodes);
const run = await together(episodes);
const sentence =
  `${episodes.toLocaleString("en")} episodes at once: ${(run.bytesPerEpisode / 1_024).toFixed(1)} KiB each (agent, bus and server), ` +
  `${run.cpuMsPerEpisode.toFixed(1)} CPU ms each, ${run.results.toLocaleString("en")} results`;
if (values.publish) publishText("episodes", markdown());
terminal.result({ episodes, ...run }, () => sentence);

function markdown(): string {
  return [
    `\`npm run bench -- simulated-episodes\` on ${new Date().toISOString().slice(0, 10)}, ${machine(cpus())}. ${sentence}.`,
    "",
    "| tasks queued | publish, CPU ms each | lease and done, CPU ms each |",
    "| ---: | ---: | ---: |",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ].join("\n");
}
