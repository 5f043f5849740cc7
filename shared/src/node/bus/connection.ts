// One connection to NATS for the life of a process. It gives up reconnecting only when its password is refused twice,
// which it says through `onClosed` (the library's default of ten tries would close it for ever), tells of its state
// through `onStatus`, and lets callers wait for it and notice its loss.
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection, PermissionViolationError, type Status } from "@nats-io/transport-node";
import { HindcastError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { ConnectionLost, toBusError } from "./bus-errors.ts";
import type { BusOptions, LeaseEvent } from "./bus.ts";
import { isNewEnough, natsServerVersionMin } from "./server-version.ts";

const reconnectWaitMs = 250;
const pingIntervalMs = 10_000;

export class Connection {
  readonly nats: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly inboxPrefix: string;
  /** Aborts when the bus is closed: followers, leases and waits end with it. */
  readonly closing: AbortSignal;
  readonly #closer = new AbortController();
  readonly onLease: (event: LeaseEvent) => void;
  readonly #report: (status: string) => void;
  readonly #onClosed: (error: HindcastError) => void;
  readonly #options: BusOptions;
  readonly #reconnectListeners = new Set<() => void>();
  readonly #forbidden = new Map<string, Set<(error: Error) => void>>();
  #up = Promise.withResolvers<void>();
  /** Aborts at the next loss of the connection, then is replaced. */
  #link = new AbortController();
  #closed: Promise<void> | undefined;

  private constructor(nats: NatsConnection, manager: JetStreamManager, options: BusOptions) {
    this.#options = options;
    this.nats = nats;
    this.manager = manager;
    this.jetstream = jetstream(nats, { timeout: limits.busTryTimeoutMs });
    this.inboxPrefix = options.inboxPrefix ?? "_INBOX";
    this.closing = this.#closer.signal;
    this.#report = options.onStatus ?? (() => undefined);
    this.#onClosed = options.onClosed ?? (() => undefined);
    this.onLease = options.onLease ?? (() => undefined);
    this.#up.resolve();
    void this.#watch();
  }

  /** @throws BUS_UNAVAILABLE when no server answers or it is too old, BUS_FORBIDDEN when it refuses the credentials. */
  static async open(options: BusOptions): Promise<Connection> {
    let nats: NatsConnection;
    try {
      nats = await connect({
        servers: options.servers.split(",").map((server) => server.trim()),
        name: options.name,
        inboxPrefix: options.inboxPrefix ?? "_INBOX",
        maxReconnectAttempts: -1,
        reconnectTimeWait: reconnectWaitMs,
        pingInterval: pingIntervalMs,
        maxPingOut: 2,
        timeout: limits.busTryTimeoutMs,
        ...(options.caFile == null ? {} : { tls: { caFile: options.caFile } }),
        ...(options.credentials === null ? {} : { user: options.credentials.user, pass: options.credentials.password }),
      });
    } catch (error) {
      const refused = toBusError(error, `connect to NATS at ${options.servers}`);
      throw refused.code === "BUS_FORBIDDEN" ? notLetIn(options, error) : unavailable(options.servers, error);
    }
    const version = nats.info?.version ?? "0.0.0";
    if (!isNewEnough(version)) {
      await nats.close();
      throw tooOld(nats.getServer(), version);
    }
    const manager = await jetstreamManager(nats, { checkAPI: false, timeout: limits.busTryTimeoutMs });
    return new Connection(nats, manager, options);
  }

  report(status: string): void {
    this.#report(status);
  }

  onReconnect(listener: () => void): void {
    this.#reconnectListeners.add(listener);
  }

  /**
   * Calls `listener` when the server refuses to take a message on `subject`. It says so on the connection and not to
   * the reply subject, so that who waits for replies would wait in vain.
   * @returns how to stop listening
   */
  onForbidden(subject: string, listener: (error: Error) => void): () => void {
    const listeners = this.#forbidden.get(subject) ?? new Set();
    this.#forbidden.set(subject, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#forbidden.get(subject) === listeners) this.#forbidden.delete(subject);
    };
  }

  /** Resolves when connected. @throws BUS_UNAVAILABLE once closed or after `withinMs`; `signal`'s reason when it aborts. */
  async whenUp(signal?: AbortSignal, withinMs: number = limits.busOutageMsMax): Promise<void> {
    if (this.nats.isClosed() || this.closing.aborted) throw unavailable(this.nats.getServer(), "the bus is closed");
    signal?.throwIfAborted();
    if (!this.#link.signal.aborted) return;
    const late = new AbortController();
    const expire = (): void => late.abort(unavailable(this.nats.getServer(), `no connection for ${withinMs} ms`));
    const timer = setTimeout(expire, withinMs);
    try {
      // One inside the other: a signal that is made of several may be kept for as long as one of them lives.
      const up = untilAborted(untilAborted(this.#up.promise, this.closing), late.signal);
      await (signal === undefined ? up : untilAborted(up, signal));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs one try of a request; it fails at once when the connection drops, because no answer can come any more. */
  async attempt<T>(work: () => Promise<T>): Promise<T> {
    return await untilAborted(work(), this.#link.signal);
  }

  /** Aborts at the next loss of the connection. */
  get link(): AbortSignal {
    return this.#link.signal;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closer.abort(new HindcastError({ code: "BUS_UNAVAILABLE", boundary: "bus", message: "the bus is closed" }));
    if (this.nats.isClosed()) return;
    // A drain flushes what was published; without a connection there is nobody to flush to and it would not return.
    const drained = this.#link.signal.aborted ? this.nats.close() : this.nats.drain();
    // A connection that is lost on the way cannot be flushed any more; closing must succeed all the same.
    const ended = drained.catch((error: unknown) => this.report(`error ${messageOf(error)}`));
    await Promise.race([ended, timer(limits.busTryTimeoutMs)]);
    if (!this.nats.isClosed()) await this.nats.close();
  }

  async #watch(): Promise<void> {
    for await (const status of this.nats.status()) this.#on(status);
    const cause = await this.nats.closed();
    const lost = cause instanceof Error ? cause : new ConnectionLost("the connection was closed");
    this.#link.abort(lost);
    this.#up.promise.catch(() => undefined);
    const isRefused = toBusError(lost, "reconnect").code === "BUS_FORBIDDEN";
    const error = isRefused ? notLetIn(this.#options, lost) : unavailable(this.nats.getServer(), lost);
    this.#up.reject(error);
    if (this.closing.aborted) return;
    this.report(`error the connection was closed: ${lost.message}`);
    this.#onClosed(error);
  }

  #forbid(error: PermissionViolationError): void {
    if (error.operation !== "publish") return;
    for (const listener of this.#forbidden.get(error.subject) ?? []) listener(error);
  }

  #on(status: Status): void {
    switch (status.type) {
      case "disconnect":
        // It comes again when a reconnection fails half-way; those who wait already must not be forgotten.
        if (this.#link.signal.aborted) return;
        this.#link.abort(new ConnectionLost(`the connection to ${status.server} was lost`));
        this.#up = Promise.withResolvers<void>();
        this.#up.promise.catch(() => undefined);
        return this.report("disconnected");
      case "reconnect":
        if (!this.#link.signal.aborted) return;
        this.#link = new AbortController();
        this.#up.resolve();
        this.report("reconnected");
        for (const listener of this.#reconnectListeners) listener();
        return;
      case "error":
        if (status.error instanceof PermissionViolationError) this.#forbid(status.error);
        return this.report(`error ${status.error.message}`);
      default:
        return;
    }
  }
}

/** The client's word for a connection that the other side accepted and closed before it said anything. */
const closedWithoutAWord = /provided an undefined error/;

function unavailable(servers: string, cause: unknown): HindcastError {
  const said = messageOf(cause);
  const why = closedWithoutAWord.test(said) ? "the connection was taken and closed without a word" : said;
  return new HindcastError({
    code: "BUS_UNAVAILABLE",
    boundary: "bus",
    message: `NATS at ${servers} cannot be reached (${why}); ${unavailableRemedy(why)}`,
    retryable: true,
    cause,
  });
}

/** In OpenSSL's and Node's words a certificate is expired, of an authority that is not trusted, or for another host. */
function unavailableRemedy(why: string): string {
  if (/certificate.*expired|certificate is not yet valid/i.test(why))
    return "give it a new certificate (deploy/kubernetes/credentials.sh) and restart it, or set the clocks";
  if (/certificate/i.test(why))
    return "name the authority that signed its certificate (cluster.natsCaFile) and a host that is in it";
  if (/without a word/.test(why)) return "start the port-forward or proxy in between anew, or NATS behind it";
  return "is nats-server running there?";
}

function notLetIn({ servers, credentials }: BusOptions, cause: unknown): HindcastError {
  const who = credentials === null ? "whoever gives no name" : `the user ${credentials.user} or its password`;
  return new HindcastError({
    code: "BUS_FORBIDDEN",
    boundary: "bus",
    message: `NATS at ${servers} refuses ${who} (${messageOf(cause)}); give the password that it knows, or restart it where that was changed`,
    cause,
  });
}

function tooOld(server: string, version: string): HindcastError {
  const needed = natsServerVersionMin.join(".");
  return new HindcastError({
    code: "BUS_UNAVAILABLE",
    boundary: "bus",
    message: `NATS at ${server} is nats-server ${version}, which is too old: expiry by message, delete markers and batched reads need ${needed}; upgrade it`,
  });
}

/** `promise`, or the signal's reason as soon as it aborts. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function timer(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
