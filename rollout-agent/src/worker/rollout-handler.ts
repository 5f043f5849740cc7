// Works on one rollout task: fence it, run an attempt, commit its end.
import { HindcastError, noUsage } from "@hindcast/shared";
import type { EndReason, EpisodeEnded, EpisodeId, RolloutTask } from "@hindcast/shared";
import {
  type Cancellations,
  commit,
  type Handled,
  inSpan,
  type Lease,
  type LeasedTask,
  letGo,
  type Opening,
  type OpenSpan,
  openTask,
  trajectoryDigest,
} from "@hindcast/shared/node";
import { type AttemptDeps, type EpisodeEnd, type Hold, runAttempt } from "../episode/attempt.ts";
import type { Weakened } from "./weakened.ts";

export interface RolloutDeps extends AttemptDeps {
  cancellations: Pick<Cancellations, "signalFor" | "pauseOf" | "isPaused">;
  /** Aborted while this worker is drained by command. @default never */
  cordon?: () => AbortSignal;
  /** Of an episode's lease. @default limits.leaseTtlMs */
  leaseTtlMs?: number;
  weakened?: Weakened;
}

export class RolloutHandler {
  readonly #deps: RolloutDeps;
  /** Episodes that this worker runs now: a worker takes over its own lease, so the lease does not keep it from a second. */
  readonly #running = new Set<EpisodeId>();

  constructor(deps: RolloutDeps) {
    this.#deps = deps;
  }

  async handle(leased: LeasedTask, task: RolloutTask, signal: AbortSignal): Promise<Handled> {
    if (this.#running.has(task.episodeId)) return { kind: "left" };
    this.#running.add(task.episodeId);
    try {
      const opening = await this.#open(task);
      if (opening.kind === "done") return { kind: "done" };
      return opening.kind === "held"
        ? { kind: "left" }
        : await this.#handleHolding(opening.lease, leased, task, signal);
    } finally {
      this.#running.delete(task.episodeId);
    }
  }

  async #handleHolding(lease: Lease, leased: LeasedTask, task: RolloutTask, signal: AbortSignal): Promise<Handled> {
    const { deliveryCount } = leased;
    // The token of the acquisition: renewals move the lease's revision, and records must all carry one.
    const fencingToken = lease.token;
    const startedAt = performance.now();
    const assertHeld = (): void => {
      if (this.#deps.weakened?.fencing !== "off") lease.lost.throwIfAborted();
    };
    try {
      const end = await this.#run({ task, deliveryCount, fencingToken, assertHeld }, lease, signal);
      if (end === "lost") return { kind: "left" };
      if (end === "parked") return { kind: "parked" };
      if (end === "handed-back") return { kind: "handed-back", delayMs: 0 };
      if (this.#deps.weakened?.acknowledge === "before-commit") await leased.done();
      const written = await this.#commit(lease, task, {
        ...end,
        fencingToken,
        durationMs: performance.now() - startedAt,
      });
      return { kind: written === "fenced" ? "left" : "done" };
    } finally {
      await letGo(lease, this.#deps.logger);
    }
  }

  /** The terminal record of a task that no attempt could finish: an infrastructure fault, never a failed task. */
  async giveUp(leased: LeasedTask, task: RolloutTask, error: HindcastError): Promise<void> {
    const opening = await this.#open(task);
    if (opening.kind === "done") return;
    if (opening.kind === "held") throw heldElsewhere(task, error);
    const { lease } = opening;
    try {
      const end = endWithout("infrastructure", leased.deliveryCount, error);
      const written = await this.#commit(lease, task, { ...end, fencingToken: lease.token, durationMs: 0 });
      if (written === "fenced") throw heldElsewhere(task, error);
    } finally {
      await letGo(lease, this.#deps.logger);
    }
  }

  #open(task: RolloutTask): Promise<Opening> {
    const { bus, workerId, leaseTtlMs } = this.#deps;
    return openTask(bus, task, { worker: workerId, ttlMs: leaseTtlMs });
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
      const isFenced = this.#deps.weakened?.fencing !== "off";
      const inner = AbortSignal.any([signal, cancelled, ...(isFenced ? [lease.lost] : [])]);
      const attempt = async (span: OpenSpan): Promise<EpisodeEnd | "handed-back"> => {
        const ended = await runAttempt({ ...this.#deps, drain: this.#yielding(paused) }, hold, inner);
        if (ended === "handed-back") span.set({ "hindcast.episode.outcome": ended });
        else span.set({ "hindcast.episode.outcome": ended.reason, "hindcast.episode.steps": ended.steps });
        return ended;
      };
      const { fencingToken } = hold;
      const span = { attributes: agentAttributes(task), attempt: { taskId: task.taskId, fencingToken } };
      const end = await inSpan("invoke_agent rollout-agent", span, attempt);
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

  async #commit(
    lease: Lease,
    task: RolloutTask,
    end: EpisodeEnd & { fencingToken: number; durationMs: number },
  ): Promise<"stored" | "already" | "fenced"> {
    const { bus, workerId, metrics, logger, weakened } = this.#deps;
    const record: EpisodeEnded = {
      v: 1,
      kind: "episode.ended",
      campaignId: task.campaignId,
      taskId: task.taskId,
      episodeId: task.episodeId,
      workerId,
      endedAt: new Date().toISOString(),
      ...end,
    };
    const written = weakened?.fencing === "off" ? await bus.results.put(record) : await commit(bus, lease, record);
    if (written === "stored") metrics?.episodeEnded(record.reason, record.durationMs / 1_000, record.evaluation);
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
    return written;
  }
}

function agentAttributes({ episodeId, model, environment }: RolloutTask): Record<string, string> {
  return {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": "rollout-agent",
    "gen_ai.conversation.id": episodeId,
    "gen_ai.request.model": model,
    "hindcast.environment": environment.kind,
  };
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
    !error.retryable &&
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
