import { spawn } from "node:child_process";

export interface ProgramOptions {
  /** The whole environment of the program; nothing else is inherited, so no key or token reaches it. */
  environment: Record<string, string>;
  timeoutMs: number;
  /** Kept of each stream; the program is killed when it prints more. */
  outputBytesMax: number;
}

export interface ProgramResult {
  exitCode: number | null;
  output: Uint8Array;
  errorOutput: Uint8Array;
}

/**
 * Runs a program without a shell and without input, in a process group of its own that is killed at the end, so
 * nothing that it started outlives it.
 *
 * @throws Error naming the program when it is missing, does not end in time or prints too much.
 */
export function runProgram(
  argv: readonly string[],
  options: ProgramOptions,
  signal: AbortSignal,
): Promise<ProgramResult> {
  const [program = "", ...args] = argv;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(program, args, { env: options.environment, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let problem: Error | null = null;
    const stop = (error: Error): void => {
      problem ??= error;
      killGroup(child.pid);
      // A descendant that left the group may still hold the pipes open.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timer = setTimeout(
      () => stop(new Error(`"${argv.join(" ")}" did not end within ${options.timeoutMs} ms`)),
      options.timeoutMs,
    );
    const onAbort = (): void => stop(signal.reason instanceof Error ? signal.reason : new Error("was cancelled"));
    signal.addEventListener("abort", onAbort, { once: true });
    const chunks = { output: [] as Buffer[], errorOutput: [] as Buffer[] };
    const keep = (into: Buffer[]): ((chunk: Buffer) => void) => {
      let bytes = 0;
      return (chunk) => {
        bytes += chunk.length;
        if (bytes <= options.outputBytesMax) into.push(chunk);
        else stop(new Error(`"${argv.join(" ")}" printed more than ${options.outputBytesMax} bytes`));
      };
    };
    child.stdout.on("data", keep(chunks.output));
    child.stderr.on("data", keep(chunks.errorOutput));
    child.once("error", (error: NodeJS.ErrnoException) => {
      problem ??=
        error.code === "ENOENT" ? new Error(`needs "${program}", which was not found on PATH; install it`) : error;
    });
    child.once("close", (exitCode) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      killGroup(child.pid);
      if (problem !== null) reject(problem);
      else {
        resolve({ exitCode, output: Buffer.concat(chunks.output), errorOutput: Buffer.concat(chunks.errorOutput) });
      }
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // ESRCH: the whole group has ended by itself, the usual case. EPERM: what is left belongs to another user.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

/** What programs are given of the surroundings: where to find things and which language to speak, never secrets. */
export function programEnvironment(surroundings: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const passed = ["PATH", "HOME", "MANPATH", "TMPDIR"].flatMap((name): [string, string][] => {
    const value = surroundings[name];
    return value === undefined ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(passed), LC_ALL: "C.UTF-8", TERM: "dumb", NO_COLOR: "1", PAGER: "cat" };
}
