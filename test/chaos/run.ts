// One run: a fleet is started, works, is harmed, comes to rest and is judged.
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { RetrievalStats, RetrievalStatsRequest, subjects } from "@hindcast/shared";
import { type Bus, connectBus } from "@hindcast/shared/node";
import { workerIds } from "../../coordinator/src/local/broker.ts";
import { seededRandom } from "../../coordinator/src/sampling.ts";
import { clusterOf } from "../../rollout-agent/src/sandbox/sandbox-name.ts";
import { machine, quantile } from "../load/statistics.ts";
import { judge, type Verdict } from "./checker.ts";
import { startFleet } from "./fleet.ts";
import { countConsumers, type History, readHistory, type ServerAccess } from "./history.ts";
import { type Fault, torment } from "./nemesis.ts";
import { startPolicy } from "./policy.ts";
import { type Recovery, recoveryOf } from "./recovery.ts";
import { levelsOf, type Levels, type Memory, memoryOf } from "./resources.ts";
import { oneServer, type Servers, threeServers } from "./servers.ts";
import { untilReady, workOn } from "./workload.ts";

export interface RunOptions {
  folder: string;
  seed: number;
  faults: number;
  /** Instead of any faults, work for so long. */
  calmMs?: number;
  everyMs: number;
  servers: 1 | 3;
  coordinators: number;
  agents: number;
  slots: number;
  campaignsAtOnce: number;
  show: (line: string) => void;
}

export interface Report extends Verdict {
  machine: string;
  at: string;
  seconds: number;
  seed: number;
  servers: number;
  processes: string;
  faults: Record<string, number>;
  campaigns: number;
  tasksPerMinute: number;
  purchases: number;
  recovery: Recovery;
  /** Of each part while it works: the median of each quarter of the run. What leaks rises from one to the next. */
  memoryMiBByQuarter: Record<string, number[]>;
  /** In the retrieval replica at the end: what is learned stays. */
  demonstrations: number;
  /** After a few campaigns (consumers: before any), and at the end, when nothing is worked on. */
  levels: { before: ClusterLevels; after: ClusterLevels };
}

type ClusterLevels = Levels & { consumers: number };

/** What a lease and a redelivery may still take after the last fault. */
const quietMsMax = 90_000;
const memoryEveryMs = 15_000;
const steadyMs = 4_000;
/** Each process has compiled what it works with before its level is taken; what it reads of history comes later. */
const warmUpTurns = 2;

export async function runChaos(options: RunOptions): Promise<Report> {
  const { folder, coordinators, agents, slots, show } = options;
  await using policy = await startPolicy();
  await using servers = await startServers(options);
  const modelEnvironment = {
    OPENAI_API_KEY: policy.emulator.apiKey,
    HINDCAST_OPENAI_BASE_URL: `${policy.emulator.url}/v1`,
  };
  await using fleet = startFleet({ folder, servers, coordinators, agents, slots, modelEnvironment });
  const access = accessOf(servers);
  const bus = await connect(access);
  try {
    await untilReady(bus);
    const cluster = clusterOf(servers.url);
    const levels = async (): Promise<ClusterLevels> => ({
      ...(await levelsOf(fleet.members, cluster)),
      consumers: await countConsumers(access),
    });
    const { consumers } = await steady(levels);
    const warmUp = await workOn({
      bus,
      atOnce: options.campaignsAtOnce,
      seed: options.seed,
      from: 0,
      upTo: warmUpTurns * options.campaignsAtOnce,
      enough: new AbortController().signal,
      onEnd: () => show("warming up"),
    });
    const before = { ...(await levelsOf(fleet.members, cluster)), consumers };
    const startedAt = Date.now();
    const memory: Memory[] = [];
    const sample = async (): Promise<void> => void memory.push(await memoryOf(fleet.members));
    const sampling = setInterval(() => void sample(), memoryEveryMs);
    const worked = await workAndHarm(bus, { ...options, fleet }).finally(() => clearInterval(sampling));
    const workedMs = Date.now() - startedAt;
    const { faults } = worked;
    const campaigns = [...warmUp, ...worked.campaigns];
    show("waiting until everything is at rest");
    const history = await untilAtRest(access);
    const verdict = await judge(bus, { campaigns, history, policy });
    const after = await levelsAtRest(levels, consumers);
    return {
      machine: machine(cpus()),
      at: new Date(startedAt).toISOString(),
      seconds: Math.round(workedMs / 1_000),
      seed: options.seed,
      servers: options.servers,
      processes: `${coordinators} coordinators, ${agents} agents × ${slots} slots, 1 retrieval replica`,
      faults: countsOf(faults),
      campaigns: campaigns.length,
      // Each campaign has equally many.
      tasksPerMinute: (verdict.tasks * worked.campaigns.length * 60_000) / (campaigns.length * workedMs),
      purchases: policy.purchases.length,
      ...verdict,
      violations: [...verdict.violations, ...leftovers(before, after)],
      recovery: recoveryOf(history, faults, workerOf(agents)),
      memoryMiBByQuarter: mediansByQuarter(memory),
      demonstrations: await demonstrationsOf(bus),
      levels: { before, after },
    };
  } finally {
    await bus.close();
  }
}

function startServers({ folder, agents, servers, show }: RunOptions): Promise<Servers> {
  return servers === 3 ? threeServers(folder, agents) : oneServer(folder, agents, show);
}

async function workAndHarm(
  bus: Bus,
  {
    fleet,
    seed,
    faults: count,
    calmMs,
    everyMs,
    campaignsAtOnce,
    show,
  }: RunOptions & { fleet: ReturnType<typeof startFleet> },
): Promise<{ campaigns: Awaited<ReturnType<typeof workOn>>; faults: Fault[] }> {
  const enough = new AbortController();
  const chance = seededRandom("chaos", seed);
  let ended = 0;
  const working = workOn({
    bus,
    atOnce: campaignsAtOnce,
    seed,
    from: warmUpTurns * campaignsAtOnce,
    enough: enough.signal,
    onEnd: () => void (ended += 1),
  });
  const harming =
    calmMs === undefined
      ? torment(fleet, {
          random: () => chance.next(),
          faults: count,
          everyMs,
          onFault: ({ kind, member }, done) =>
            show(`${done}/${count} faults, ${ended} campaigns ended, last: ${kind} ${member}`),
        })
      : pause(calmMs, [] as Fault[]);
  const tormenting = harming.finally(() => enough.abort());
  const [campaigns, faults] = await Promise.all([working, tormenting]);
  return { campaigns, faults };
}

async function untilAtRest(access: ServerAccess): Promise<History> {
  const deadline = Date.now() + quietMsMax;
  for (;;) {
    const history = await readHistory(access);
    const isAtRest = history.openLeases.length === 0 && history.tasksLeft === 0;
    if (isAtRest || Date.now() > deadline) return history;
    await pause(2_000);
  }
}

/** Processes answer before they follow everything: the levels count when no consumer has come for a while. */
async function steady(levels: () => Promise<ClusterLevels>): Promise<ClusterLevels> {
  const deadline = Date.now() + quietMsMax;
  for (let last = await levels(); ;) {
    await pause(steadyMs);
    const now = await levels();
    if (now.consumers === last.consumers || Date.now() > deadline) return now;
    last = now;
  }
}

/** What must be gone after the wait. Memory and files of processes of another age are told, not judged. */
export function leftovers(
  before: Pick<ClusterLevels, "consumers">,
  { sandboxed, consumers }: Pick<ClusterLevels, "sandboxed" | "consumers">,
): string[] {
  return [
    ...(sandboxed > 0 ? [`${sandboxed} processes of sandboxes are left`] : []),
    ...(consumers > before.consumers ? [`${consumers} consumers are left of ${before.consumers}`] : []),
  ];
}

/** What a killed process followed with stays for a minute of silence; it is waited for, and what stays beyond is told. */
async function levelsAtRest(levels: () => Promise<ClusterLevels>, consumers: number): Promise<ClusterLevels> {
  const deadline = Date.now() + quietMsMax;
  for (;;) {
    const now = await levels();
    if ((now.consumers <= consumers && now.sandboxed === 0) || Date.now() > deadline) return now;
    await pause(2_000);
  }
}

function accessOf({ url, credentialsDirectory }: Servers): ServerAccess {
  const user = "coordinator";
  const password = readFileSync(join(credentialsDirectory, user), "utf8");
  return { servers: url, user, password, inboxPrefix: `_INBOX_${user}` };
}

function connect({ servers, user, password, inboxPrefix }: ServerAccess): Promise<Bus> {
  return connectBus({ servers, credentials: { user, password }, name: "chaos", inboxPrefix });
}

async function demonstrationsOf(bus: Bus): Promise<number> {
  const { demonstrations } = await bus.request({
    subject: subjects.retrievalStats,
    request: RetrievalStatsRequest,
    reply: RetrievalStats,
    value: { v: 1, kind: "retrieval.stats" },
  });
  return demonstrations;
}

/** None of a run that was too short for a sample in each. */
function mediansByQuarter(samples: readonly Memory[]): Record<string, number[]> {
  if (samples.length < 4) return {};
  const parts = [...new Set(samples.flatMap(Object.keys))];
  return Object.fromEntries(
    parts.map((part) => [
      part,
      [0, 1, 2, 3].map((quarter) => {
        const within = samples.slice((quarter * samples.length) / 4, ((quarter + 1) * samples.length) / 4);
        return quantile(
          within.flatMap((memory) => memory[part] ?? []),
          0.5,
        );
      }),
    ]),
  );
}

const countsOf = (faults: Fault[]): Record<string, number> =>
  Object.fromEntries(
    [...Map.groupBy(faults, ({ kind, part }) => `${kind} ${part}`)].map(([key, all]) => [key, all.length]),
  );

function workerOf(agents: number): (member: string) => string | null {
  const ids = workerIds(agents);
  return (member) => ids[Number(/^rollout-agent-(\d+)$/.exec(member)?.[1] ?? 0) - 1] ?? null;
}
