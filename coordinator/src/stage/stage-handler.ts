// Works on one stage task: fence it, do the stage, commit its end. A coordinator that lost its lease commits nothing, so
// its votes count for nothing: another one's record stands, or will.
import {
  type ConstructTask,
  HindcastError,
  type StageEnded,
  type StageTask,
  type Task,
  type TaskId,
  type Trajectory,
  type WorkerId,
} from "@hindcast/shared";
import {
  type Bus,
  CallGate,
  type Cancellations,
  commit,
  type Handled,
  inSpan,
  type Lease,
  type LeasedTask,
  letGo,
  type Logger,
  type Model,
  type ModelSource,
  openTask,
  type TaskHandler,
} from "@hindcast/shared/node";
import { CampaignAccount } from "../campaign-account.ts";
import type { StageContext } from "../campaign-context.ts";
import type { CoordinatorMetrics } from "../coordinator-metrics.ts";
import { CostLedger } from "../cost-ledger.ts";
import { Funnel } from "../funnel.ts";
import { progressOf } from "../progress.ts";
import { seededRandom } from "../sampling.ts";
import { propose } from "../self-instruct.ts";
import { collectTrajectory } from "../trajectory-collector.ts";
import { constructFrom } from "./construct.ts";
import { accountOf, type StageOutput, storeOutput } from "./stage-output.ts";
import { stageLeaseTtlMs } from "./stage-pools.ts";

export interface StageDeps {
  bus: Bus;
  model: ModelSource;
  workerId: WorkerId;
  cancellations: Pick<Cancellations, "signalFor" | "pauseOf" | "isPaused" | "hasMovedLimit">;
  logger: Logger;
  metrics?: CoordinatorMetrics;
}

type End = Pick<StageEnded, "outcome" | "output" | "error">;

interface Hold {
  lease: Lease;
  /** Token of the acquisition: renewals move the lease's own. */
  fencingToken: number;
}

export class StageHandler implements TaskHandler {
  readonly #deps: StageDeps;
  /** A coordinator takes over its own lease, so the lease does not keep it from working on a task twice. */
  readonly #running = new Set<TaskId>();

  constructor(deps: StageDeps) {
    this.#deps = deps;
  }

  async handle(leased: LeasedTask, signal: AbortSignal): Promise<Handled> {
    const task = asStageTask(leased.task);
    if (this.#running.has(task.taskId)) return { kind: "left" };
    this.#running.add(task.taskId);
    try {
      return await this.#holding(task, (hold) => this.#handleHolding(task, hold, signal));
    } finally {
      this.#running.delete(task.taskId);
    }
  }

  /** The terminal record of a stage that no attempt could finish: its item is lost, the campaign goes on. */
  async giveUp(leased: LeasedTask, error: HindcastError): Promise<void> {
    const { task } = leased;
    if (task.kind !== "propose" && task.kind !== "construct") return;
    const end: End = { outcome: "failed", output: null, error: error.toWire() };
    const handled = await this.#holding(task, (hold) => this.#commit(hold, task, { ...end, durationMs: 0 }));
    if (handled.kind === "left") throw heldElsewhere(task, error);
  }

  async #holding(task: StageTask, work: (hold: Hold) => Promise<Handled>): Promise<Handled> {
    const { bus, workerId, logger } = this.#deps;
    const opening = await openTask(bus, task, { worker: workerId, ttlMs: stageLeaseTtlMs(task.pool) });
    if (opening.kind !== "open") return { kind: opening.kind === "done" ? "done" : "left" };
    const { lease } = opening;
    try {
      const attempt = { taskId: task.taskId, fencingToken: lease.token };
      return await inSpan(task.kind, { attempt }, () => work({ lease, fencingToken: lease.token }));
    } finally {
      await letGo(lease, logger);
    }
  }

  /** A lost lease, a cancelled and a paused campaign are ends of their own; what else breaks is the lease loop's to judge. */
  async #handleHolding(task: StageTask, hold: Hold, signal: AbortSignal): Promise<Handled> {
    const { lost } = hold.lease;
    const { cancellations } = this.#deps;
    const cancelled = cancellations.signalFor(task.campaignId);
    const paused = cancellations.pauseOf(task.campaignId);
    if (paused.aborted && (await cancellations.isPaused(task.campaignId))) return { kind: "parked" };
    // A pause that is over by now closes nothing.
    using gate = new CallGate(paused.aborted ? new AbortController().signal : paused);
    try {
      return await this.#run(task, { hold, gate }, AbortSignal.any([signal, lost, cancelled, gate.quiet]));
    } catch (error) {
      if (lost.aborted) return { kind: "left" };
      if (!cancelled.aborted && gate.quiet.aborted) {
        return (await cancellations.isPaused(task.campaignId))
          ? { kind: "parked" }
          : { kind: "handed-back", delayMs: 0 };
      }
      if (!cancelled.aborted) throw error;
      return await this.#commit(hold, task, { outcome: "cancelled", output: null, error: null, durationMs: 0 });
    }
  }

  async #run(task: StageTask, { hold, gate }: { hold: Hold; gate: CallGate }, signal: AbortSignal): Promise<Handled> {
    const startedAt = performance.now();
    const context = this.#contextOf(task, gate, signal);
    const end = await this.#work(task, context).catch(async (error: unknown): Promise<End> => {
      signal.throwIfAborted();
      if (!isFinal(error)) throw error;
      const kind = task.kind === "propose" ? "proposed" : "constructed";
      const output = await storeOutput(this.#deps.bus, { v: 1, kind, product: null, account: accountOf(context) });
      return { outcome: "failed", output, error: error.toWire() };
    });
    return await this.#commit(hold, task, { ...end, durationMs: performance.now() - startedAt });
  }

  async #work(task: StageTask, context: StageContext): Promise<End> {
    const output = await this.#make(task, context);
    return { outcome: "completed", output: await storeOutput(this.#deps.bus, output), error: null };
  }

  async #make(task: StageTask, context: StageContext): Promise<StageOutput> {
    if (task.kind === "propose") {
      const product = await propose(context, task);
      return { v: 1, kind: "proposed", product, account: accountOf(context) };
    }
    const product = await constructFrom(context, task, await this.#trajectoryOf(task));
    return { v: 1, kind: "constructed", product, account: accountOf(context) };
  }

  async #trajectoryOf({ campaignId, rollout }: ConstructTask): Promise<Trajectory> {
    const { bus } = this.#deps;
    const ended = await bus.results.get(campaignId, rollout);
    if (ended?.kind === "episode.ended") return await collectTrajectory(bus, ended);
    throw new HindcastError({
      code: "BUS_NOT_FOUND",
      boundary: "bus",
      message: `${rollout} of ${campaignId} has no terminal record, so there is no trajectory to construct from`,
    });
  }

  #contextOf(task: StageTask, gate: CallGate, signal: AbortSignal): StageContext {
    const { campaignId: id, settings, leftUsd } = task;
    const { bus, cancellations, logger, metrics } = this.#deps;
    const model = gate.guard(this.#deps.model);
    const report = progressOf(bus, id);
    const account = new CampaignAccount(id, report);
    const charged = (name: string): Model => account.charge(model(name, settings.batch));
    return {
      id,
      settings,
      generator: charged(settings.models.generator),
      judges: settings.models.judges.map(charged),
      // Admission keeps the limit call by call; what comes from batches is not admitted and shows here. What was left when
      // the task was queued says nothing once the limit was moved.
      ledger: new CostLedger(() => (cancellations.hasMovedLimit(id) ? null : leftUsd)),
      funnel: new Funnel(),
      warnings: new Set(),
      random: seededRandom(settings.seed, id),
      logger: logger.child({ campaignId: id, taskId: task.taskId }),
      signal,
      report,
      waiting: account,
      ...(metrics === undefined ? {} : { metrics }),
    };
  }

  /** The one place where a stage's work becomes the campaign's. */
  async #commit({ lease, fencingToken }: Hold, task: StageTask, end: End & { durationMs: number }): Promise<Handled> {
    const { bus, workerId, logger } = this.#deps;
    const { campaignId, taskId } = task;
    const endedAt = new Date().toISOString();
    const record = { v: 1, kind: "stage.ended", campaignId, taskId, workerId, endedAt, fencingToken, ...end } as const;
    const written = await commit(bus, lease, record);
    const { outcome, durationMs, error } = end;
    if (written === "stored") this.#deps.metrics?.stageEnded(task.kind, outcome, durationMs / 1_000);
    logger.info({ event: "stage.ended", stage: task.kind, campaignId, taskId, outcome, durationMs, error, written });
    return { kind: written === "fenced" ? "left" : "done" };
  }
}

/** Nothing that another attempt would change: the model's own patience is spent by then, or the campaign's money. */
function isFinal(error: unknown): error is HindcastError {
  if (!(error instanceof HindcastError)) return false;
  return error.boundary === "model" || error.code === "CAMPAIGN_BUDGET_EXHAUSTED";
}

function asStageTask(task: Task): StageTask {
  if (task.kind === "propose" || task.kind === "construct") return task;
  const message = `${task.taskId} in pool ${task.pool} is a ${task.kind} task, which agents work on; it belongs in their pool`;
  throw new HindcastError({ code: "PROTOCOL_INVALID", boundary: "protocol", message });
}

function heldElsewhere({ taskId }: StageTask, cause: unknown): HindcastError {
  const message = `${taskId} is being worked on by another coordinator, which will write its end`;
  return new HindcastError({ code: "BUS_CONFLICT", boundary: "bus", message, retryable: true, cause });
}
