// One running guest: its process, one request at a time, and its end. Whatever goes wrong with the process or with
// what it says ends the sandbox: there is no state to trust behind a broken channel.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { once } from "node:events";
import { HindcastError, messageOf } from "@hindcast/shared";
import type { z } from "zod";
import { encodeFrame, type Frame, FrameDecoder } from "./frame.ts";
import { type GuestFault, GuestReply, type GuestRequest } from "./guest-protocol.ts";

/** How long a guest may take to end by itself once its input closes. */
const farewellMs = 2_000;
/** Of what bubblewrap or the guest say on their error stream; the last bytes tell why it failed. */
const complaintBytesMax = 4_096;

const nothing = new Uint8Array(0);

export interface GuestProcessOptions {
  bwrapPath: string;
  bwrapArguments: readonly string[];
  /** Handed over as descriptor 3. */
  guestPath: string;
  /** Host user to run as; null keeps the present one. */
  userId: number | null;
}

export interface CallOptions<S extends z.ZodType> {
  request: GuestRequest;
  payload?: Uint8Array;
  reply: S;
  /** The guest answers within this time or is given up. */
  timeoutMs: number;
  signal?: AbortSignal;
}

export interface Answer<T> {
  value: T;
  payload: Uint8Array;
}

interface Pending {
  id: number;
  resolve: (frame: { reply: z.infer<typeof GuestReply>; payload: Uint8Array }) => void;
  reject: (error: Error) => void;
}

/** A request that the guest refused; the sandbox itself is well. */
export class GuestRefusal extends Error {
  readonly fault: GuestFault;

  constructor(fault: GuestFault) {
    super(fault.message);
    this.fault = fault;
  }
}

export class GuestChannel {
  readonly #process: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #decoder = new FrameDecoder();
  #pending: Pending | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #nextId = 1;
  #complaint = "";
  #lost: HindcastError | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: GuestProcessOptions) {
    // Opened anew for each sandbox: bubblewrap reads from the descriptor's position.
    const guest = openSync(options.guestPath, "r");
    try {
      this.#process = spawn(options.bwrapPath, options.bwrapArguments, {
        stdio: ["pipe", "pipe", "pipe", guest],
        cwd: "/",
        env: {},
        ...(options.userId === null ? {} : { uid: options.userId, gid: options.userId }),
      });
    } finally {
      closeSync(guest);
    }
    const { stdin, stdout, stderr } = this.#process;
    this.#closed = once(this.#process, "close").catch((error: unknown) => this.#lose(messageOf(error)));
    this.#process.on("error", (error) => this.#lose(messageOf(error)));
    this.#process.on("close", (code, signal) => this.#lose(`it ended with ${signal ?? `exit code ${code}`}`));
    stdin?.on("error", (error) => this.#lose(messageOf(error)));
    stdout?.on("data", (chunk: Buffer) => this.#receive(chunk));
    stderr?.on("data", (chunk: Buffer) => {
      this.#complaint = (this.#complaint + chunk.toString()).slice(-complaintBytesMax);
    });
  }

  get processId(): number | undefined {
    return this.#process.pid;
  }

  /** What the processes have said on their error stream. */
  get complaint(): string {
    return this.#complaint.trim();
  }

  /**
   * Asks once all earlier requests are answered.
   * @throws SANDBOX_LOST (retryable: a fresh sandbox may well work), GuestRefusal, or the signal's reason.
   */
  call<S extends z.ZodType>(options: CallOptions<S>): Promise<Answer<z.output<S>>> {
    const turn = this.#queue.then(() => this.#ask(options));
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #ask<S extends z.ZodType>(options: CallOptions<S>): Promise<Answer<z.output<S>>> {
    const { request, payload = nothing, reply: schema, timeoutMs, signal } = options;
    signal?.throwIfAborted();
    if (this.#lost !== null) throw this.#lost;
    const id = this.#nextId++;
    const answered = new Promise<Parameters<Pending["resolve"]>[0]>((resolve, reject) => {
      this.#pending = { id, resolve, reject };
    });
    const cancel = (): void => this.#send({ op: "cancel" }, 0, nothing);
    const overdue = setTimeout(() => this.#lose(`it did not answer "${request.op}" within ${timeoutMs} ms`), timeoutMs);
    if (request.op === "exec") signal?.addEventListener("abort", cancel, { once: true });
    try {
      this.#send(request, id, payload);
      const { reply, payload: content } = await answered;
      signal?.throwIfAborted();
      if (reply.fault !== null) throw new GuestRefusal(reply.fault);
      const value = schema.safeParse(reply.ok);
      if (!value.success) throw this.#lose(`its answer to "${request.op}" is malformed: ${value.error.message}`);
      return { value: value.data, payload: content };
    } finally {
      clearTimeout(overdue);
      signal?.removeEventListener("abort", cancel);
      this.#pending = null;
    }
  }

  #send(request: GuestRequest, id: number, payload: Uint8Array): void {
    this.#process.stdin?.write(encodeFrame(Buffer.from(JSON.stringify({ id, ...request })), payload));
  }

  #receive(chunk: Buffer): void {
    if (this.#lost !== null) return;
    try {
      for (const frame of this.#decoder.push(chunk)) this.#deliver(frame);
    } catch (error) {
      this.#lose(messageOf(error));
    }
  }

  #deliver(frame: Frame): void {
    const reply = GuestReply.parse(JSON.parse(Buffer.from(frame.header).toString("utf8")));
    if (this.#pending?.id !== reply.id) throw new Error(`it answered request ${reply.id}, which nobody has asked`);
    this.#pending.resolve({ reply, payload: frame.payload });
  }

  #lose(why: string): HindcastError {
    if (this.#lost !== null) return this.#lost;
    const said = this.complaint === "" ? "" : `; it said: ${this.complaint}`;
    this.#lost = new HindcastError({
      code: "SANDBOX_LOST",
      boundary: "sandbox",
      message: `the sandbox process is gone: ${this.#closing === null ? why : "it was closed"}${said}`,
      retryable: true,
    });
    this.#process.kill("SIGKILL");
    this.#pending?.reject(this.#lost);
    return this.#lost;
  }

  /** Ends every process inside. When it resolves, they and their mounts are gone. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    const overdue = setTimeout(() => this.#process.kill("SIGKILL"), farewellMs);
    // The guest kills what runs inside and exits; its process namespace takes along whatever is left.
    this.#process.stdin?.end();
    await this.#closed;
    clearTimeout(overdue);
  }
}
