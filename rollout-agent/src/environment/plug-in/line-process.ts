// A process that is spoken to in lines: it is given no more of our environment than it is configured to have, what it
// says on its error stream is logged up to a cap, and it never outlives us, nor do the processes that it started.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { limits, messageOf } from "@hindcast/shared";
import type { WorldLog } from "./world.ts";

/** Where programs are found, and how they write: all that a world's process has without being configured to. */
export const bareEnvironment = { PATH: "/usr/local/bin:/usr/bin:/bin", LANG: "C.UTF-8" };
/** Of the error stream, for the sentence that says why it ended. */
const complaintCharsMax = 500;

/** What is started, where, and with which variables beside `bareEnvironment`. */
export interface StartedProgram {
  command: readonly [string, ...string[]];
  folder: string;
  environment: Readonly<Record<string, string>>;
}

export interface LineProcessOptions extends StartedProgram {
  log: WorldLog;
  onLine: (line: string) => void;
  /** Called once: nothing more will come. `error` where it could not even be started. */
  onEnd: (reason: string, error?: Error) => void;
}

export class LineProcess {
  readonly #options: LineProcessOptions;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #complaint = "";
  #complaintBytes = 0;
  #hasEnded = false;
  #closing: Promise<void> | null = null;

  constructor(options: LineProcessOptions) {
    this.#options = options;
    const [program, ...programArguments] = options.command;
    this.#process = spawn(program, programArguments, {
      cwd: options.folder,
      env: { ...bareEnvironment, ...options.environment },
      stdio: ["pipe", "pipe", "pipe"],
      // A group of its own, so that what it starts can be ended with it.
      detached: true,
    });
    const { stdin, stdout, stderr } = this.#process;
    this.#exited = once(this.#process, "close").catch((error: unknown) => this.#end(messageOf(error)));
    this.#process.on("error", (error) => this.#end(messageOf(error), error));
    this.#process.on("close", (code, signal) => this.#end(`it ended with ${signal ?? `exit code ${code}`}`));
    stdin?.on("error", (error) => this.#end(messageOf(error)));
    stdout?.on("data", (chunk: Buffer) => this.#receive(chunk));
    stderr?.on("data", (chunk: Buffer) => this.#complain(chunk));
  }

  get processId(): number | undefined {
    return this.#process.pid;
  }

  /** Resolves once the process has taken it; whoever sends next waits, so nothing piles up here. */
  async send(line: string): Promise<void> {
    const { stdin } = this.#process;
    if (this.#hasEnded || stdin === null || stdin.write(`${line}\n`)) return;
    await Promise.race([once(stdin, "drain"), this.#exited]);
  }

  /** Closes its input, waits a moment for it to end by itself, then ends it and all that it started. */
  close(): Promise<void> {
    this.#closing ??= this.#farewell();
    return this.#closing;
  }

  /** At once, without a word. */
  kill(reason: string): void {
    this.#end(reason);
    this.#killGroup();
  }

  async #farewell(): Promise<void> {
    this.#hasEnded = true;
    this.#process.stdin?.end();
    const overdue = setTimeout(() => {
      this.#killGroup();
      // Whoever left the group and still holds our streams would keep "close" from ever coming.
      this.#process.stdout?.destroy();
      this.#process.stderr?.destroy();
    }, limits.worldFarewellMs);
    await this.#exited;
    clearTimeout(overdue);
    this.#killGroup();
  }

  #killGroup(): void {
    const { pid } = this.#process;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch (error) {
      // ESRCH: nobody of the group is left. EPERM: what is left is another user's.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ESRCH" && code !== "EPERM") throw error;
    }
  }

  #receive(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0 && !this.#hasEnded; end = rest.indexOf(10)) {
      this.#chunks.push(rest.subarray(0, end));
      const line = Buffer.concat(this.#chunks).toString("utf8");
      this.#chunks = [];
      this.#bufferedBytes = 0;
      rest = rest.subarray(end + 1);
      if (line.trim() !== "") this.#options.onLine(line);
    }
    if (this.#hasEnded) return;
    this.#chunks.push(rest);
    this.#bufferedBytes += rest.byteLength;
    if (this.#bufferedBytes > limits.worldMessageBytesMax) {
      this.kill(`it wrote a line of more than ${limits.worldMessageBytesMax} bytes`);
    }
  }

  #complain(chunk: Buffer): void {
    const { log } = this.#options;
    const before = this.#complaintBytes;
    this.#complaintBytes += chunk.byteLength;
    this.#complaint = (this.#complaint + chunk.toString()).slice(-complaintCharsMax);
    if (before > limits.worldComplaintBytesMax) return;
    log.debug({ event: "world.stderr", text: chunk.toString().slice(0, limits.worldComplaintBytesMax - before) });
    if (this.#complaintBytes > limits.worldComplaintBytesMax) {
      log.warn({ event: "world.stderr.cut", bytes: this.#complaintBytes }, "a world says more than is logged");
    }
  }

  #end(reason: string, error?: Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#chunks = [];
    const said = this.#complaint.trim();
    this.#options.onEnd(said === "" ? reason : `${reason}; it said: ${said}`, error);
  }
}
