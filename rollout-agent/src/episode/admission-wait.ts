import { type Logger, WaitTime } from "@hindcast/shared/node";
import type { Deadline } from "./deadline.ts";

/**
 * Time that an episode's model calls wait to be admitted: a rate limit or a paused lane is the cluster's affair, so it
 * counts neither as wall time nor as the time of a step, and however long it lasts the task stays with its worker.
 */
export class AdmissionWait extends WaitTime {
  readonly #logger: Logger;
  #deadline: Deadline | null = null;

  constructor(logger: Logger) {
    super();
    this.#logger = logger;
  }

  /** The clock that stands still meanwhile. */
  holds(deadline: Deadline): void {
    this.#deadline = deadline;
  }

  override began(): void {
    super.began();
    this.#deadline?.stop();
  }

  told(reason: string): void {
    this.#logger.info({ event: "admission.waiting", reason }, "a model call waits to be admitted");
  }

  override ended(): void {
    super.ended();
    this.#deadline?.goOn();
  }
}
