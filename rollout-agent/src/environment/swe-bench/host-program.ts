// Programs of the host that prepare worlds (git, pip, cp). What an agent or a patch wrote never runs here.
import { spawn } from "node:child_process";
import { messageOf } from "@hindcast/shared";
import { environmentVariables } from "@hindcast/shared/node";

/** Of what a program printed, for the sentence that says why it failed. */
const complaintBytesMax = 64 * 1024;

/** Build scripts of strangers run below these programs: no key of ours is theirs. */
const withoutSecrets = Object.values(environmentVariables).flatMap(({ name, source }) =>
  source === "secret" ? ["-u", name, "-u", `${name}_FILE`] : [],
);

export interface ProgramOptions {
  timeoutMs: number;
  cwd?: string;
  /** Beside the environment that this process was given. */
  environment?: Readonly<Record<string, string>>;
  /** Kept of what it prints: the end. @default enough to say why it failed */
  outputBytesMax?: number;
}

export interface ProgramResult {
  exitCode: number | null;
  /** stdout and stderr in order of arrival; the end of it where it is long. */
  output: string;
}

/**
 * Runs without a shell and without input, in a process group that is killed at the end.
 * @throws Error naming the program when it is missing or does not end in time
 */
export function runProgram(
  argv: readonly string[],
  { timeoutMs, cwd, environment, outputBytesMax = complaintBytesMax }: ProgramOptions,
  signal: AbortSignal,
): Promise<ProgramResult> {
  const [program = "", ...args] = argv;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const set = Object.entries(environment ?? {}).map(([name, value]) => `${name}=${value}`);
    const child = spawn(
      // Ends with us, however we end: who works for a dead process writes into what its successor makes.
      "setpriv",
      ["--pdeathsig", "KILL", "env", ...withoutSecrets, ...set, program, ...args],
      {
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
        ...(cwd === undefined ? {} : { cwd }),
      },
    );
    let problem: Error | null = null;
    const stop = (error: Error): void => {
      problem ??= error;
      killGroup(child.pid);
    };
    const timer = setTimeout(
      () => stop(new Error(`"${argv.join(" ")}" did not end within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const onAbort = (): void => stop(signal.reason instanceof Error ? signal.reason : new Error("was cancelled"));
    signal.addEventListener("abort", onAbort, { once: true });
    const output: Buffer[] = [];
    let bytes = 0;
    const keep = (chunk: Buffer): void => {
      output.push(chunk);
      bytes += chunk.byteLength;
      while (bytes - (output[0]?.byteLength ?? 0) >= outputBytesMax) bytes -= output.shift()?.byteLength ?? 0;
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", (error) => (problem ??= error));
    child.once("close", (exitCode) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      killGroup(child.pid);
      if (problem !== null) reject(problem);
      else if (exitCode === 127) reject(new Error(`needs "${program}", which was not found on PATH; install it`));
      else resolve({ exitCode, output: Buffer.concat(output).toString("utf8") });
    });
  });
}

/** As `runProgram`; any exit code but 0 is an error that quotes the end of the output. */
export async function mustRun(argv: readonly string[], options: ProgramOptions, signal: AbortSignal): Promise<string> {
  const { exitCode, output } = await runProgram(argv, options, signal);
  if (exitCode === 0) return output;
  throw new Error(`"${argv.join(" ").slice(0, 300)}" ended with exit code ${exitCode}: ${lastLines(output)}`);
}

export function lastLines(output: string, charactersMax = 600): string {
  return output.trim().slice(-charactersMax);
}

/** What a compiler or Python raised, of which pip only says "See above for output". */
const raised = /^\s*(\w+(\.\w+)*(Error|Exception): .+|\S+:\d+:\d+: (fatal )?error: .+)$/;
const causeCharactersMax = 300;

/** The first error that a compiler named, else the last exception; then the end of the output. */
export function causeAndLastLines(output: string): string {
  const causes = output.split("\n").filter((line) => raised.test(line));
  const cause = causes.find((line) => line.includes(" error: ")) ?? causes.at(-1);
  const end = lastLines(output);
  if (cause === undefined || end.includes(cause)) return end;
  return `${cause.trim().slice(0, causeCharactersMax)} … ${end}`;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // ESRCH: the whole group has ended by itself, the usual case. EPERM: what is left belongs to another user.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM")
      throw new Error(`process group ${pid}: ${messageOf(error)}`, { cause: error });
  }
}
