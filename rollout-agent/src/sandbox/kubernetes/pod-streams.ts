// The standard streams of a pod's container over one WebSocket: the first byte of each message is its channel.
import type { IncomingMessage } from "node:http";
import type { RequestOptions } from "node:https";
import { Duplex } from "node:stream";
import { limits } from "@hindcast/shared";
import { WebSocket } from "ws";
import { z } from "zod";

/** The second knows no way to end the input alone. */
const protocols = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
const [input, output, errors, verdict, closing] = [0, 1, 2, 3, 255];
/** A server takes 1 MiB at once; small pieces keep the other channels moving. */
const pieceBytes = 64 * 1024;
const messageBytesMax = 16 * 1024 * 1024;

const Verdict = z.looseObject({ status: z.string(), message: z.string().default("") });

/** Reads what the container prints, and writes what it reads. */
export class PodStreams extends Duplex {
  readonly #socket: WebSocket;
  readonly #pinging: NodeJS.Timeout;
  /** Resolves when the connection is gone, whatever took it. */
  readonly gone: Promise<void>;

  constructor(socket: WebSocket, onError: (chunk: Uint8Array) => void) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    let isAnswered = true;
    socket.on("pong", () => (isAnswered = true));
    socket.on("message", (data: Buffer) => {
      isAnswered = true;
      this.#receive(data, onError);
    });
    socket.on("error", (error) => onError(Buffer.from(`${error.message}\n`)));
    this.gone = new Promise((resolve) => {
      socket.once("close", () => {
        clearInterval(this.#pinging);
        this.push(null);
        resolve();
      });
    });
    this.#pinging = setInterval(() => {
      if (!isAnswered && !socket.isPaused) socket.terminate();
      isAnswered = false;
      if (socket.readyState === WebSocket.OPEN) socket.ping();
    }, limits.podPingMs);
  }

  #receive(data: Buffer, onError: (chunk: Uint8Array) => void): void {
    const content = data.subarray(1);
    if (data[0] === output && content.byteLength > 0) {
      if (!this.push(content)) this.#socket.pause();
    } else if (data[0] === errors) onError(content);
    else if (data[0] === verdict) {
      const said = Verdict.safeParse(parsed(content));
      if (said.data?.status !== "Success") onError(Buffer.from(`${said.data?.message ?? content.toString()}\n`));
    }
  }

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const piece = chunk.subarray(0, pieceBytes);
    this.#socket.send(Buffer.concat([Buffer.of(input), piece]), (error) => {
      // What cannot be sent is lost with the connection, whose end says so.
      if (error !== undefined && error !== null) done();
      else if (piece.byteLength === chunk.byteLength) done();
      else this._write(chunk.subarray(pieceBytes), "utf8", done);
    });
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#socket.protocol === protocols[0]) this.#socket.send(Buffer.of(closing, input), () => done());
    else {
      this.#socket.close();
      done();
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.terminate();
    done(error);
  }
}

/** @throws Error with what the server answers */
export function attachToPod(
  url: URL,
  credentials: RequestOptions,
  onError: (chunk: Uint8Array) => void,
  signal: AbortSignal,
): Promise<PodStreams> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocols, {
      ...credentials,
      perMessageDeflate: false,
      handshakeTimeout: limits.clusterAnswerMs,
      maxPayload: messageBytesMax,
    });
    // Before it is open: no message may come to nobody.
    const streams = new PodStreams(socket, onError);
    const refuse = (error: Error): void => {
      streams.destroy();
      reject(error);
    };
    const abort = (): void => refuse(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    void streams.gone.then(() => signal.removeEventListener("abort", abort));
    socket.once("error", refuse);
    socket.once("unexpected-response", (_request, response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("close", () => refuse(new Error(`${response.statusCode} ${said(Buffer.concat(chunks))}`)));
    });
    socket.once("open", () => {
      signal.removeEventListener("abort", abort);
      socket.off("error", refuse);
      resolve(streams);
    });
  });
}

function said(body: Buffer): string {
  const message = z.looseObject({ message: z.string() }).safeParse(parsed(body));
  return message.data?.message ?? body.toString("utf8").slice(0, 1_000);
}

function parsed(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString("utf8"));
  } catch {
    return content.toString("utf8");
  }
}
