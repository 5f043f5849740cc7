// What gives first as the fleet grows. How many messages of each kind an episode sends comes from the simulation (real
// agent and bus code) at several sizes, so that a slope that is not straight shows; how many a server takes comes from a
// real nats-server that syncs every write. `--agents` and `--slots` are the fleet that is asked about; `--publish` writes
// the tables into deploy/SCALE.md.
import { cpus } from "node:os";
import type { EpisodeId, LeaseName, TaskId, WorkerId } from "@hindcast/shared";
import { leaseOf } from "@hindcast/shared";
import type { Bus, Lease } from "@hindcast/shared/node";
import { SimulatedCluster } from "../simulation/cluster.ts";
import { publishText } from "../chaos/reliability-file.ts";
import { aRolloutTask } from "../support/builders.ts";
import { aStepRecorded } from "../support/messages.ts";
import { aNatsServer, testPool, testWorkers } from "../support/nats-server.ts";
import { type IndexSlope, indexSlope } from "./index-slope.ts";
import { publishTasks, startAgents } from "./simulated-fleet.ts";
import { machine, option } from "./statistics.ts";

const asked = { agents: option("agents", 1_000), slots: option("slots", 50), stepSeconds: option("step-seconds", 20) };
const simulated = { slots: 50, sizes: [2, 10, 50] };
const indexed = [5_000, 20_000, 50_000];
const settledMs = 60_000;
const countedMs = 60_000;
/** Long enough that no episode ends while messages are counted. */
const stepsEach = Math.ceil((2 * (settledMs + countedMs)) / (asked.stepSeconds * 1_000));
const inFlight = 256;
const measuredMs = option("seconds", 5) * 1_000;
const never = new AbortController().signal;

/** Kinds of messages from agents, by subject and, of acknowledgements, what they say; the first that matches. */
const kinds = {
  "lease renewals": /^\$KV\.LEASES\./,
  "steps and other records": /^hindcast\.trajectory\./,
  "signs that a task is worked on": /^\$JS\.ACK\.\S+ \+WPI/,
  "tasks taken and ended": /^\$JS\.(ACK|API\.CONSUMER\.MSG\.NEXT)\./,
  "journal of model answers": /^\$KV\.JOURNAL\./,
  "heartbeats of workers": /^\$KV\.WORKERS\./,
  blobs: /^\$O\./,
  reads: /^\$JS\.API\./,
} as const;
type Kind = keyof typeof kinds | "other";

/** Messages per second and episode, all of whose slots are busy. */
async function ratesAt(agents: number): Promise<Map<Kind, number>> {
  using cluster = new SimulatedCluster(1);
  const episodes = agents * simulated.slots;
  await publishTasks(cluster, episodes);
  const callMs = asked.stepSeconds * 1_000;
  startAgents(cluster, { agents, episodes, steps: stepsEach, callMs });
  const began = cluster.scheduler.now;
  await cluster.scheduler.run(() => false, began + settledMs);
  const counts = new Map<Kind, number>();
  cluster.server.onMessage = ({ subject, data }) => {
    const text = subject.startsWith("$JS.ACK.") ? `${subject} ${Buffer.from(data).toString()}` : subject;
    const known = (Object.keys(kinds) as (keyof typeof kinds)[]).find((kind) => kinds[kind].test(text));
    counts.set(known ?? "other", (counts.get(known ?? "other") ?? 0) + 1);
  };
  await cluster.scheduler.run(() => false, began + settledMs + countedMs);
  if (cluster.server.jetstream.stream("RESULTS").size > 0) throw new Error("episodes ended while they were counted");
  return new Map([...counts].map(([kind, count]) => [kind, (count * 1_000) / countedMs / episodes]));
}

/** Operations per second on one real server, so many of them under way. */
async function capacities(): Promise<Map<Kind, number>> {
  await using nats = await aNatsServer();
  const coordinator = await nats.coordinator({ tasksBytesMax: 4 * 1024 ** 3 });
  const workerId = testWorkers[0] as WorkerId;
  const bus = await nats.connect(workerId);
  const lanes = Array.from({ length: inFlight }, (_, n) => n);
  const leases = await Promise.all(lanes.map((n) => acquire(bus, leaseOf.episode(`ep-${n}` as EpisodeId), workerId)));
  const steps = await perSecond((lane, n) =>
    bus.trajectories.append(aStepRecorded(n + 1, { workerId, episodeId: `ep-${lane}` as EpisodeId })),
  );
  const renewals = await perSecond((lane) => leases[lane]?.renew());
  const tasks = await perSecond(async (lane, n) => {
    const names = { taskId: `task-${lane}-${n}` as TaskId, episodeId: `ep-${lane}-${n}` as EpisodeId };
    await coordinator.tasks.publish(aRolloutTask(names), never);
    const [leased] = await bus.tasks.lease(testPool, 1, 1_000, never);
    await leased?.done();
  });
  for (const lease of leases) await lease.release();
  return new Map<Kind, number>([
    ["lease renewals", renewals],
    ["steps and other records", steps],
    ["tasks taken and ended", tasks],
  ]);
}

async function acquire(bus: Bus, name: LeaseName, worker: WorkerId): Promise<Lease> {
  const acquisition = await bus.leases.acquire(name, worker);
  if (acquisition.kind !== "acquired") throw new Error(`${name} is ${acquisition.kind}`);
  return acquisition.lease;
}

async function perSecond(operation: (lane: number, n: number) => Promise<unknown> | undefined): Promise<number> {
  const startedAt = performance.now();
  let done = 0;
  const run = async (_: unknown, lane: number): Promise<void> => {
    for (let n = 0; performance.now() - startedAt < measuredMs; n += 1) {
      await operation(lane, n);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, run));
  return (done * 1_000) / (performance.now() - startedAt);
}

const rates = new Map<number, Map<Kind, number>>();
for (const agents of simulated.sizes) rates.set(agents, await ratesAt(agents));
const table = tableOf(rates, await capacities());
console.log(table);
const index = indexTable(await indexSlope(indexed));
console.log(index);
if (process.argv.includes("--publish")) {
  publishText("messages", table, "deploy/SCALE.md");
  publishText("index", index, "deploy/SCALE.md");
}

function indexTable(slopes: readonly IndexSlope[]): string {
  const whole = (value: number): string => Math.round(value).toLocaleString("en");
  return [
    `The same command, one process, \`hash-v1\` vectors of 1,024 dimensions.`,
    "",
    "| demonstrations | indexed a second | resident bytes each, whole process | of them vectors and links | search p50, ms |",
    "| ---: | ---: | ---: | ---: | ---: |",
    ...slopes.map(
      ({ demonstrations, upsertsPerSecond, residentBytesEach, vectorBytesEach, searchP50Ms }) =>
        `| ${whole(demonstrations)} | ${whole(upsertsPerSecond)} | ${whole(residentBytesEach)} | ${whole(vectorBytesEach)} | ${searchP50Ms.toFixed(2)} |`,
    ),
  ].join("\n");
}

function tableOf(measured: Map<number, Map<Kind, number>>, capacity: Map<Kind, number>): string {
  const episodes = asked.agents * asked.slots;
  const largest = measured.get(simulated.sizes.at(-1) ?? 0) ?? new Map<Kind, number>();
  const whole = (value: number): string => Math.round(value).toLocaleString("en");
  const rows = [...largest]
    .toSorted(([, one], [, other]) => other - one)
    .map(([kind, rate]) => {
      const slopes = simulated.sizes.map((agents) => (measured.get(agents)?.get(kind) ?? 0).toFixed(3)).join(" / ");
      const takes = capacity.get(kind);
      // No task ends while messages are counted: their pace is that of whole episodes, and so is what a server takes of them.
      const pace = kind === "tasks taken and ended" ? 1 / (stepsEach * asked.stepSeconds) : rate;
      const until = takes === undefined ? "" : whole(takes / pace);
      return `| ${kind} | ${slopes} | ${whole(rate * episodes)} | ${takes === undefined ? "" : whole(takes)} | ${until} |`;
    });
  const sizes = simulated.sizes.map((agents) => whole(agents * simulated.slots)).join(" / ");
  return [
    `\`npm run bench -- scale --agents ${asked.agents} --slots ${asked.slots} --step-seconds ${asked.stepSeconds}\` on ${new Date().toISOString().slice(0, 10)}, ${machine(cpus())}; one nats-server that syncs every write, ${inFlight} operations under way.`,
    "",
    `| messages | a second and episode, at ${sizes} episodes | a second at ${whole(episodes)} episodes | what one server took a second | enough for episodes |`,
    "| --- | ---: | ---: | ---: | ---: |",
    ...rows,
  ].join("\n");
}
