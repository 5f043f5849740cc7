// One running guest: one request at a time, connections beside them, and its end. Whatever goes wrong with the guest or
// with what it says ends the sandbox: there is no state to trust behind a broken channel.
import type { Duplex } from "node:stream";
import { HindcastError, messageOf } from "@hindcast/shared";
import type { z } from "zod";
import { encodeFrame, type Frame, FrameDecoder } from "./frame.ts";
import { type GuestFault, GuestReply, type GuestRequest } from "./guest-protocol.ts";
import type { GuestTransport } from "./guest-transport.ts";
import { TypingFeed } from "./guest-terminal.ts";
import { GuestTunnels } from "./guest-tunnels.ts";
import type { TerminalEvent } from "./sandbox.ts";

/** How long a guest may take to end by itself once its input closes. */
const farewellMs = 2_000;

const nothing = new Uint8Array(0);

export interface CallOptions<S extends z.ZodType> {
  request: GuestRequest;
  payload?: Uint8Array;
  reply: S;
  /** The guest answers within this time or is given up. */
  timeoutMs: number;
  signal?: AbortSignal;
  /** What may come beside the answer. @default nothing */
  payloadBytesMax?: number;
  /** Pieces of output that come before the answer, `outputBytesMax` of them together. */
  onOutput?: ((chunk: Uint8Array) => void) | undefined;
  outputBytesMax?: number;
  /** Typed at the command's terminal meanwhile. */
  typing?: AsyncIterable<TerminalEvent> | undefined;
}

export interface Answer<T> {
  value: T;
  payload: Uint8Array;
}

interface Pending {
  id: number;
  resolve: (frame: { reply: z.infer<typeof GuestReply>; payload: Uint8Array }) => void;
  reject: (error: Error) => void;
  onOutput: ((chunk: Uint8Array) => void) | undefined;
  /** Of output that may still come. */
  outputBytesLeft: number;
  feed: TypingFeed | null;
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
  readonly #transport: GuestTransport;
  readonly #decoder = new FrameDecoder();
  readonly #tunnels: GuestTunnels;
  #pending: Pending | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #nextId = 1;
  #lost: HindcastError | null = null;
  #closing: Promise<void> | null = null;

  /** @param onIncoming takes what commands open to the egress port, where `init` names one */
  constructor(transport: GuestTransport, onIncoming: ((stream: Duplex) => void) | null = null) {
    this.#transport = transport;
    this.#tunnels = new GuestTunnels((request, payload) => this.#send(request, 0, payload), onIncoming);
    void transport.ended.then((how) => this.#lose(how));
    transport.input.on("error", (error) => this.#lose(messageOf(error)));
    transport.output.on("error", (error) => this.#lose(messageOf(error)));
    transport.output.on("data", (chunk: Buffer) => this.#receive(chunk));
    // A driver that has read the first words of it has paused it.
    transport.output.resume();
  }

  /** What the isolation and the guest have said on their error streams. */
  get complaint(): string {
    return this.#transport.complaint();
  }

  /** Connections between host and sandbox, which need no turn. */
  get tunnels(): GuestTunnels {
    return this.#tunnels;
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

  /** @throws SANDBOX_PORT_CLOSED, SANDBOX_LOST */
  async connect(port: number): Promise<Duplex> {
    if (this.#lost !== null) throw this.#lost;
    return await this.#tunnels.connect(port);
  }

  async #ask<S extends z.ZodType>(options: CallOptions<S>): Promise<Answer<z.output<S>>> {
    const { request, payload = nothing, reply: schema, timeoutMs, signal, onOutput, typing } = options;
    const { payloadBytesMax = 0, outputBytesMax = 0 } = options;
    signal?.throwIfAborted();
    if (this.#lost !== null) throw this.#lost;
    const id = this.#nextId++;
    const feed = typing === undefined ? null : new TypingFeed(typing, (about, bytes) => this.#send(about, 0, bytes));
    const answered = new Promise<Parameters<Pending["resolve"]>[0]>((resolve, reject) => {
      this.#pending = { id, resolve, reject, onOutput, outputBytesLeft: outputBytesMax, feed };
    });
    const cancel = (): void => this.#send({ op: "cancel" }, 0, nothing);
    const overdue = setTimeout(() => this.#lose(`it did not answer "${request.op}" within ${timeoutMs} ms`), timeoutMs);
    if (request.op === "exec") signal?.addEventListener("abort", cancel, { once: true });
    try {
      this.#send(request, id, payload);
      // Where there is nothing right to type, the command ends; the turn ends with it.
      const typed = feed?.run().then(null, (error: unknown) => {
        // Later it would end the next command.
        if (this.#pending?.id === id) cancel();
        return { error };
      });
      const { reply, payload: content } = await answered;
      signal?.throwIfAborted();
      feed?.end();
      const failure = await Promise.race([typed, Promise.resolve(null)]);
      if (failure !== null && failure !== undefined) throw failure.error;
      if (reply.fault !== null) throw new GuestRefusal(reply.fault);
      const value = schema.safeParse(reply.ok);
      if (!value.success) throw this.#lose(`its answer to "${request.op}" is malformed: ${value.error.message}`);
      if (content.byteLength > payloadBytesMax) {
        throw this.#lose(`its answer to "${request.op}" has ${content.byteLength} bytes, more than ${payloadBytesMax}`);
      }
      return { value: value.data, payload: content };
    } finally {
      clearTimeout(overdue);
      signal?.removeEventListener("abort", cancel);
      feed?.end();
      this.#pending = null;
    }
  }

  #send(request: GuestRequest, id: number, payload: Uint8Array): void {
    if (this.#lost !== null) return;
    this.#transport.input.write(encodeFrame(Buffer.from(JSON.stringify({ id, ...request })), payload));
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
    const { event } = reply;
    if (event !== undefined && event.kind !== "output" && event.kind !== "typed") {
      this.#tunnels.deliver(event, frame.payload);
      return;
    }
    if (this.#pending?.id !== reply.id) throw new Error(`it answered request ${reply.id}, which nobody has asked`);
    if (event === undefined) this.#pending.resolve({ reply, payload: frame.payload });
    else if (event.kind === "typed") this.#pending.feed?.grant(event.bytes);
    else this.#print(this.#pending, frame.payload);
  }

  #print(pending: Pending, chunk: Uint8Array): void {
    pending.outputBytesLeft -= chunk.byteLength;
    if (pending.outputBytesLeft < 0) throw new Error("it prints more than a command may");
    pending.onOutput?.(chunk);
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
    this.#transport.kill();
    this.#pending?.reject(this.#lost);
    this.#tunnels.lose(this.#lost, this.#closing !== null);
    return this.#lost;
  }

  /** Ends every process inside. When it resolves, they and their mounts are gone. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    const overdue = setTimeout(() => this.#transport.kill(), farewellMs);
    // The guest kills what runs inside and exits; its process namespace takes along whatever is left.
    this.#transport.input.end();
    await this.#transport.ended;
    clearTimeout(overdue);
  }
}
