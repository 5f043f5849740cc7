import { once } from "node:events";
import { type HindcastError, limits, messageOf } from "@hindcast/shared";
import { WebSocket } from "ws";
import { z } from "zod";
import { type Asking, type OpenEnvOptions, type OpenEnvWire, RefusedRequest } from "./open-env-wire.ts";
import { worldLost, worldUnavailable } from "./world-faults.ts";

const Frame = z.object({ type: z.string(), data: z.record(z.string(), z.json()).default({}) });
type Frame = z.infer<typeof Frame>;
const Refusal = z.object({
  code: z.string().default(""),
  message: z.string().default(""),
  errors: z.json().optional(),
});

/** Errors after which the session goes on; every other one means that there is none. */
const refusals = new Set(["VALIDATION_ERROR", "EXECUTION_ERROR"]);

/** A session of an OpenEnv service: it begins and ends with its connection, and answers frames in their order. */
export class OpenEnvSocket implements OpenEnvWire {
  readonly #world: string;
  readonly #socket: WebSocket;
  #pending: { resolve: (frame: Frame) => void; reject: (error: Error) => void } | null = null;
  #lost: HindcastError | null = null;

  private constructor(world: string, socket: WebSocket) {
    this.#world = world;
    this.#socket = socket;
    socket.on("message", (data: Buffer) => this.#receive(data.toString()));
    socket.on("error", (error) => this.#lose(messageOf(error)));
    socket.on("close", (code, reason) => this.#lose(`the connection was closed (${code} ${reason.toString()})`.trim()));
  }

  static async open(world: string, { url, headers }: OpenEnvOptions, asking: Asking): Promise<OpenEnvSocket> {
    asking.signal.throwIfAborted();
    const socket = new WebSocket(`${url.replace(/^http/, "ws").replace(/\/+$/, "")}/ws`, {
      headers: { ...headers },
      maxPayload: limits.worldMessageBytesMax,
      handshakeTimeout: asking.timeoutMs,
      followRedirects: false,
    });
    const session = new OpenEnvSocket(world, socket);
    try {
      await once(socket, "open", { signal: asking.signal });
      return session;
    } catch (error) {
      socket.terminate();
      asking.signal.throwIfAborted();
      throw /server response: 4\d\d/.test(messageOf(error))
        ? worldUnavailable(world, `${url}/ws: ${messageOf(error)}`, error)
        : worldLost(world, `${url}/ws: ${messageOf(error)}`, error);
    }
  }

  async reset(data: Record<string, unknown>, asking: Asking): Promise<unknown> {
    return await this.#ask({ type: "reset", data }, "observation", asking);
  }

  async step(data: Record<string, unknown>, asking: Asking): Promise<unknown> {
    return await this.#ask({ type: "step", data }, "observation", asking);
  }

  async state(asking: Asking): Promise<unknown> {
    return await this.#ask({ type: "state" }, "state", asking);
  }

  async close(): Promise<void> {
    const { OPEN, CLOSED, readyState } = this.#socket;
    if (readyState === CLOSED) return;
    const closed = once(this.#socket, "close");
    if (readyState === OPEN) {
      this.#socket.send(JSON.stringify({ type: "close" }));
      this.#socket.close();
    }
    const overdue = setTimeout(() => this.#socket.terminate(), limits.worldFarewellMs);
    await closed;
    clearTimeout(overdue);
  }

  async #ask(frame: object, due: string, { timeoutMs, signal }: Asking): Promise<unknown> {
    signal.throwIfAborted();
    if (this.#lost !== null) throw this.#lost;
    const answered = new Promise<Frame>((resolve, reject) => (this.#pending = { resolve, reject }));
    // A late answer would be taken for that of the next request: a connection that is not waited for is ended.
    const abandon = (why: string): void => (this.#lose(why), this.#socket.terminate());
    const cancelled = (): void => abandon(`a request was cancelled: ${messageOf(signal.reason)}`);
    const overdue = setTimeout(() => abandon(`it did not answer within ${timeoutMs} ms`), timeoutMs);
    signal.addEventListener("abort", cancelled, { once: true });
    try {
      this.#socket.send(JSON.stringify(frame));
      const { type, data } = await answered;
      if (type === due) return data;
      throw this.#refusal(type, data);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(overdue);
      signal.removeEventListener("abort", cancelled);
      this.#pending = null;
    }
  }

  #refusal(type: string, data: Frame["data"]): Error {
    if (type !== "error") return worldLost(this.#world, `it answered with a frame of type "${type}"`);
    const { code, message, errors } = Refusal.parse(data);
    const what = errors === undefined ? message : `${message} ${JSON.stringify(errors).slice(0, 1_000)}`;
    return refusals.has(code) ? new RefusedRequest(what) : worldLost(this.#world, `${what} (${code})`);
  }

  #receive(text: string): void {
    const pending = this.#pending;
    this.#pending = null;
    try {
      const frame = Frame.parse(JSON.parse(text));
      if (pending !== null) return pending.resolve(frame);
      // A service that is full says so before it is asked anything.
      this.#lose(`it spoke unasked: ${text.slice(0, 500)}`);
    } catch (error) {
      this.#lose(`it wrote ${JSON.stringify(text.slice(0, 200))}: ${messageOf(error)}`);
      pending?.reject(worldLost(this.#world, messageOf(error), error));
    }
  }

  #lose(why: string): void {
    this.#lost ??= worldLost(this.#world, why);
    this.#pending?.reject(this.#lost);
  }
}
