import { HindcastError, type Task } from "@hindcast/shared";
import type { Handled, LeasedTask, TaskHandler } from "@hindcast/shared/node";
import type { ReplayHandler } from "./replay-handler.ts";
import type { RolloutHandler } from "./rollout-handler.ts";

/** Hands each kind of task to its handler. */
export class TaskDispatcher implements TaskHandler {
  readonly #rollouts: RolloutHandler;
  readonly #replays: ReplayHandler;

  constructor(rollouts: RolloutHandler, replays: ReplayHandler) {
    this.#rollouts = rollouts;
    this.#replays = replays;
  }

  async handle(leased: LeasedTask, signal: AbortSignal): Promise<Handled> {
    const { task } = leased;
    if (task.kind === "rollout") return await this.#rollouts.handle(leased, task, signal);
    if (task.kind === "replay") return await this.#replays.handle(leased, task, signal);
    throw misplaced(task);
  }

  async giveUp(leased: LeasedTask, error: HindcastError): Promise<void> {
    const { task } = leased;
    if (task.kind === "rollout") await this.#rollouts.giveUp(leased, task, error);
    else if (task.kind === "replay") await this.#replays.giveUp(leased, task, error);
  }
}

function misplaced({ kind, taskId, pool }: Task): HindcastError {
  const message = `${taskId} in pool ${pool} is a ${kind} task, which coordinators work on; it belongs in their pool`;
  return new HindcastError({ code: "PROTOCOL_INVALID", boundary: "protocol", message });
}
