import type { Duplex } from "node:stream";
import { HindcastError, limits, messageOf } from "@hindcast/shared";
import { payloadBytesMax } from "./frame.ts";
import { type GuestChannel, GuestRefusal } from "./guest-channel.ts";
import { DoneReply, ExecReply, type GuestFault, parseEntries, SnapshotReply, StateReply } from "./guest-protocol.ts";
import { sizeOf } from "./guest-terminal.ts";
import type { Command, ExecResult, Sandbox, SandboxState } from "./sandbox.ts";

/** Beyond a command's own time: the guest needs a moment to end a process tree. */
const execGraceMs = 15_000;
/** Hashing, archiving or unpacking everything that fits into a sandbox. */
const filesTimeoutMs = 120_000;

/** What the guest may have read beyond the limit at which it ends a command. */
const outputSlackBytes = 1024 * 1024;

const nothing = new Uint8Array(0);

const codes = {
  full: "SANDBOX_FULL",
  "too-large": "SANDBOX_TOO_LARGE",
  invalid: "INTERNAL",
  unavailable: "SANDBOX_UNAVAILABLE",
  failed: "SANDBOX_LOST",
} as const satisfies Record<GuestFault["code"], HindcastError["code"]>;

export interface GuestSandboxOptions {
  id: string;
  channel: GuestChannel;
  /** Opens a sandbox like this one. */
  openAnother: (id: string, signal: AbortSignal) => Promise<Sandbox>;
  onClosed: () => void;
}

/** A sandbox whose inside is served by the guest behind a channel, whatever isolates it. */
export class GuestSandbox implements Sandbox {
  readonly id: string;
  readonly #channel: GuestChannel;
  readonly #options: GuestSandboxOptions;
  #closing: Promise<void> | null = null;

  constructor(options: GuestSandboxOptions) {
    this.id = options.id;
    this.#channel = options.channel;
    this.#options = options;
  }

  async exec(command: Command, signal: AbortSignal): Promise<ExecResult> {
    const { script, timeoutMs, outputBytesMax, outputBytesKill, stdin = nothing, onOutput, tty } = command;
    if (stdin.byteLength > limits.sandboxInputBytesMax) {
      throw tooLarge(`a command's input has ${stdin.byteLength} bytes, more than ${limits.sandboxInputBytesMax}`);
    }
    const inputBytes = stdin.byteLength;
    const streams = onOutput !== undefined;
    const terminal = tty === undefined ? null : sizeOf(tty);
    const { value, payload } = await this.#guarded("exec", () =>
      this.#channel.call({
        request: { op: "exec", timeoutMs, outputBytesMax, outputBytesKill, inputBytes, streams, terminal },
        payload: Buffer.concat([Buffer.from(script.replaceAll("\0", "")), stdin]),
        reply: ExecReply,
        timeoutMs: timeoutMs + execGraceMs,
        signal,
        payloadBytesMax: outputBytesMax,
        onOutput,
        outputBytesMax: streams ? outputBytesKill + outputSlackBytes : 0,
        typing: tty?.events,
      }),
    );
    const { headBytes, ...result } = value;
    const isWhole = payload.byteLength >= result.outputBytes;
    return { ...result, output: payload, cutAt: isWhole ? null : Math.min(headBytes, payload.byteLength) };
  }

  async state(signal: AbortSignal): Promise<SandboxState> {
    const request = { op: "state" } as const;
    const call = { request, reply: StateReply, timeoutMs: filesTimeoutMs, signal };
    return (await this.#guarded("state", () => this.#channel.call(call))).value;
  }

  async entries(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const request = { op: "entries" } as const;
    const call = { request, reply: DoneReply, timeoutMs: filesTimeoutMs, signal, payloadBytesMax };
    const { payload } = await this.#guarded("entries", () => this.#channel.call(call));
    return parseEntries(Buffer.from(payload).toString("utf8"));
  }

  async writeFile(path: string, content: Uint8Array): Promise<void> {
    const request = { op: "write-file", path } as const;
    const call = { request, payload: content, reply: DoneReply, timeoutMs: filesTimeoutMs };
    await this.#guarded(`writing ${path}`, () => this.#channel.call(call));
  }

  async readFile(path: string, bytesMax: number): Promise<Uint8Array> {
    const request = { op: "read-file", path, bytesMax } as const;
    const call = { request, reply: DoneReply, timeoutMs: filesTimeoutMs, payloadBytesMax: bytesMax };
    return (await this.#guarded(`reading ${path}`, () => this.#channel.call(call))).payload;
  }

  async snapshot(bytesMax: number, signal: AbortSignal): Promise<Uint8Array | null> {
    const request = { op: "snapshot", bytesMax } as const;
    const call = { request, reply: SnapshotReply, timeoutMs: filesTimeoutMs, signal, payloadBytesMax: bytesMax };
    const { value, payload } = await this.#guarded("snapshot", () => this.#channel.call(call));
    return value.tooLarge ? null : payload;
  }

  async restore(snapshot: Uint8Array, signal: AbortSignal): Promise<void> {
    const request = { op: "restore" } as const;
    const call = { request, payload: snapshot, reply: DoneReply, timeoutMs: filesTimeoutMs, signal };
    await this.#guarded("restore", () => this.#channel.call(call));
  }

  async fork(id: string, signal: AbortSignal): Promise<Sandbox> {
    const image = await this.snapshot(limits.snapshotBytesMax, signal);
    if (image === null) {
      throw tooLarge(`sandbox ${this.id} holds more than ${limits.snapshotBytesMax} bytes, so it cannot be forked`);
    }
    const twin = await this.#options.openAnother(id, signal);
    try {
      await twin.restore(image, signal);
      return twin;
    } catch (error) {
      await twin.close();
      throw error;
    }
  }

  connect(port: number): Promise<Duplex> {
    return this.#channel.connect(port);
  }

  close(): Promise<void> {
    this.#closing ??= this.#channel.close().finally(this.#options.onClosed);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #guarded<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof GuestRefusal)) throw error;
      const code = codes[error.fault.code];
      throw new HindcastError({
        code,
        boundary: "sandbox",
        message: `sandbox ${this.id}, ${what}: ${messageOf(error)}`,
        retryable: code === "SANDBOX_LOST",
        cause: error,
      });
    }
  }
}

function tooLarge(message: string): HindcastError {
  return new HindcastError({ code: "SANDBOX_TOO_LARGE", boundary: "sandbox", message });
}
