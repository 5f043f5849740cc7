// One program that works on an image. It has a process group of its own: a terminal's Ctrl-C comes to us alone, and we
// end the whole step, or wait until it has cleaned up. Nothing of it outlives this process.
import { spawn } from "node:child_process";
import { limits } from "@hindcast/shared";

/** Of a program's output; the end tells what failed. */
const complaintChars = 2_000;

const running = new Set<number>();
let isWatched = false;

export interface BuildStep {
  program: string;
  args: readonly string[];
  env: Record<string, string>;
}

/**
 * Resolves when the program has ended well.
 *
 * @throws Error with the end of what it said; the signal's reason, once nothing of the step runs any more: it is asked
 *   to end and has `limits.imageStepEndMs` for it
 */
export async function runBuildStep({ program, args, env }: BuildStep, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  watchExit();
  const step = spawn(program, args, { env, detached: true, stdio: ["ignore", "ignore", "pipe"] });
  const { pid } = step;
  if (pid !== undefined) running.add(pid);
  let said = "";
  step.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-complaintChars)));
  let overdue: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    end(pid, "SIGTERM");
    overdue = setTimeout(() => end(pid, "SIGKILL"), limits.imageStepEndMs);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const how = await new Promise<string | null>((resolve, reject) => {
      step.once("error", reject);
      step.once("close", (code, killedBy) => resolve(code === 0 ? null : (killedBy ?? `exit code ${code}`)));
    });
    signal.throwIfAborted();
    if (how !== null) throw new Error(said.trim() === "" ? `${program} ended with ${how}` : said.trim());
  } finally {
    clearTimeout(overdue);
    signal.removeEventListener("abort", onAbort);
    // What it left behind in its group would go on writing.
    end(pid, "SIGKILL");
    if (pid !== undefined) running.delete(pid);
  }
}

function watchExit(): void {
  if (isWatched) return;
  isWatched = true;
  process.on("exit", () => running.forEach((pid) => end(pid, "SIGKILL")));
}

function end(group: number | undefined, signal: NodeJS.Signals): void {
  if (group === undefined) return;
  try {
    process.kill(-group, signal);
  } catch {
    // Nothing of it is left.
  }
}
