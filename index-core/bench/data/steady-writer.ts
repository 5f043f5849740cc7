/** How often it looks how much is due: often, so that what it does in the event loop delays a search by little. */
const tickMs = 5;

export interface SteadyWriterOptions {
  startedAt: number;
  /** Rows a second, on average since the start; a write that took long is made up for. */
  rate: number;
  /** Rows after which it is done, unless it is kept on. */
  atLeast: number;
  /** Writes at most so many rows; one call at a time. @returns how many it wrote */
  write(count: number): Promise<number>;
}

/** Writes at a steady rate beside whatever else the process does. */
export class SteadyWriter {
  readonly #options: SteadyWriterOptions;
  readonly #timer: NodeJS.Timeout;
  #working: Promise<void> | null = null;
  #mayGoOn = false;
  #error: Error | null = null;
  done = 0;

  constructor(options: SteadyWriterOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  get isDone(): boolean {
    return this.done >= this.#options.atLeast;
  }

  /** Whether to write on when it is done. @throws what a write threw */
  keepOn(mayGoOn: boolean): void {
    this.#mayGoOn = mayGoOn;
    if (this.#error !== null) throw this.#error;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#working;
    if (this.#error !== null) throw this.#error;
  }

  #tick(): void {
    const { startedAt, rate } = this.#options;
    const due = Math.round(((performance.now() - startedAt) / 1_000) * rate) - this.done;
    if (this.#working !== null || due <= 0 || (this.isDone && !this.#mayGoOn)) return;
    this.#working = this.#write(due);
  }

  async #write(due: number): Promise<void> {
    try {
      this.done += await this.#options.write(due);
    } catch (error) {
      this.#error = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#working = null;
    }
  }
}
