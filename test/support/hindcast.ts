// `hindcast` as a user starts it: a real process with an environment of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { onTestFinished } from "vitest";

export const hindcastMain: string = new URL("../../coordinator/src/cli/main.ts", import.meta.url).pathname;
const eventTimeoutMs = 90_000;

export interface HindcastEvent {
  event: string;
  [field: string]: unknown;
}

export interface HindcastResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface HindcastOptions {
  cwd: string;
  env?: Record<string, string>;
}

export class HindcastProcess {
  readonly child: ChildProcess;
  readonly done: Promise<HindcastResult>;
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], { cwd, env = {} }: HindcastOptions) {
    this.child = spawn(process.execPath, ["--conditions=source", hindcastMain, ...args], {
      cwd,
      env: { ...surroundings(), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    // A test that fails leaves no cluster running: the reaper takes the rest along.
    onTestFinished(() => void this.child.kill("SIGKILL"));
    this.child.stdout?.on("data", (bytes: Buffer) => void (this.stdout += bytes.toString()));
    this.child.stderr?.on("data", (bytes: Buffer) => void (this.stderr += bytes.toString()));
    this.done = new Promise((resolve) => {
      this.child.once("close", (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  /** Objects that `--json` printed so far. */
  events(): HindcastEvent[] {
    const whole = this.stdout.slice(0, this.stdout.lastIndexOf("\n") + 1);
    return whole
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as HindcastEvent);
  }

  /** The first event of this name. @throws with all output when the process ends before it. */
  async untilEvent(name: string): Promise<HindcastEvent> {
    const deadline = Date.now() + eventTimeoutMs;
    for (;;) {
      const found = this.events().find(({ event }) => event === name);
      if (found !== undefined) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null || Date.now() > deadline) {
        throw new Error(`no event ${name}:\n${this.stdout}\n${this.stderr}`);
      }
      await delay(25);
    }
  }
}

export function startHindcast(args: readonly string[], options: HindcastOptions): HindcastProcess {
  return new HindcastProcess(args, options);
}

export async function hindcast(args: readonly string[], options: HindcastOptions): Promise<HindcastResult> {
  return await startHindcast(args, options).done;
}

/** Paths and tools, but none of the keys and settings of whoever runs the tests. */
function surroundings(): Record<string, string> {
  const names = ["PATH", "HOME", "LANG", "TMPDIR", "NODE_COMPILE_CACHE", "HINDCAST_NATS_SERVER", "HINDCAST_CACHE"];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** A folder to work in; removed with everything in it. */
export function aFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "hindcast-cli-"));
  return {
    path,
    [Symbol.dispose]: () => (process.env.KEEP ? undefined : rmSync(path, { recursive: true, force: true })),
  };
}

/** Living processes that were started for this folder: its path is in their command line or environment. */
export function processesOf(folder: string): { pid: number; command: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const read = (file: string): string => {
        try {
          return readFileSync(`/proc/${name}/${file}`, "utf8");
        } catch {
          return "";
        }
      };
      const command = read("cmdline").replaceAll("\0", " ").trim();
      return `${command}\0${read("environ")}`.includes(folder) ? [{ pid: Number(name), command }] : [];
    });
}

/** Resolves when nothing of the folder is left running. @throws with what is still there. */
export async function untilNothingRuns(folder: string, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const left = processesOf(folder);
    if (left.length === 0) return;
    if (Date.now() > deadline) throw new Error(`still running: ${JSON.stringify(left)}`);
    await delay(50);
  }
}
