// Runs tasks on the fleet: publishes each once and gives its terminal record. Running the same task again, after a
// crash of this process or a lost acknowledgement, finds the record that already stands.
import type { CampaignId, Task, TaskResult } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";

type ResultOf<T extends Task> = Extract<
  TaskResult,
  { kind: T["kind"] extends "rollout" ? "episode.ended" : "replay.ended" }
>;

export class TaskRunner {
  readonly #bus: Pick<Bus, "tasks" | "results">;
  readonly #signal: AbortSignal;
  readonly #results = new Map<string, TaskResult>();
  readonly #waiting = new Map<string, PromiseWithResolvers<TaskResult>>();

  constructor(bus: Pick<Bus, "tasks" | "results">, signal: AbortSignal) {
    this.#bus = bus;
    this.#signal = signal;
  }

  /** Follows the campaign's terminal records; runs beside `run` until the signal aborts. */
  async follow(campaign: CampaignId): Promise<void> {
    try {
      for await (const result of this.#bus.results.watch(campaign, this.#signal)) {
        const waiting = this.#waiting.get(result.taskId);
        if (waiting === undefined) this.#results.set(result.taskId, result);
        else waiting.resolve(result);
        this.#waiting.delete(result.taskId);
      }
      this.#signal.throwIfAborted();
    } catch (error) {
      for (const waiting of this.#waiting.values()) waiting.reject(error);
      this.#waiting.clear();
      throw error;
    }
  }

  async run<T extends Task>(task: T): Promise<ResultOf<T>> {
    this.#signal.throwIfAborted();
    const known = this.#results.get(task.taskId);
    if (known !== undefined) {
      this.#results.delete(task.taskId);
      return known as ResultOf<T>;
    }
    const waiting = this.#waiting.get(task.taskId) ?? Promise.withResolvers<TaskResult>();
    this.#waiting.set(task.taskId, waiting);
    try {
      const [result] = await Promise.all([waiting.promise, this.#publish(task, waiting)]);
      return result as ResultOf<T>;
    } finally {
      this.#waiting.delete(task.taskId);
    }
  }

  /** Looks for the record first: a task that is done must not be queued again. */
  async #publish(task: Task, waiting: PromiseWithResolvers<TaskResult>): Promise<void> {
    const stored = await this.#bus.results.get(task.campaignId, task.taskId);
    if (stored === null) await this.#bus.tasks.publish(task, this.#signal);
    else waiting.resolve(stored);
  }
}
