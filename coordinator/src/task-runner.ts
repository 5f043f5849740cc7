// Runs tasks on the fleet: publishes each once and gives its terminal record. Running the same task again, after a
// crash of this process or a lost acknowledgement, finds the record that already stands. Nothing is kept of a campaign
// but the tasks that are waited for, so its size does not matter here.
import { type CampaignId, limits, type Task, type TaskResult } from "@hindcast/shared";
import { type Bus, pause } from "@hindcast/shared/node";
import { Permits } from "./permits.ts";

type ResultKind = {
  rollout: "episode.ended";
  replay: "replay.ended";
  propose: "stage.ended";
  construct: "stage.ended";
};
type ResultOf<T extends Task> = Extract<TaskResult, { kind: ResultKind[T["kind"]] }>;

export class TaskRunner {
  readonly #bus: Pick<Bus, "tasks" | "results">;
  readonly #signal: AbortSignal;
  readonly #waiting = new Map<string, PromiseWithResolvers<TaskResult>>();
  readonly #rollouts: Permits;
  /** What is on its way to the queue, and episodes that were let there. */
  readonly #publishing = new Set<Promise<void>>();

  /** @param rollouts how many episodes may be queued or worked on at once. */
  constructor(bus: Pick<Bus, "tasks" | "results">, signal: AbortSignal, rollouts = new Permits(() => Infinity)) {
    this.#bus = bus;
    this.#signal = signal;
    this.#rollouts = rollouts;
  }

  /** Follows the campaign's terminal records; runs beside `run` until the signal aborts. */
  async follow(campaign: CampaignId): Promise<void> {
    try {
      for await (const result of this.#bus.results.watch(campaign, this.#signal)) {
        this.#waiting.get(result.taskId)?.resolve(result);
      }
      this.#signal.throwIfAborted();
    } catch (error) {
      for (const waiting of this.#waiting.values()) waiting.reject(error);
      this.#waiting.clear();
      throw error;
    }
  }

  /**
   * @param beforePublishing may refuse, by throwing, that work is begun; what is done already costs nothing and is given.
   */
  async run<T extends Task>(task: T, beforePublishing: () => void = () => undefined): Promise<ResultOf<T>> {
    this.#signal.throwIfAborted();
    const waiting = this.#waiting.get(task.taskId) ?? Promise.withResolvers<TaskResult>();
    this.#waiting.set(task.taskId, waiting);
    const publishing = this.#publish(task, waiting, beforePublishing);
    this.#publishing.add(publishing);
    try {
      const [result] = await Promise.all([waiting.promise, publishing]);
      return result as ResultOf<T>;
    } finally {
      this.#waiting.delete(task.taskId);
      void publishing.catch(() => undefined).finally(() => this.#publishing.delete(publishing));
    }
  }

  /** Once the signal has aborted: resolves when nothing more gets onto the queue. Nothing is waited for any longer. */
  async atRest(): Promise<void> {
    // What began between the end of `follow` and the signal has nobody else who would tell it.
    for (const waiting of this.#waiting.values()) waiting.reject(this.#signal.reason);
    await Promise.allSettled(this.#publishing);
  }

  /**
   * Looks for the record first: a task that is done must not be queued again. One that is written after the look is
   * seen by `follow`, which reads from the first record on.
   */
  async #publish(task: Task, waiting: PromiseWithResolvers<TaskResult>, beforePublishing: () => void): Promise<void> {
    const stored = await this.#bus.results.get(task.campaignId, task.taskId);
    if (stored !== null) return waiting.resolve(stored);
    this.#signal.throwIfAborted();
    beforePublishing();
    if (task.kind !== "rollout") return await this.#offer(task, waiting);
    using _permit = await this.#rollouts.take(this.#signal);
    await this.#offer(task, waiting);
    await waiting.promise;
  }

  /** Puts it on the queue, where it may be already. */
  async #offer(task: Task, waiting: PromiseWithResolvers<TaskResult>): Promise<void> {
    const settled = new AbortController();
    void waiting.promise.then(
      () => settled.abort(),
      () => settled.abort(),
    );
    // One that is queued already may just be put aside by an agent that was told of a pause: until it is done, or
    // queued by us, it is offered again.
    while ((await this.#bus.tasks.publish(task, this.#signal)) === "duplicate" && !settled.signal.aborted) {
      await pause(limits.offerAgainEveryMs, AbortSignal.any([this.#signal, settled.signal]));
      if (settled.signal.aborted) return;
    }
  }
}
