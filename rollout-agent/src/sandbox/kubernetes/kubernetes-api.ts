// The few requests to the API server that sandboxes need.
import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import { createInterface } from "node:readline";
import { HindcastError, limits, messageOf } from "@hindcast/shared";
import { z } from "zod";
import type { ClusterAccess } from "./cluster-access.ts";
import { attachToPod, type PodStreams } from "./pod-streams.ts";

export interface ApiAnswer {
  status: number;
  body: string;
}

export interface ApiRequest {
  body?: object;
  /** Statuses besides 2xx that the caller deals with. */
  allowed?: readonly number[];
  signal?: AbortSignal;
}

const Status = z.looseObject({ kind: z.literal("Status"), reason: z.string().default(""), message: z.string() });
const Event = z.looseObject({ type: z.string(), object: z.unknown() });
export type WatchEvent = z.infer<typeof Event>;

export class KubernetesApi {
  readonly #access: ClusterAccess;

  constructor(access: ClusterAccess) {
    this.#access = access;
  }

  get server(): string {
    return this.#access.server.origin;
  }

  /** @throws SANDBOX_UNAVAILABLE with what the server says. */
  async call(method: "GET" | "POST" | "DELETE", path: string, options: ApiRequest = {}): Promise<ApiAnswer> {
    const { body, allowed = [], signal } = options;
    try {
      const incoming = await this.#send(method, path, body, signal);
      const answer = { status: incoming.statusCode ?? 0, body: await readBody(incoming) };
      if (answer.status < 300 || allowed.includes(answer.status)) return answer;
      throw new Error(saidIn(answer));
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#unavailable(`${method} ${path}`, error);
    }
  }

  /**
   * What changes below `path`, until the server closes the watch, as it does after minutes, or the connection breaks.
   * @throws SANDBOX_UNAVAILABLE where the watch is refused
   */
  async *watch(path: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const incoming = await this.#send("GET", path, undefined, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      throw this.#unavailable(`GET ${path}`, error);
    });
    if (incoming.statusCode !== 200) {
      const answer = { status: incoming.statusCode ?? 0, body: await readBody(incoming) };
      throw this.#unavailable(`GET ${path}`, new Error(saidIn(answer)));
    }
    // Nothing changing is no silence of the connection: the caller's patience bounds a watch.
    incoming.socket.setTimeout(0);
    const broken = new Promise<null>((resolve) => incoming.once("error", () => resolve(null)));
    const lines = createInterface({ input: incoming })[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await Promise.race([lines.next(), broken]);
        if (next === null || next.done === true) return;
        yield Event.parse(JSON.parse(next.value));
      }
    } finally {
      incoming.destroy();
    }
  }

  /** @throws SANDBOX_UNAVAILABLE */
  async attach(path: string, onError: (chunk: Uint8Array) => void, signal: AbortSignal): Promise<PodStreams> {
    const url = new URL(path, this.#access.server);
    url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
    try {
      return await attachToPod(url, await this.#access.credentials(), onError, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw this.#unavailable(`GET ${url.pathname}`, error);
    }
  }

  async #send(
    method: string,
    path: string,
    body: object | undefined,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> {
    const { server, credentials } = this.#access;
    const options = await credentials();
    const content = body === undefined ? undefined : JSON.stringify(body);
    return await new Promise((resolve, reject) => {
      const request = server.protocol === "http:" ? requestPlain : requestSecure;
      const outgoing: ClientRequest = request(new URL(path, server), {
        ...options,
        method,
        headers: {
          ...(options.headers as OutgoingHttpHeaders | undefined),
          accept: "application/json",
          ...(content === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(signal === undefined ? {} : { signal }),
      });
      const { clusterAnswerMs } = limits;
      outgoing.setTimeout(clusterAnswerMs, () => outgoing.destroy(new Error(`no answer within ${clusterAnswerMs} ms`)));
      outgoing.on("error", reject);
      outgoing.on("response", resolve);
      outgoing.end(content);
    });
  }

  #unavailable(what: string, error: unknown): HindcastError {
    const message = `${what} at ${this.server}: ${messageOf(error)}`;
    return new HindcastError({
      code: "SANDBOX_UNAVAILABLE",
      boundary: "sandbox",
      message,
      retryable: true,
      cause: error,
    });
  }
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** `403 Forbidden: …`: the reason is the server's own word for it. */
export function saidIn({ status, body }: ApiAnswer): string {
  try {
    const { reason, message } = Status.parse(JSON.parse(body));
    return `${status} ${reason}: ${message}`;
  } catch {
    // Not the server's own form, as from a proxy, or for a kind that it does not know.
    return `${status} ${body.trim().slice(0, 1_000)}`;
  }
}
