import type { HindcastError } from "@hindcast/shared";
import type { LeasedTask } from "@hindcast/shared/node";
import type { Handled, TaskHandler } from "./lease-loop.ts";
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

  handle(leased: LeasedTask, signal: AbortSignal): Promise<Handled> {
    const { task } = leased;
    return task.kind === "rollout"
      ? this.#rollouts.handle(leased, task, signal)
      : this.#replays.handle(leased, task, signal);
  }

  giveUp(leased: LeasedTask, error: HindcastError): Promise<void> {
    const { task } = leased;
    return task.kind === "rollout"
      ? this.#rollouts.giveUp(leased, task, error)
      : this.#replays.giveUp(leased, task, error);
  }
}
