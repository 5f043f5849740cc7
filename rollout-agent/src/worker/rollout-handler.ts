// Works on one rollout task: fence it, run an attempt, write the terminal record.
import { HindcastError, leaseOf, messageOf, noUsage } from "@hindcast/shared";
import type { EndReason, EpisodeEnded, EpisodeId, RolloutTask } from "@hindcast/shared";
import { type Cancellations, type Handled, type Lease, type LeasedTask, trajectoryDigest } from "@hindcast/shared/node";
import { type AttemptDeps, type EpisodeEnd, type Hold, runAttempt } from "../episode/attempt.ts";
import type { AgentMetrics } from "../metrics.ts";

export interface RolloutDeps extends AttemptDeps {
  cancellations: Pick<Cancellations, "signalFor" | "pauseOf" | "isPaused">;
  /** Aborted while this worker is drained by command. @default never */
  cordon?: () => AbortSignal;
  metrics: AgentMetrics;
}

export class RolloutHandler {
  readonly #deps: RolloutDeps;
  /** Episodes that this worker runs now: a worker takes over its own lease, so the lease does not keep it from a second. */
  readonly #running = new Set<EpisodeId>();

  constructor(deps: RolloutDeps) {
    this.#deps = deps;
  }

  async handle(leased: LeasedTask, task: RolloutTask, signal: AbortSignal): Promise<Handled> {
    const { bus, workerId } = this.#deps;
    if ((await bus.results.get(task.campaignId, task.taskId)) !== null) return { kind: "done" };
    if (this.#running.has(task.episodeId)) return { kind: "left" };
    this.#running.add(task.episodeId);
    try {
      const lease = await bus.leases.acquire(leaseOf.episode(task.episodeId), workerId);
      return lease === null ? { kind: "left" } : await this.#handleHolding(lease, leased, { task, signal });
    } finally {
      this.#running.delete(task.episodeId);
    }
  }

  async #handleHolding(
    lease: Lease,
    { deliveryCount }: LeasedTask,
    { task, signal }: { task: RolloutTask; signal: AbortSignal },
  ): Promise<Handled> {
    // The token of the acquisition: renewals move the lease's revision, and records must all carry one.
    const fencingToken = lease.token;
    const startedAt = performance.now();
    try {
      const end = await this.#run({ task, deliveryCount, fencingToken }, lease, signal);
      if (end === "lost") return { kind: "left" };
      if (end === "parked") return { kind: "parked" };
      if (end === "handed-back") return { kind: "handed-back", delayMs: 0 };
      // A compare-and-set: who was followed since the last renewal, by a successor of its own name too, finds out here.
      if (!(await lease.renew())) return { kind: "left" };
      await this.#write(task, fencingToken, { ...end, durationMs: performance.now() - startedAt });
      return { kind: "done" };
    } finally {
      await this.#release(lease);
    }
  }

  /** The terminal record of a task that no attempt could finish: an infrastructure fault, never a failed task. */
  async giveUp(leased: LeasedTask, task: RolloutTask, error: HindcastError): Promise<void> {
    const lease = await this.#deps.bus.leases.acquire(leaseOf.episode(task.episodeId), this.#deps.workerId);
    if (lease === null) throw heldElsewhere(task, error);
    try {
      const end = endWithout("infrastructure", leased.deliveryCount, error);
      await this.#write(task, lease.token, { ...end, durationMs: 0 });
    } finally {
      await this.#release(lease);
    }
  }

  /** Cancelling and an unavailable world are ends of their own; everything else that breaks is the lease loop's to judge. */
  async #run(hold: Hold, lease: Lease, signal: AbortSignal): Promise<EpisodeEnd | "handed-back" | "parked" | "lost"> {
    const { task, deliveryCount } = hold;
    const cancelled = this.#deps.cancellations.signalFor(task.campaignId);
    if (cancelled.aborted) return endWithout("cancelled", deliveryCount, null);
    const paused = this.#deps.cancellations.pauseOf(task.campaignId);
    const isParked = async (): Promise<boolean> =>
      paused.aborted && (await this.#deps.cancellations.isPaused(task.campaignId));
    try {
      if (await isParked()) return "parked";
      const inner = AbortSignal.any([signal, lease.lost, cancelled]);
      const end = await runAttempt({ ...this.#deps, drain: this.#yielding(paused) }, hold, inner);
      return end === "handed-back" && (await isParked()) ? "parked" : end;
    } catch (error) {
      if (lease.lost.aborted) {
        this.#deps.logger.warn(
          { event: "lease.lost", episodeId: task.episodeId, err: error },
          "left to another worker",
        );
        return "lost";
      }
      if (cancelled.aborted) return endWithout("cancelled", deliveryCount, null);
      if (isUnavailable(error)) return endWithout("unavailable", deliveryCount, error);
      // The coordinator reads it from the record and ends the campaign; nobody else could pay for this task either.
      if (isExhausted(error)) return endWithout("cancelled", deliveryCount, error);
      throw error;
    }
  }

  /** When to finish the running step and stop. A pause that is aborted already is over by now: nobody is to wait for it. */
  #yielding(paused: AbortSignal): AbortSignal {
    const { drain, cordon } = this.#deps;
    return AbortSignal.any([drain, ...(cordon === undefined ? [] : [cordon()]), ...(paused.aborted ? [] : [paused])]);
  }

  /** A lease that cannot be given up runs out by itself; that must not undo what was done under it. */
  async #release(lease: Lease): Promise<void> {
    try {
      await lease.release();
    } catch (error) {
      this.#deps.logger.warn({ event: "lease.unreleased", lease: lease.name, err: error }, messageOf(error));
    }
  }

  async #write(task: RolloutTask, fencingToken: number, end: EpisodeEnd & { durationMs: number }): Promise<void> {
    const { bus, workerId, metrics, logger } = this.#deps;
    const record: EpisodeEnded = {
      v: 1,
      kind: "episode.ended",
      campaignId: task.campaignId,
      taskId: task.taskId,
      episodeId: task.episodeId,
      workerId,
      fencingToken,
      endedAt: new Date().toISOString(),
      ...end,
    };
    const written = await bus.results.put(record);
    if (written === "stored") metrics.episodeEnded(record.reason, record.durationMs / 1_000);
    const { reason, steps, attempt, usage, costUsd, durationMs, evaluation, error } = record;
    logger.info(
      {
        event: "episode.ended",
        episodeId: task.episodeId,
        campaignId: task.campaignId,
        attempt,
        reason,
        steps,
        usage,
        costUsd,
        durationMs,
        evaluation,
        error,
        written,
      },
      "episode ended",
    );
  }
}

function endWithout(reason: EndReason, attempt: number, error: HindcastError | null): EpisodeEnd {
  return {
    attempt,
    reason,
    closing: null,
    answer: null,
    steps: 0,
    digest: trajectoryDigest([]),
    evaluation: null,
    usage: noUsage,
    costUsd: 0,
    error: error?.toWire() ?? null,
  };
}

/** The world of this task cannot be set up anywhere: its own setup fails, or it needs what no worker here has. */
function isUnavailable(error: unknown): error is HindcastError {
  return (
    error instanceof HindcastError &&
    (error.code === "ENVIRONMENT_SETUP_FAILED" || error.code === "ENVIRONMENT_UNAVAILABLE")
  );
}

function isExhausted(error: unknown): error is HindcastError {
  return error instanceof HindcastError && error.code === "CAMPAIGN_BUDGET_EXHAUSTED";
}

function heldElsewhere(task: RolloutTask, cause: unknown): HindcastError {
  const message = `${task.episodeId} is being worked on by another worker, which will write its end`;
  return new HindcastError({ code: "BUS_CONFLICT", boundary: "bus", message, retryable: true, cause });
}
