// Works on one rollout task: fence it, run an attempt, write the terminal record.
import { HindcastError, noUsage } from "@hindcast/shared";
import type { EndReason, EpisodeEnded, RolloutTask } from "@hindcast/shared";
import { type Lease, type LeasedTask, trajectoryDigest } from "@hindcast/shared/node";
import { type AttemptDeps, type EpisodeEnd, type Hold, runAttempt } from "../episode/attempt.ts";
import type { AgentMetrics } from "../metrics.ts";
import type { Cancellations } from "./cancellations.ts";
import type { Handled } from "./lease-loop.ts";

/** How long to leave a task alone whose episode another worker still holds. */
const heldElsewhereDelayMs = 5_000;

export interface RolloutDeps extends AttemptDeps {
  cancellations: Cancellations;
  metrics: AgentMetrics;
}

export class RolloutHandler {
  readonly #deps: RolloutDeps;

  constructor(deps: RolloutDeps) {
    this.#deps = deps;
  }

  async handle(leased: LeasedTask, task: RolloutTask, signal: AbortSignal): Promise<Handled> {
    const { bus, workerId } = this.#deps;
    if ((await bus.results.get(task.campaignId, task.taskId)) !== null) return { kind: "done" };
    const lease = await bus.leases.acquire(task.episodeId, workerId);
    if (lease === null) return { kind: "handed-back", delayMs: heldElsewhereDelayMs };
    // The token of the acquisition: renewals move the lease's revision, and records must all carry one.
    const fencingToken = lease.token;
    const startedAt = performance.now();
    try {
      const end = await this.#run({ task, deliveryCount: leased.deliveryCount, fencingToken }, lease, signal);
      if (end === "handed-back") return { kind: "handed-back", delayMs: 0 };
      await this.#write(task, fencingToken, { ...end, durationMs: performance.now() - startedAt });
      return { kind: "done" };
    } finally {
      await lease.release();
    }
  }

  /** The terminal record of a task that no attempt could finish: an infrastructure fault, never a failed task. */
  async giveUp(leased: LeasedTask, task: RolloutTask, error: HindcastError): Promise<void> {
    const lease = await this.#deps.bus.leases.acquire(task.episodeId, this.#deps.workerId);
    const token = lease?.token ?? leased.streamSequence;
    await this.#write(task, token, { ...endWithout("infrastructure", leased.deliveryCount, error), durationMs: 0 });
    await lease?.release();
  }

  /** Cancelling and an unavailable world are ends of their own; everything else that breaks is the lease loop's to judge. */
  async #run(hold: Hold, lease: Lease, signal: AbortSignal): Promise<EpisodeEnd | "handed-back"> {
    const { task, deliveryCount } = hold;
    const cancelled = this.#deps.cancellations.signalFor(task.campaignId);
    try {
      const inner = AbortSignal.any([signal, lease.lost, cancelled]);
      return await runAttempt(this.#deps, hold, inner);
    } catch (error) {
      if (lease.lost.aborted) throw lostLease(task, error);
      if (cancelled.aborted) return endWithout("cancelled", deliveryCount, null);
      if (isUnavailable(error)) return endWithout("unavailable", deliveryCount, error);
      throw error;
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
    metrics.episodeEnded(record.reason, record.durationMs / 1_000);
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

function lostLease(task: RolloutTask, cause: unknown): HindcastError {
  const message = `the lease on ${task.episodeId} was lost; another worker may hold it now`;
  return new HindcastError({ code: "BUS_CONFLICT", boundary: "bus", message, retryable: true, cause });
}
