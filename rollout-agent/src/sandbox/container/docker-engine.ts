// The Docker Engine API over its unix socket: the few calls that sandboxes need. Podman and others speak it too.
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { HindcastError, limits, messageOf } from "@hindcast/shared";

export interface EngineAnswer {
  status: number;
  body: string;
}

export interface EngineRequest {
  /** JSON, or a stream of bytes. */
  body?: object | Readable;
  /** Statuses besides 2xx that the caller deals with. */
  allowed?: readonly number[];
  /** @default limits.containerAnswerMs; null waits as long as it takes */
  timeoutMs?: number | null;
  signal?: AbortSignal;
}

export class DockerEngine {
  readonly socketPath: string;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /** @throws SANDBOX_UNAVAILABLE with what the daemon says. */
  async call(method: "GET" | "POST" | "DELETE", path: string, options: EngineRequest = {}): Promise<EngineAnswer> {
    const { body, allowed = [], timeoutMs = limits.containerAnswerMs, signal } = options;
    const isStream = body !== undefined && "pipe" in body;
    const type = isStream ? "application/x-tar" : "application/json";
    const headers = body === undefined ? {} : { "content-type": type };
    try {
      const answer = await new Promise<EngineAnswer>((resolve, reject) => {
        const outgoing = this.#request(method, path, headers, signal);
        if (timeoutMs !== null) {
          outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)));
        }
        outgoing.on("error", reject);
        outgoing.on("response", (incoming) => void read(incoming).then(resolve, reject));
        if (isStream) body.on("error", (error) => outgoing.destroy(error)).pipe(outgoing);
        else outgoing.end(body === undefined ? undefined : JSON.stringify(body));
      });
      if (answer.status < 300 || allowed.includes(answer.status)) return answer;
      throw new Error(`${answer.status} ${saidIn(answer.body)}`);
    } catch (error) {
      signal?.throwIfAborted();
      throw unavailable(`${method} ${path} at ${this.socketPath}: ${messageOf(error)}`, error);
    }
  }

  async get<T>(path: string): Promise<T> {
    return JSON.parse((await this.call("GET", path)).body) as T;
  }

  /** The raw connection to a container's standard streams; what comes is framed (`StandardStreams`). */
  async attach(container: string, signal: AbortSignal): Promise<Duplex> {
    const path = `/containers/${container}/attach?stream=1&stdin=1&stdout=1&stderr=1`;
    try {
      return await new Promise<Duplex>((resolve, reject) => {
        const outgoing = this.#request("POST", path, { connection: "Upgrade", upgrade: "tcp" }, signal);
        outgoing.setTimeout(limits.containerAnswerMs, () => outgoing.destroy(new Error("no answer")));
        outgoing.on("error", reject);
        outgoing.on("response", (incoming) => {
          void read(incoming).then(({ status, body }) => reject(new Error(`${status} ${saidIn(body)}`)), reject);
        });
        outgoing.on("upgrade", (_response, socket: Duplex & { setTimeout?: (ms: number) => void }, head: Buffer) => {
          socket.setTimeout?.(0);
          if (head.byteLength > 0) socket.unshift(head);
          resolve(socket);
        });
        outgoing.end();
      });
    } catch (error) {
      signal.throwIfAborted();
      throw unavailable(`attaching to ${container} at ${this.socketPath}: ${messageOf(error)}`, error);
    }
  }

  #request(
    method: string,
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): ClientRequest {
    // Without a version in its path, a request means whatever the daemon speaks; ours have meant the same for years.
    const options = {
      socketPath: this.socketPath,
      method,
      path,
      headers: { host: "docker", ...headers },
      agent: false,
    };
    return request(signal === undefined ? options : { ...options, signal });
  }
}

async function read(incoming: IncomingMessage): Promise<EngineAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return { status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") };
}

function saidIn(body: string): string {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === "object" && parsed !== null && "message" in parsed) return String(parsed.message);
  } catch {
    // Not JSON: shown as it is.
  }
  return body.trim().slice(0, 1_000);
}

function unavailable(message: string, cause: unknown): HindcastError {
  return new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message, retryable: true, cause });
}
