// Ctrl-C. The first one asks the command to end in order, the second one tells it to let go at once. npm and a terminal
// may both deliver the same keystroke, so a second signal right behind the first is the same one.
const sameKeystrokeMs = 400;

/** Why waits end after Ctrl-C; what it ends exits as interrupted and not as failed. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";

  /** Timers of Node wrap the reason of an abort. */
  static isBehind(error: unknown): boolean {
    return error instanceof Interrupted || (error instanceof Error && error.cause instanceof Interrupted);
  }
}

export class Interruption {
  readonly #asked = new AbortController();
  readonly #forced = new AbortController();
  #firstAt = 0;

  /** Aborts at the first signal. */
  get asked(): AbortSignal {
    return this.#asked.signal;
  }

  /** Aborts at the second signal. */
  get forced(): AbortSignal {
    return this.#forced.signal;
  }

  listen(): void {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => this.#receive());
  }

  #receive(): void {
    const now = Date.now();
    if (!this.#asked.signal.aborted) {
      this.#firstAt = now;
      this.#asked.abort(new Interrupted("interrupted"));
    } else if (now - this.#firstAt > sameKeystrokeMs) {
      this.#forced.abort(new Interrupted("interrupted twice"));
    }
  }
}
