// Child processes of the benchmark: engines that answer one line of JSON per line, and programs that print one at the end.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { benchFolder, crateFolder } from "./places.ts";

const nodeArguments = ["--conditions=source", "--expose-gc", "--max-old-space-size=16384", "--no-warnings"];
/** What is kept of a child's complaints for the error's text. */
const complaintLength = 1_500;

interface Reply {
  error?: string;
}

/** A process that holds one engine. Requests are answered one after the other. */
export class EngineProcess implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  #complaints = "";

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { cwd: crateFolder });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      // Libraries print, too; only lines of the protocol are taken.
      if (line.startsWith("{")) this.#waiting.shift()?.resolve(line);
    });
    this.#child.stderr.on("data", (data: Buffer) => {
      this.#complaints = (this.#complaints + data.toString()).slice(-complaintLength);
    });
    this.#child.on("error", (error) => this.#end(error.message));
    this.#child.on("exit", (code, signal) => this.#end(`ended with ${signal ?? code}`));
    this.#child.stdin.on("error", () => undefined);
  }

  static node(engine: string): EngineProcess {
    const program = join(benchFolder, "engines", "engine-process.ts");
    return new EngineProcess(process.execPath, [...nodeArguments, program, engine]);
  }

  static python(interpreter: string, engine: string): EngineProcess {
    return new EngineProcess(interpreter, ["-B", join(benchFolder, "python", "engine.py"), engine]);
  }

  async ask<T>(request: object): Promise<T> {
    const line = await new Promise<string>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
    const reply = JSON.parse(line) as T & Reply;
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(timer);
  }

  #end(reason: string): void {
    const text = `${reason}: ${lastComplaint(this.#complaints)}`;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(text));
  }
}

/** The line that names the error, without the stack around it. */
function lastComplaint(text: string): string {
  const lines = text.trim().split("\n");
  return (lines.findLast((line) => /Error\b.*: /.test(line)) ?? lines.at(-1) ?? "").trim().slice(0, 300);
}

/** Runs `programs/<name>.ts` and returns the object that it prints last. */
export async function runProgram<T>(name: string, args: readonly string[]): Promise<T> {
  const program = join(benchFolder, "programs", `${name}.ts`);
  return await runToJson<T>(process.execPath, [...nodeArguments, program, ...args]);
}

export async function runToJson<T>(command: string, args: readonly string[], cwd = crateFolder): Promise<T> {
  const { code, output, complaints } = await run(command, args, cwd);
  const last = output
    .trim()
    .split("\n")
    .findLast((line) => line.startsWith("{"));
  if (code !== 0 || last === undefined) throw new Error(`exit code ${code}: ${lastComplaint(complaints || output)}`);
  return JSON.parse(last) as T;
}

export async function run(
  command: string,
  args: readonly string[],
  cwd = crateFolder,
): Promise<{ code: number; output: string; complaints: string }> {
  const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let complaints = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr.on("data", (data: Buffer) => (complaints = (complaints + data.toString()).slice(-complaintLength)));
  const code = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve(status ?? 1));
  });
  return { code, output, complaints };
}
