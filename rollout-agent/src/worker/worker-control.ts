// What an operator may change of a running agent: whether it takes tasks, and how many at once. A cordoned agent stays
// up and visible, and forgets its cordon when it is started anew.
import { hostname } from "node:os";
import { subjects, WorkerCommand, type WorkerId, type WorkerRecord, WorkerReply } from "@hindcast/shared";
import type { Bus, Logger, Slots } from "@hindcast/shared/node";

export class WorkerControl implements Slots {
  readonly #logger: Logger;
  #record: WorkerRecord;
  #held = 0;
  #changed = new AbortController();
  #cordon = new AbortController();

  constructor({ workerId, pool, slots, logger }: { workerId: WorkerId; pool: string; slots: number; logger: Logger }) {
    this.#logger = logger;
    this.#record = {
      v: 1,
      workerId,
      pool,
      slots,
      host: hostname(),
      pid: process.pid,
      state: "running",
      startedAt: new Date().toISOString(),
    };
  }

  /** Answers the coordinators' commands until disposed of. */
  async serve(bus: Pick<Bus, "serve">): Promise<AsyncDisposable> {
    return await bus.serve({
      subject: subjects.workerControl(this.#record.workerId),
      queue: "worker",
      request: WorkerCommand,
      reply: WorkerReply,
      handle: (command) => Promise.resolve(this.apply(command)),
    });
  }

  get record(): WorkerRecord {
    return this.#record;
  }

  get now(): number {
    return this.#record.state === "running" ? this.#record.slots : 0;
  }

  get changed(): AbortSignal {
    return this.#changed.signal;
  }

  /** Aborts while the agent is drained by command: finish the running step, then hand back. */
  get cordon(): AbortSignal {
    return this.#cordon.signal;
  }

  held(count: number): void {
    this.#held = count;
    if (count === 0 && this.#record.state === "draining") this.#become({ state: "cordoned" });
  }

  apply(command: WorkerCommand): WorkerReply {
    const before = this.#record;
    switch (command.kind) {
      case "worker.drain":
        if (before.state !== "running") break;
        this.#become({ state: this.#held === 0 ? "cordoned" : "draining" });
        this.#cordon.abort(new Error(`${before.workerId} is drained by command`));
        break;
      case "worker.resume":
        if (before.state === "running") break;
        this.#cordon = new AbortController();
        this.#become({ state: "running" });
        break;
      case "worker.retune":
        if (before.slots !== command.slots) this.#become({ slots: command.slots });
    }
    return { v: 1, kind: "worker", before, after: this.#record };
  }

  #become(change: Partial<Pick<WorkerRecord, "state" | "slots">>): void {
    this.#record = { ...this.#record, ...change };
    const { state, slots } = this.#record;
    this.#logger.info({ event: "worker.changed", state, slots });
    const changed = this.#changed;
    this.#changed = new AbortController();
    changed.abort(new Error("the worker's slots have changed"));
  }
}
