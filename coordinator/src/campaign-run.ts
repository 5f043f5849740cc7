// One campaign from its stored record to its report: synthesis, then the measured gain. Every effect on the way is
// write-once or journaled and every choice follows from seed and id, so running a campaign again after a crash goes
// through the same steps, pays for none of them twice and arrives at the same end.
import { gunzipSync, gzipSync } from "node:zlib";
import { Document, HindcastError, limits, toHindcastError } from "@hindcast/shared";
import type { CampaignRecord, CampaignReport, CampaignWorld, DocumentId } from "@hindcast/shared";
import { type Bus, CallGate, type Logger, type Model, type ModelSource } from "@hindcast/shared/node";
import { z } from "zod";
import { CampaignAccount } from "./campaign-account.ts";
import type { CampaignContext } from "./campaign-context.ts";
import { synthesise } from "./campaign.ts";
import type { CoordinatorMetrics } from "./coordinator-metrics.ts";
import { CostLedger } from "./cost-ledger.ts";
import { measureGain } from "./evaluation/gain.ts";
import { splitDocuments } from "./evaluation/held-out-documents.ts";
import { heldOutInWorld } from "./evaluation/held-out-in-world.ts";
import { proposeHeldOutTasks } from "./evaluation/held-out-tasks.ts";
import { caughtUpIndex } from "./evaluation/index-state.ts";
import { Funnel } from "./funnel.ts";
import { InstructionHistory } from "./instruction-history.ts";
import { Permits } from "./permits.ts";
import { progressOf } from "./progress.ts";
import { seededRandom } from "./sampling.ts";
import { Steering } from "./steering.ts";
import { TaskRunner } from "./task-runner.ts";
import { readWorld } from "./world.ts";

export interface CampaignDeps {
  bus: Bus;
  model: ModelSource;
  logger: Logger;
  metrics?: CoordinatorMetrics;
  /** Shared by the campaigns of a coordinator; without it a campaign reads all of it for itself. */
  history?: InstructionHistory;
  /** Whether a campaign with a dollar limit may use models of unknown price. */
  allowUnknownPrices?: boolean;
}

/** What a campaign came to. One that stopped early has a failure beside the report of what it did until then. */
export interface CampaignOutcome {
  report: CampaignReport;
  failure: HindcastError | null;
}

/** @throws the reason when `outer` aborts or it was brought to rest; it can be run again from the top. */
export async function runCampaign(
  record: CampaignRecord,
  deps: CampaignDeps,
  outer: AbortSignal,
  steering = new Steering(),
): Promise<CampaignOutcome> {
  const startedAt = performance.now();
  const over = new AbortController();
  using gate = new CallGate(steering.rest);
  const signal = AbortSignal.any([outer, over.signal, gate.quiet]);
  const documents = await readDocuments(deps.bus, record);
  const world = await readWorld(deps.bus, record.settings);
  const context = openContext(
    record,
    { ...deps, model: gate.guard(deps.model) },
    { documents, world, signal, steering },
  );
  const following = context.tasks.follow(record.id);
  const letGo = deps.metrics?.leads(context.funnel);
  let isOver = false;
  try {
    const learning = learnAndMeasure(context, documents, deps.history ?? new InstructionHistory(deps.bus));
    const { gain, failure } = await Promise.race([learning, following.then((): never => unreachable())]).then(
      (measured) => ({ gain: measured, failure: null }),
      (error: unknown) => ({ gain: [], failure: failureOf(context, error) }),
    );
    // Where nothing was to be retrieved, nobody waits for a retrieval service that may not even run.
    const indexed = (await caughtUpIndex(context, { absentMs: 0 }))?.demonstrations ?? null;
    isOver = true;
    return { report: reportOf(context, { gain, indexed, durationMs: performance.now() - startedAt }), failure };
  } finally {
    letGo?.(isOver);
    over.abort(new Error("the campaign is over"));
    await Promise.allSettled([following]);
    // Whoever takes back what is queued of a campaign that failed has to find all of it there.
    await context.tasks.atRest();
  }
}

async function learnAndMeasure(
  context: CampaignContext,
  documents: readonly Document[],
  history: InstructionHistory,
): Promise<CampaignReport["gain"]> {
  const { settings, funnel, random } = context;
  const split = splitDocuments(documents, {
    documentsMax: settings.documentsMax,
    // What a world holds back it held back before: none of its documents tells of it.
    heldOutPercent:
      settings.evaluation.tasksPerKindMax === 0 || context.world !== null
        ? 0
        : settings.evaluation.documentDisjointPercent,
    random,
  });
  funnel.count("documents", "learned from", split.learn.length);
  funnel.count("documents", "held out", split.heldOut.length);
  funnel.count("documents", "not chosen this time", split.unused.length);
  using earlier = await history.open(context.id, context.signal);
  const known = earlier.instructions;
  const learned = await synthesise(context, split.learn, known);
  if (settings.evaluation.tasksPerKindMax === 0) return [];
  const tasks =
    context.world === null
      ? await proposeHeldOutTasks(context, { learned, heldOut: split.heldOut }, known)
      : heldOutInWorld(context, context.world, known);
  return measureGain(context, tasks);
}

/** What can be one text at all. Whoever starts a campaign made the blob, and a small one may unpack to any size. */
const documentsBytesMax = 8 * limits.blobBytesMax;

async function readDocuments(bus: Pick<Bus, "blobs">, record: CampaignRecord): Promise<Document[]> {
  const packed = await bus.blobs.get(record.documents);
  const json: unknown = JSON.parse(gunzipSync(packed, { maxOutputLength: documentsBytesMax }).toString("utf8"));
  return z.array(Document).parse(json);
}

/** The blob form of documents that `readDocuments` reads. */
export function packDocuments(documents: readonly Document[]): Uint8Array {
  return gzipSync(JSON.stringify(documents));
}

function openContext(
  record: CampaignRecord,
  { bus, model, logger, metrics }: CampaignDeps,
  {
    documents,
    world,
    signal,
    steering,
  }: { documents: readonly Document[]; world: CampaignWorld | null; signal: AbortSignal; steering: Steering },
): CampaignContext {
  const { id, settings } = record;
  const sources = new Map<string, string>(documents.map((document) => [document.id, document.source]));
  const report = progressOf(bus, id);
  const account = new CampaignAccount(id, report);
  const charged = (name: string): Model => account.charge(model(name, settings.batch));
  const generator = charged(settings.models.generator);
  const judges = settings.models.judges.map(charged);
  const rollouts = new Permits(() => steering.tuning.episodesInFlightMax ?? Infinity);
  steering.onTuning = () => rollouts.look();
  return {
    id,
    settings,
    bus,
    world,
    generator,
    judges,
    tasks: new TaskRunner(bus, signal, rollouts),
    ledger: new CostLedger(() => {
      const { costUsdMax } = steering.tuning;
      return costUsdMax === undefined ? settings.costUsdMax : costUsdMax;
    }),
    funnel: new Funnel(),
    random: seededRandom(settings.seed, id),
    logger: logger.child({ campaignId: id }),
    warnings: new Set(),
    isOffline: [generator, ...judges, model(settings.models.policy)].every(({ isOffline }) => isOffline),
    sourceOf: (document: DocumentId | null) => (document === null ? "unknown" : (sources.get(document) ?? "unknown")),
    signal,
    report,
    waiting: account,
    ...(metrics === undefined ? {} : { metrics }),
  };
}

/** @throws the signal's reason: stopping is not a failure. */
function failureOf({ signal, warnings }: CampaignContext, error: unknown): HindcastError {
  signal.throwIfAborted();
  warnings.add("the campaign stopped early; the tables show what it did until then");
  return toHindcastError(error, "campaign");
}

function reportOf(
  context: CampaignContext,
  { gain, indexed, durationMs }: Pick<CampaignReport, "gain" | "indexed" | "durationMs">,
): CampaignReport {
  const { funnel, ledger } = context;
  return {
    v: 1,
    campaignId: context.id,
    isOffline: context.isOffline,
    funnel: funnel.stages(),
    outcomes: funnel.outcomes(),
    gain,
    costs: ledger.rows(),
    durationMs,
    steps: funnel.steps,
    stepsPerSecond: durationMs === 0 ? 0 : (funnel.stepsOfThisRun * 1_000) / durationMs,
    indexed,
    warnings: [...context.warnings].sort(),
  };
}

function unreachable(): never {
  throw new HindcastError({
    code: "INTERNAL",
    boundary: "campaign",
    message: "the results stream ended before the campaign",
  });
}
