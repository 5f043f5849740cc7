// TCP connections between the host and the inside of one sandbox, carried by the guest's channel, so that a sandbox
// without any network interface can be talked to, and by nobody but its own episode; and the other way, to the egress
// proxy of a sandbox that has one. Either end may send only as far ahead as the other has granted.
import { Duplex } from "node:stream";
import { HindcastError, limits } from "@hindcast/shared";
import type { GuestRequest, TunnelEvent } from "./guest-protocol.ts";

type Send = (request: GuestRequest, payload: Uint8Array) => void;

const nothing = new Uint8Array(0);

interface Opening {
  port: number;
  resolve: (stream: Duplex) => void;
  reject: (error: HindcastError) => void;
}

export class GuestTunnels {
  readonly #send: Send;
  readonly #opening = new Map<number, Opening>();
  readonly #open = new Map<number, Tunnel>();
  readonly #onIncoming: ((stream: Duplex) => void) | null;
  #nextId = 1;

  /** @param onIncoming takes what connects to the egress port; null where the guest was told of none */
  constructor(send: Send, onIncoming: ((stream: Duplex) => void) | null = null) {
    this.#send = send;
    this.#onIncoming = onIncoming;
  }

  /** @throws SANDBOX_PORT_CLOSED where nothing listens, or with too many connections open. */
  connect(port: number): Promise<Duplex> {
    if (this.#open.size + this.#opening.size >= limits.sandboxConnectionsMax) {
      return Promise.reject(closed(port, `${limits.sandboxConnectionsMax} connections are open already`));
    }
    const connection = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#opening.set(connection, { port, resolve, reject });
      this.#send({ op: "connect", connection, port }, nothing);
    });
  }

  /** @throws Error for what no guest of ours would send. */
  deliver(event: TunnelEvent, payload: Uint8Array): void {
    const { connection } = event;
    if (event.kind === "incoming") {
      if (this.#onIncoming === null || this.#open.has(connection)) throw new Error("it opened a connection unasked");
      this.#onIncoming(this.#add(connection));
      return;
    }
    const opening = this.#opening.get(connection);
    if (event.kind === "opened" || event.kind === "refused") {
      if (opening === undefined) throw new Error(`it answered connection ${connection}, which nobody has asked for`);
      this.#opening.delete(connection);
      if (event.kind === "opened") opening.resolve(this.#add(connection));
      else opening.reject(closed(opening.port, event.reason));
      return;
    }
    // What was sent before the guest heard that we have closed it belongs to nobody.
    const tunnel = this.#open.get(connection);
    if (event.kind === "data") tunnel?.receive(payload);
    else if (event.kind === "grant") tunnel?.grant(event.bytes);
    else tunnel?.finish();
  }

  /** The guest is gone, and every connection with it; with an error unless it was closed on purpose. */
  lose(error: HindcastError, isClosed: boolean): void {
    for (const { reject } of this.#opening.values()) reject(error);
    for (const tunnel of this.#open.values()) tunnel.destroy(isClosed ? undefined : error);
    this.#opening.clear();
    this.#open.clear();
  }

  #add(connection: number): Tunnel {
    if (this.#open.size >= limits.sandboxConnectionsMax + limits.egressConnectionsMax) {
      throw new Error("it has more connections open than it may");
    }
    const tunnel = new Tunnel(connection, this.#send, () => this.#open.delete(connection));
    // Whoever uses it hears of errors by a listener of its own; without one, a lost sandbox must not end the agent.
    tunnel.on("error", () => undefined);
    this.#open.set(connection, tunnel);
    return tunnel;
  }
}

class Tunnel extends Duplex {
  readonly #connection: number;
  readonly #send: Send;
  readonly #onClosed: () => void;
  /** Bytes that the guest takes before it grants more. */
  #credit: number = limits.sandboxConnectionBytesAhead;
  #waiting: { chunk: Buffer; done: (error?: Error | null) => void } | null = null;
  /** Received and not yet read, which the guest has not been granted anew. */
  #unread = 0;
  #isFull = false;
  #hasEnded = false;

  constructor(connection: number, send: Send, onClosed: () => void) {
    super({ allowHalfOpen: true });
    this.#connection = connection;
    this.#send = send;
    this.#onClosed = onClosed;
  }

  /** @throws Error for what no guest of ours would send */
  receive(payload: Uint8Array): void {
    if (this.#hasEnded) throw new Error("it sent more after the end");
    this.#unread += payload.byteLength;
    if (this.#unread > 2 * limits.sandboxConnectionBytesAhead) throw new Error("it sent more than it was granted");
    if (!this.push(payload)) this.#isFull = true;
    else this.#grantRead();
  }

  finish(): void {
    this.#hasEnded = true;
    this.push(null);
  }

  grant(bytes: number): void {
    this.#credit += bytes;
    this.#flush();
  }

  override _read(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#grantRead();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#waiting = { chunk, done };
    this.#flush();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#send({ op: "finish", connection: this.#connection }, nothing);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#onClosed();
    this.#send({ op: "disconnect", connection: this.#connection }, nothing);
    done(error);
  }

  #grantRead(): void {
    if (this.#unread === 0) return;
    this.#send({ op: "grant", connection: this.#connection, bytes: this.#unread }, nothing);
    this.#unread = 0;
  }

  #flush(): void {
    if (this.#waiting === null || this.#credit === 0) return;
    const { chunk, done } = this.#waiting;
    const now = chunk.subarray(0, this.#credit);
    this.#credit -= now.byteLength;
    this.#send({ op: "data", connection: this.#connection }, now);
    const rest = chunk.subarray(now.byteLength);
    this.#waiting = rest.byteLength === 0 ? null : { chunk: rest, done };
    if (this.#waiting === null) done();
  }
}

function closed(port: number, why: string): HindcastError {
  return new HindcastError({
    code: "SANDBOX_PORT_CLOSED",
    boundary: "sandbox",
    message: `port ${port} inside the sandbox cannot be connected to: ${why}; start what listens on it first`,
  });
}
