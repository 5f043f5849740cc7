// Re-executes recorded actions from a recorded start state in a fresh world and says how far the states agree: the
// one check of a demonstration that needs no model.
import type { HindcastError, ReplayEnded, ReplayTask, WorkerId } from "@hindcast/shared";
import { HindcastError as Failure } from "@hindcast/shared";
import {
  type Bus,
  commit,
  type Handled,
  type Lease,
  type LeasedTask,
  leaseOfTask,
  letGo,
  type Logger,
  openTask,
} from "@hindcast/shared/node";
import type { Environment, EnvironmentProvider, EnvironmentState } from "../environment/environment.ts";
import { getImage } from "../episode/snapshot-images.ts";
import type { AgentMetrics } from "../metrics.ts";
import { sandboxName } from "../sandbox/sandbox-name.ts";

export interface ReplayDeps {
  bus: Bus;
  workerId: WorkerId;
  environments: (kind: ReplayTask["environment"]["kind"]) => EnvironmentProvider;
  logger: Logger;
  metrics?: AgentMetrics;
  /** Of a replay's lease. @default limits.leaseTtlMs */
  leaseTtlMs?: number;
}

type Replayed = Pick<ReplayEnded, "outcome" | "agreedTo" | "detail">;

export class ReplayHandler {
  readonly #deps: ReplayDeps;

  constructor(deps: ReplayDeps) {
    this.#deps = deps;
  }

  async handle(leased: LeasedTask, task: ReplayTask, signal: AbortSignal): Promise<Handled> {
    const { bus, workerId, leaseTtlMs, logger } = this.#deps;
    const opening = await openTask(bus, task, { worker: workerId, ttlMs: leaseTtlMs });
    if (opening.kind !== "open") return { kind: opening.kind === "done" ? "done" : "left" };
    const { lease } = opening;
    try {
      return await this.#handleHolding(lease, leased, { task, signal });
    } catch (error) {
      if (lease.lost.aborted) return { kind: "left" };
      throw error;
    } finally {
      await letGo(lease, logger);
    }
  }

  async #handleHolding(
    lease: Lease,
    leased: LeasedTask,
    { task, signal }: { task: ReplayTask; signal: AbortSignal },
  ): Promise<Handled> {
    const startedAt = performance.now();
    const { environments, workerId } = this.#deps;
    const { campaignId } = task;
    await using environment = environments(task.environment.kind).create({
      id: sandboxName({ workerId, campaignId, lease: leaseOfTask(task), world: String(leased.deliveryCount) }),
      spec: task.environment,
      limits: task.limits,
    });
    const replayed = await this.#replay(task, environment, AbortSignal.any([signal, lease.lost]));
    const written = await this.#commit(lease, task, { ...replayed, durationMs: performance.now() - startedAt });
    return { kind: written === "fenced" ? "left" : "done" };
  }

  async giveUp(_leased: LeasedTask, task: ReplayTask, error: HindcastError): Promise<void> {
    const { bus, workerId, leaseTtlMs } = this.#deps;
    const opening = await openTask(bus, task, { worker: workerId, ttlMs: leaseTtlMs });
    if (opening.kind === "done") return;
    if (opening.kind === "held") throw heldElsewhere(task, error);
    const detail = error.message.slice(0, 2_000);
    const end = { outcome: "not-replayable" as const, agreedTo: task.from, detail, durationMs: 0 };
    if ((await this.#commit(opening.lease, task, end)) === "fenced") throw heldElsewhere(task, error);
  }

  async #replay(task: ReplayTask, environment: Environment, signal: AbortSignal): Promise<Replayed> {
    const start = await this.#start(task, environment, signal);
    if (start === null || start.stateHash !== task.startStateHash) {
      return { outcome: "not-replayable", agreedTo: task.from, detail: "the start state could not be rebuilt" };
    }
    let agreedTo = task.from;
    for (const { action, stateHash, exitCode } of task.steps) {
      const { observation, stateHash: reached } = await environment.step(action, signal);
      const reachedCode = observation.kind === "shell" ? observation.exitCode : null;
      if (reached !== stateHash || reachedCode !== exitCode) {
        const detail =
          reached === stateHash ? `exit code ${reachedCode} instead of ${exitCode}` : "another state was reached";
        return { outcome: "completed", agreedTo, detail: `step ${agreedTo + 1}: ${detail}` };
      }
      agreedTo += 1;
    }
    return { outcome: "completed", agreedTo, detail: "" };
  }

  async #start(task: ReplayTask, environment: Environment, signal: AbortSignal): Promise<EnvironmentState | null> {
    try {
      if (task.snapshot !== null) {
        return await environment.restore(await getImage(this.#deps.bus.blobs, task.snapshot), signal);
      }
      return task.from === 0 ? await environment.reset(signal) : null;
    } catch (error) {
      if (error instanceof Failure && !error.retryable) return null;
      throw error;
    }
  }

  async #commit(
    lease: Lease,
    task: ReplayTask,
    replayed: Replayed & { durationMs: number },
  ): Promise<"stored" | "already" | "fenced"> {
    const { bus, workerId, logger } = this.#deps;
    const written = await commit(bus, lease, {
      v: 1,
      kind: "replay.ended",
      campaignId: task.campaignId,
      taskId: task.taskId,
      episodeId: task.episodeId,
      workerId,
      endedAt: new Date().toISOString(),
      from: task.from,
      ...replayed,
    });
    const { taskId, episodeId } = task;
    if (written === "stored") this.#deps.metrics?.replayEnded(outcomeOf(task, replayed), replayed.durationMs / 1_000);
    logger.info({ event: "replay.ended", taskId, episodeId, ...replayed, written }, "replay ended");
    return written;
  }
}

function outcomeOf(
  { from, steps }: ReplayTask,
  { outcome, agreedTo }: Replayed,
): "agreed" | "diverged" | "not-replayable" {
  if (outcome === "not-replayable") return outcome;
  return agreedTo >= from + steps.length ? "agreed" : "diverged";
}

function heldElsewhere(task: ReplayTask, cause: unknown): Failure {
  const message = `${task.taskId} is being worked on by another worker, which will write its end`;
  return new Failure({ code: "BUS_CONFLICT", boundary: "bus", message, retryable: true, cause });
}
