// One process of the local cluster: started from source in a process group of its own, watched, started again with
// growing pauses when it dies, and stopped for certain. Its output goes straight to its log file, so that it may still
// write after its parent is gone.
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { HindcastError } from "@hindcast/shared";
import type { ProcessPart } from "./cluster-file.ts";
import { localLimits } from "./local-limits.ts";
import { identityOf, isAlive, signalGroup, type ProcessIdentity } from "./process-identity.ts";

export interface ProcessSpec {
  name: string;
  part: ProcessPart;
  /** What the pinned Node runs: a TypeScript file and its arguments. */
  command: string[];
  env: Record<string, string>;
  logPath: string;
}

export interface ProcessWatcher {
  /** The process died and is started again after `delayMs`. */
  onRestart: (name: string, detail: string, delayMs: number) => void;
  /** Another process runs under this name now: what is recorded of it must change. */
  onChange: () => void;
}

export class SupervisedProcess {
  readonly spec: ProcessSpec;
  readonly #watcher: ProcessWatcher;
  readonly #stopping = new AbortController();
  #child: ChildProcess | null = null;
  #identity: ProcessIdentity | null = null;
  #restarts = 0;
  #supervision: Promise<void> = Promise.resolve();

  constructor(spec: ProcessSpec, watcher: ProcessWatcher) {
    this.spec = spec;
    this.#watcher = watcher;
  }

  get identity(): ProcessIdentity | null {
    return this.#identity;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Resolves when the process says that it is ready. @throws when it dies or stays silent before that. */
  async start(signal: AbortSignal): Promise<void> {
    const { exited } = await this.#launch(signal);
    this.#supervision = this.#supervise(exited);
  }

  /** Asks it to drain, waits, then kills the whole group. @returns whether the process is gone. */
  async stop(deadlineMs: number, forced?: AbortSignal): Promise<boolean> {
    this.#stopping.abort();
    const isGone = this.#identity === null || (await endProcess(this.#identity, deadlineMs, forced));
    this.#child?.stdin?.destroy();
    if (isGone) await this.#supervision;
    return isGone;
  }

  async #supervise(firstExit: Promise<string>): Promise<void> {
    let exited = firstExit;
    let failures = 0;
    for (;;) {
      const since = Date.now();
      const detail = await exited;
      if (this.#stopping.signal.aborted) return;
      failures = Date.now() - since > localLimits.stableMs ? 1 : failures + 1;
      const delayMs = Math.min(localLimits.restartDelayMs * 2 ** (failures - 1), localLimits.restartDelayMsMax);
      this.#watcher.onRestart(this.spec.name, detail, delayMs);
      try {
        await pause(delayMs, undefined, { signal: this.#stopping.signal });
        this.#restarts += 1;
        ({ exited } = await this.#launch(this.#stopping.signal));
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        exited = Promise.resolve(error instanceof Error ? error.message : String(error));
      }
    }
  }

  /** @returns once it is ready; `exited` tells of its end: `exit code 1` or `SIGKILL`. */
  async #launch(signal: AbortSignal): Promise<{ exited: Promise<string> }> {
    const log = openSync(this.spec.logPath, "a", 0o600);
    const from = statSync(this.spec.logPath).size;
    const child = spawn(process.execPath, this.spec.command, {
      // A group of its own: Ctrl-C in the terminal reaches the parent alone, which then ends things in order.
      detached: true,
      stdio: ["pipe", log, log],
      env: { ...this.spec.env, HINDCAST_EXIT_WITH_PARENT: "1" },
    });
    closeSync(log);
    this.#child = child;
    const exited = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, by) => resolve(by ?? `exit code ${code}`));
    });
    // Writing to a process that died is no error of ours: its exit is what counts.
    child.stdin?.on("error", () => {});
    this.#identity = child.pid === undefined ? null : identityOf(child.pid);
    this.#watcher.onChange();
    const dead = new AbortController();
    void exited.then(() => dead.abort());
    const end = await Promise.race([this.#untilReady(from, AbortSignal.any([signal, dead.signal])), exited]);
    if (end === null) return { exited };
    if (this.#identity !== null) await endProcess(this.#identity, 0);
    signal.throwIfAborted();
    throw new HindcastError({
      code: "INTERNAL",
      boundary: "campaign",
      message: `${this.spec.name} did not start (${end}); the end of ${this.spec.logPath}:\n${tailOf(this.spec.logPath, from)}`,
    });
  }

  /** Null once the log holds the line; else why there was none. */
  async #untilReady(from: number, signal: AbortSignal): Promise<string | null> {
    const deadline = Date.now() + localLimits.startMsMax;
    while (Date.now() < deadline) {
      if (signal.aborted) return "interrupted";
      if (logSince(this.spec.logPath, from).includes('"event":"process.ready"')) return null;
      await pause(localLimits.pollMs);
    }
    return `not ready within ${localLimits.startMsMax} ms`;
  }
}

/**
 * SIGTERM, then SIGKILL to the group after the deadline or at once when `forced` aborts.
 * @returns false when the process is still there long after it was killed, which only the kernel can explain.
 */
export async function endProcess(
  identity: ProcessIdentity,
  deadlineMs: number,
  forced?: AbortSignal,
): Promise<boolean> {
  const deadline = Date.now() + deadlineMs;
  signalGroup(identity, deadlineMs > 0 ? "SIGTERM" : "SIGKILL");
  while (isAlive(identity)) {
    const now = Date.now();
    if (now > deadline + localLimits.killMsMax) return false;
    if (now >= deadline || forced?.aborted === true) signalGroup(identity, "SIGKILL");
    await pause(localLimits.pollMs);
  }
  return true;
}

/** What was written since, and not all of it: logs grow for as long as the data directory is used. */
function logSince(path: string, from: number): string {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(file).size - from));
    return bytes.toString("utf8", 0, readSync(file, bytes, 0, bytes.length, from));
  } finally {
    closeSync(file);
  }
}

function tailOf(path: string, from: number): string {
  return logSince(path, from).trimEnd().split("\n").slice(-localLimits.logLinesShown).join("\n");
}
