// Re-executes recorded actions from a recorded start state in a fresh world and says how far the states agree: the
// one check of a demonstration that needs no model.
import type { HindcastError, ReplayEnded, ReplayTask, WorkerId } from "@hindcast/shared";
import { HindcastError as Failure } from "@hindcast/shared";
import type { Bus, Handled, LeasedTask, Logger } from "@hindcast/shared/node";
import type { Environment, EnvironmentProvider, EnvironmentState } from "../environment/environment.ts";
import { getImage } from "../episode/snapshot-images.ts";

export interface ReplayDeps {
  bus: Bus;
  workerId: WorkerId;
  environments: (kind: ReplayTask["environment"]["kind"]) => EnvironmentProvider;
  logger: Logger;
}

type Replayed = Pick<ReplayEnded, "outcome" | "agreedTo" | "detail">;

export class ReplayHandler {
  readonly #deps: ReplayDeps;

  constructor(deps: ReplayDeps) {
    this.#deps = deps;
  }

  async handle(leased: LeasedTask, task: ReplayTask, signal: AbortSignal): Promise<Handled> {
    const { bus, environments } = this.#deps;
    if ((await bus.results.get(task.campaignId, task.taskId)) !== null) return { kind: "done" };
    const startedAt = performance.now();
    await using environment = environments(task.environment.kind).create({
      id: `${task.taskId}-${leased.deliveryCount}`,
      spec: task.environment,
      limits: task.limits,
    });
    const replayed = await this.#replay(task, environment, signal);
    await this.#write(task, replayed, performance.now() - startedAt);
    return { kind: "done" };
  }

  async giveUp(_leased: LeasedTask, task: ReplayTask, error: HindcastError): Promise<void> {
    await this.#write(
      task,
      { outcome: "not-replayable", agreedTo: task.from, detail: error.message.slice(0, 2_000) },
      0,
    );
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

  async #write(task: ReplayTask, replayed: Replayed, durationMs: number): Promise<void> {
    const { bus, workerId, logger } = this.#deps;
    await bus.results.put({
      v: 1,
      kind: "replay.ended",
      campaignId: task.campaignId,
      taskId: task.taskId,
      episodeId: task.episodeId,
      workerId,
      endedAt: new Date().toISOString(),
      durationMs,
      from: task.from,
      ...replayed,
    });
    logger.info({ event: "replay.ended", taskId: task.taskId, episodeId: task.episodeId, ...replayed }, "replay ended");
  }
}
