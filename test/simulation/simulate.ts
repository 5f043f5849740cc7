// One simulated campaign under one seed: bring up the fleet, start the campaign, let the nemesis loose, heal, wait for
// rest, check.
import { gunzipSync } from "node:zlib";
import {
  CampaignReply,
  CampaignReport,
  type CampaignId,
  type CampaignRecord,
  type CampaignSettings,
  ControlRequest,
  decode,
  type Demonstration,
  LeaseRecord,
  subjects,
  type WorkerId,
} from "@hindcast/shared";
import type { Admission, Bus, Model } from "@hindcast/shared/node";
import { packDocuments } from "../../coordinator/src/campaign-run.ts";
import { nobody } from "../../coordinator/src/dead-letter-reconciler.ts";
import { parseSandboxName } from "../../rollout-agent/src/sandbox/sandbox-name.ts";
import { someSettings } from "../support/campaign-context.ts";
import { aDemonstration } from "../support/messages.ts";
import { aDocument } from "../support/scripted-generator.ts";
import { type Program, SimulatedCluster } from "./cluster.ts";
import { leakedWorlds, type LeaseChange, ServerState, type Violation, violationsOf } from "./invariants.ts";
import { type FaultKind, Nemesis } from "./nemesis.ts";
import type { Random } from "./random.ts";
import type { StoredMessage } from "./server/stream.ts";
import { currentProcess } from "./time/process.ts";
import { isOutcome, type Weakening, Witness } from "./witness.ts";
import { runAgent } from "./world/agent.ts";
import { runCoordinator } from "./world/coordinator.ts";
import { runRetrieval } from "./world/retrieval.ts";
import { simulatedWorlds } from "./world/environment.ts";
import { OpenWorlds } from "./world/open-worlds.ts";
import { SimulatedProvider } from "./world/provider.ts";
import { wordsFor } from "./world/words.ts";

export interface SimulationOptions {
  seed: number;
  /** No faults at all: what an undisturbed run comes to. */
  isUndisturbed?: boolean;
  isTraced?: boolean;
  weakening?: Weakening | null;
  /** Only these kinds of faults, many of them. */
  only?: readonly FaultKind[] | null;
  /** Only processes whose names begin like this are paused, killed and so on, e.g. `w-`. */
  struck?: string;
  agents?: number;
  coordinators?: number;
  documents?: number | undefined;
  /** Dollar limit of the campaign; by default the seed gives some of them one. */
  costUsdMax?: number | undefined;
  /** Demonstrations of the undisturbed run, when this one is to be compared with it. */
  expected?: readonly string[];
}

export interface SimulationReport {
  seed: number;
  faults: Partial<Record<FaultKind, number>>;
  violations: Violation[];
  /** Null: no limit. */
  costUsdMax: number | null;
  billedUsd: number;
  /** How the campaign ended. */
  end: CampaignRecord["state"];
  tasks: number;
  purchases: number;
  virtualMs: number;
  events: number;
  digest: string;
  demonstrations: string[];
  /** Whether they could be held against the undisturbed run: nothing was given up and no limit ended it. */
  isCompared: boolean;
  trace: string[];
}

const pool = "shell";
/** What was learned before, and is retrieved from. */
const earlier = "c-9999" as CampaignId;
const bootMs = 3_000;
const faultsMs = 120_000;
/** Longer than anything that is still on its way to an end: redeliveries, retries, the reconciler's rounds. */
const restMs = 1_200_000;
/** How long a world may outlast its episode's record. */
const closingMs = 60_000;
/** Longer than any lease and any late message: who slept or was cut off when the campaign ended acts before it is judged. */
const awakeMs = 30_000;
const limitsUsd = [0.02, 0.6] as const;
const settings: CampaignSettings = {
  ...someSettings,
  // Long enough that no fault shows as an episode out of time.
  limits: { ...someSettings.limits, wallTimeMs: 7_200_000, stepTimeMs: 7_200_000 },
  retrievalWhileLearning: true,
  retrieval: { ...someSettings.retrieval, modelBased: 0 },
  models: { generator: "sim:generator", policy: "sim:policy", judges: ["sim:judge-1", "sim:judge-2"] },
};

export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const { seed, weakening = null } = options;
  using cluster = new SimulatedCluster(seed, { isTraced: options.isTraced ?? false });
  const witness = new Witness(weakening);
  const provider = new SimulatedProvider(cluster.random.fork(), wordsFor);
  provider.isJournalOn = weakening !== "journal off";
  provider.isReserving = weakening !== "reservations off";
  const costUsdMax = options.costUsdMax ?? (isPlain(options) ? limitOf(cluster.random.fork()) : null);
  const programOf = (name: string): Program => programs.get(name)!;
  const { only = null, struck = "" } = options;
  const nemesis = new Nemesis({ cluster, provider, programOf, struck, random: cluster.random.fork() }, only);
  const worlds = new OpenWorlds();
  const programs = programsOf(options, { cluster, witness, provider, nemesis, worlds });
  const unhandled = (error: unknown): void => void cluster.failures.push(`unhandled rejection: ${String(error)}`);
  process.on("unhandledRejection", unhandled);
  // The client library makes an error per request, for its stack: a third of the time of a run.
  const { stackTraceLimit } = Error;
  if (options.isTraced !== true) Error.stackTraceLimit = 0;
  try {
    if (options.isUndisturbed !== true) nemesis.prepare();
    for (const [name, program] of programs) cluster.start(name, program);
    await cluster.scheduler.run(() => false, cluster.scheduler.now + bootMs);
    const state = new ServerState(cluster.server);
    const leaseChanges = watchLeases(state);
    await cluster.perform("user", (bus) => startCampaign(bus, { pages: options.documents ?? 3, costUsdMax }));
    if (options.isUndisturbed !== true) {
      nemesis.start();
      await cluster.scheduler.run(() => !state.isRunning, cluster.scheduler.now + faultsMs);
      nemesis.heal();
      cluster.trace.note("healed");
      await cluster.scheduler.run(() => false, cluster.scheduler.now + awakeMs);
    }
    await cluster.scheduler.run(() => state.isAtRest, cluster.scheduler.now + restMs);
    // The result comes before the world is closed.
    await cluster.scheduler.run(() => worlds.all.length === 0, cluster.scheduler.now + closingMs);
    cluster.trace.note("judged");
    const violations = violationsOf(state, witness, leaseChanges);
    const demonstrations = state.demonstrations
      .filter(({ campaignId }) => campaignId !== earlier)
      .map(withoutMoments)
      .sort();
    const warnings = await cluster.perform("reader", (bus) => warningsOf(bus, state));
    for (const warning of warnings) cluster.trace.note(`warning: ${warning}`);
    violations.push(...outcomeDiffers(state, demonstrations, { expected: options.expected, warnings }));
    violations.push(...leakedWorlds(state, worlds.all));
    violations.push(...budgetIsOverdrawn(state, { costUsdMax, billedUsd: provider.billedUsd }));
    violations.push(...cluster.failures.map((detail): Violation => ({ invariant: "failure", detail })));
    for (const { invariant, detail } of violations) cluster.trace.note(`VIOLATION ${invariant} ${detail}`);
    return {
      seed,
      faults: Object.fromEntries(nemesis.counts),
      violations,
      costUsdMax,
      billedUsd: provider.billedUsd,
      end: state.campaigns[0]!.state,
      tasks: witness.tasks.size,
      purchases: provider.purchases.length,
      virtualMs: cluster.elapsedMs,
      events: cluster.scheduler.count,
      digest: cluster.trace.digest,
      demonstrations,
      isCompared: options.expected !== undefined && isComparable(state),
      trace: cluster.trace.lines,
    };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    process.off("unhandledRejection", unhandled);
  }
}

function programsOf(
  { agents = 3, coordinators = 2, weakening = null }: SimulationOptions,
  parts: {
    cluster: SimulatedCluster;
    witness: Witness;
    provider: SimulatedProvider;
    nemesis: Nemesis;
    worlds: OpenWorlds;
  },
): Map<string, Program> {
  const { cluster, witness, provider, nemesis, worlds } = parts;
  const programs = new Map<string, Program>();
  const random = cluster.random.fork();
  const environments = simulatedWorlds({
    stepMs: () => random.between(20, 2_000),
    // A replay that diverged is an outcome of its own; an episode that cannot be rebuilt begins afresh.
    diverges: (id) => parseSandboxName(id)?.lease.startsWith("episode.") === true && nemesis.diverges(),
    isClosing: weakening !== "worlds never closed",
    onOpen: (id) => {
      worlds.opened(id);
      cluster.trace.note(`${currentProcess()?.name} opens world ${id}`);
    },
    onClose: (id) => {
      worlds.closed(id);
      cluster.trace.note(`${currentProcess()?.name} closes world ${id}`);
    },
  });
  const modelsOn = (bus: Bus) => (admission: Admission) => {
    const models = provider.modelsOf(bus, admission);
    return (id: string): Model => witness.watchedModel(models(id));
  };
  for (let n = 1; n <= coordinators; n++) {
    programs.set(`coordinator-${n}`, (raw, drain) => {
      const bus = witness.watched(raw);
      const workerId = `w-coordinator-${n}` as WorkerId;
      return runCoordinator({ bus, workerId, pool, models: modelsOn(bus) }, drain);
    });
  }
  for (let n = 1; n <= agents; n++) {
    programs.set(`w-${n}`, (raw, drain) => {
      const bus = witness.watched(raw);
      const workerId = `w-${n}` as WorkerId;
      return runAgent({ bus, workerId, pool, slots: 2, environments, models: modelsOn(bus) }, drain);
    });
  }
  programs.set("retrieval", runRetrieval);
  return programs;
}

/** Neither the run that others are compared with nor one that shows a certain fault. */
const isPlain = ({ isUndisturbed = false, weakening = null, only = null }: SimulationOptions): boolean =>
  !isUndisturbed && weakening === null && only === null;

/** For about every third campaign: between what stops it at its first calls and more than it needs. */
function limitOf(random: Random): number | null {
  return random.chance(0.35) ? random.between(...limitsUsd) : null;
}

async function startCampaign(
  bus: Parameters<Program>[0],
  { pages, costUsdMax }: { pages: number; costUsdMax: number | null },
): Promise<void> {
  const documents = Array.from({ length: pages }, (_, n) => aDocument(n + 1));
  const ref = await bus.blobs.put(packDocuments(documents));
  for (const n of [1, 2, 3]) await bus.demonstrations.put(aDemonstration(n, { campaignId: earlier }));
  await bus.request({
    subject: subjects.control("start"),
    request: ControlRequest,
    reply: CampaignReply,
    value: { v: 1, kind: "campaign.start", name: "simulated", settings: { ...settings, costUsdMax }, documents: ref },
  });
}

function watchLeases(state: ServerState): LeaseChange[] {
  const changes: LeaseChange[] = [];
  const leases = state.stream("KV_LEASES");
  const { onStored } = leases;
  const note = ({ subject, sequence, storedAt, data }: StoredMessage): void => {
    const workerId = data.length === 0 ? null : decode(LeaseRecord, data).workerId;
    changes.push({ key: subject, sequence, at: storedAt, workerId });
  };
  leases.onStored = (stored) => {
    note(stored);
    onStored(stored);
  };
  return changes;
}

/** A demonstration without the moments, attempts and costs that faults may change. */
function withoutMoments({ createdAt: _createdAt, lineage, ...rest }: Demonstration): string {
  const { attempt: _attempt, costUsd: _cost, verdicts, ...origin } = lineage;
  const judged = verdicts.map(({ answer, score, judge }) => ({ answer, score, judge }));
  return JSON.stringify({ ...rest, lineage: { ...origin, verdicts: judged } });
}

/** What the campaigns' reports warn of. */
async function warningsOf(bus: Parameters<Program>[0], state: ServerState): Promise<string[]> {
  const warnings: string[] = [];
  for (const { report } of state.campaigns) {
    if (report === null) continue;
    const json: unknown = JSON.parse(gunzipSync(await bus.blobs.get(report)).toString());
    warnings.push(...CampaignReport.parse(json).warnings);
  }
  return warnings.filter((warning) => !warning.startsWith("the retrieval service did not say"));
}

/** Not one dollar more than the limit, and no other reason to end early than the limit. */
function budgetIsOverdrawn(
  state: ServerState,
  { costUsdMax, billedUsd }: Pick<SimulationReport, "costUsdMax" | "billedUsd">,
): Violation[] {
  const violations: Violation[] = [];
  if (costUsdMax !== null && billedUsd > costUsdMax) {
    violations.push({ invariant: "over budget", detail: `$${billedUsd} of $${costUsdMax} were billed` });
  }
  for (const { id, state: end, detail } of state.campaigns) {
    const isExhausted = costUsdMax !== null && detail?.includes("CAMPAIGN_BUDGET_EXHAUSTED") === true;
    if (end === "finished" || end === "running" || isExhausted) continue;
    violations.push({ invariant: "failure", detail: `${id} is ${end}: ${detail}` });
  }
  return violations;
}

/** A replay that no worker finished says nothing of its demonstration; any other verdict must be that of the undisturbed run. */
const isComparable = (state: ServerState): boolean =>
  state.campaigns.every((campaign) => campaign.state === "finished") &&
  state.results.every((result) => (result.kind === "replay.ended" ? result.workerId !== nobody : isOutcome(result)));

/** Unless Hindcast itself gave an episode up, faults must not show in what was learned. */
function outcomeDiffers(
  state: ServerState,
  demonstrations: readonly string[],
  { expected, warnings }: { expected: readonly string[] | undefined; warnings: string[] },
): Violation[] {
  if (expected === undefined || !isComparable(state)) return [];
  const missing = expected.filter((each) => !demonstrations.includes(each)).length;
  const extra = demonstrations.filter((each) => !expected.includes(each)).length;
  if (missing === 0 && extra === 0) return [];
  const detail = `of ${expected.length} demonstrations ${missing} are missing and ${extra} are others; ${warnings.join("; ")}`;
  return [{ invariant: "another outcome", detail }];
}
