// The life of a process: starting → running → draining → stopped | failed. Draining closes what was opened in reverse
// order under one deadline; a second signal or the deadline aborts what is left. Nothing here exits the process but
// `runProcess`.
import { HindcastError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Logger } from "./logger.ts";

export type LifecycleState = "starting" | "running" | "draining" | "stopped" | "failed";

interface Closer {
  name: string;
  close: (aborted: AbortSignal) => unknown;
}

export interface ShutdownOptions {
  logger: Logger;
  /** @default limits.drainMs */
  drainMs?: number;
}

export class Shutdown {
  readonly #logger: Logger;
  /** Writes at every log level: launchers wait for these lines, and operators want them even at `error`. */
  readonly #states: Logger;
  readonly #drainMs: number;
  readonly #closers: Closer[] = [];
  readonly #draining = new AbortController();
  readonly #aborted = new AbortController();
  readonly #finished = Promise.withResolvers<number>();
  #state: LifecycleState = "starting";
  #exitCode = 0;

  constructor(options: ShutdownOptions) {
    this.#logger = options.logger;
    this.#states = options.logger.child({}, { level: "info" });
    this.#drainMs = options.drainMs ?? limits.drainMs;
  }

  get state(): LifecycleState {
    return this.#state;
  }

  /** Aborts when draining begins: take no new work. */
  get draining(): AbortSignal {
    return this.#draining.signal;
  }

  /** Aborts on the deadline or the second signal: abandon the work at hand. */
  get aborted(): AbortSignal {
    return this.#aborted.signal;
  }

  /** Resolves with the exit code once everything is closed. */
  get finished(): Promise<number> {
    return this.#finished.promise;
  }

  /** Closers run in reverse order of registration; each is guarded, so one failure does not keep the next from closing. */
  defer(name: string, close: (aborted: AbortSignal) => unknown): void {
    this.#closers.push({ name, close });
  }

  running(): void {
    if (this.#state === "starting") this.#enter("running");
  }

  /** Begins to drain, once; a second call while draining aborts. */
  request(reason: string): void {
    if (this.#state === "starting" || this.#state === "running") void this.#drain(reason);
    else if (this.#state === "draining") this.abort(`${reason} again`);
  }

  /** Drains with a non-zero exit code because of `error`. */
  fail(error: unknown): void {
    this.#exitCode = 1;
    const code = error instanceof HindcastError ? error.code : undefined;
    this.#logger.fatal({ event: "process.failed", code, err: error }, messageOf(error));
    if (this.#state === "starting" || this.#state === "running") void this.#drain("failure");
  }

  /** What starting stumbled over. Told to stop meanwhile, it finds closed what it needs, and that is no failure. */
  startFailed(error: unknown): void {
    if (!this.draining.aborted) return this.fail(error);
    this.#logger.info({ event: "start.interrupted", err: error }, messageOf(error));
  }

  abort(reason: string): void {
    if (this.#aborted.signal.aborted) return;
    this.#exitCode = 1;
    this.#logger.warn({ event: "process.aborted", reason });
    this.#aborted.abort(new Error(`aborted: ${reason}`));
  }

  async #drain(reason: string): Promise<void> {
    this.#enter("draining", reason);
    this.#draining.abort(new Error(`draining: ${reason}`));
    const deadline = setTimeout(() => this.abort(`drain deadline of ${this.#drainMs} ms`), this.#drainMs);
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop())
      await this.#close(closer);
    clearTimeout(deadline);
    this.#enter(this.#exitCode === 0 ? "stopped" : "failed");
    this.#finished.resolve(this.#exitCode);
  }

  /** An aborted closer still gets `limits.abortMs`: sandboxes must be removed even then. */
  async #close(closer: Closer): Promise<void> {
    const grace = Promise.withResolvers<"late">();
    let timer: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      timer = setTimeout(() => grace.resolve("late"), limits.abortMs);
    };
    if (this.aborted.aborted) onAbort();
    else this.aborted.addEventListener("abort", onAbort, { once: true });
    try {
      const closing = Promise.resolve(closer.close(this.aborted)).then(() => "closed" as const);
      if ((await Promise.race([closing, grace.promise])) === "late") throw new Error("did not close in time");
    } catch (error) {
      this.#exitCode = 1;
      this.#logger.error({ event: "closer.failed", closer: closer.name, err: error }, messageOf(error));
    } finally {
      clearTimeout(timer);
      this.aborted.removeEventListener("abort", onAbort);
    }
  }

  #enter(state: LifecycleState, reason?: string): void {
    this.#state = state;
    // The launcher waits for this very line of a child.
    const event = state === "running" ? "process.ready" : `process.${state}`;
    this.#states.info({
      event,
      reason,
      exitCode: state === "stopped" || state === "failed" ? this.#exitCode : undefined,
    });
  }
}

export interface ProcessOptions {
  logger: Logger;
  drainMs?: number;
  /** Drain when standard input closes: the parent that held the other end is gone. */
  exitWithParent: boolean;
}

/**
 * A whole process: starts, serves until a signal, drains, exits. `start` opens things and defers their closing; when
 * it returns, the process is ready.
 */
export async function runProcess(
  options: ProcessOptions,
  start: (shutdown: Shutdown) => Promise<void>,
): Promise<never> {
  const shutdown = new Shutdown(options);
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => shutdown.request(signal));
  process.on("uncaughtException", (error) => shutdown.fail(error));
  process.on("unhandledRejection", (error) => shutdown.fail(error));
  if (options.exitWithParent) {
    process.stdin.once("close", () => shutdown.request("parent is gone"));
    process.stdin.resume();
  }
  try {
    await start(shutdown);
    shutdown.running();
  } catch (error) {
    shutdown.startFailed(error);
  }
  process.exit(await shutdown.finished);
}
