// Typed request/reply and lossy publish/subscribe on core NATS. An error is answered as `WireError` JSON under the
// ADR-32 headers, so that any NATS client sees that it is one.
import { headers, type Msg, type MsgHdrs, type Subscription } from "@nats-io/transport-node";
import type { z } from "zod";
import { type ErrorCode, HindcastError, messageOf, toHindcastError, WireError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { decode, encode } from "../../protocol/envelope.ts";
import { isNobodyThere, toBusError } from "./bus-errors.ts";
import type { Endpoint, Exchange, Question } from "./bus.ts";
import { type Connection, untilAborted } from "./connection.ts";
import { headerText } from "./store.ts";
import { traceHeaders } from "../telemetry/span.ts";

export const errorHeader = "Nats-Service-Error";
export const errorCodeHeader = "Nats-Service-Error-Code";

/** ADR-32 wants a number; these are HTTP's, by the part of the code that carries the meaning. */
export function errorNumber(code: ErrorCode): number {
  if (code === "PROTOCOL_TOO_LARGE") return 413;
  if (code.startsWith("PROTOCOL_") || code === "INDEX_INVALID") return 400;
  if (code === "BUS_FORBIDDEN") return 403;
  if (code.endsWith("_NOT_FOUND")) return 404;
  if (code === "BUS_CONFLICT" || code === "CAMPAIGN_ENDED") return 409;
  if (code === "BUS_FULL" || code.endsWith("_OVERLOADED") || code.endsWith("_RATE_LIMITED")) return 429;
  if (code.endsWith("_UNAVAILABLE") || code.endsWith("_NOT_READY") || code.endsWith("_CLOSED")) return 503;
  if (code.endsWith("_TIMEOUT")) return 504;
  return 500;
}

/**
 * @throws BUS_UNAVAILABLE when nobody answers on the subject, BUS_TIMEOUT, PROTOCOL_*, or the peer's own error
 */
export async function request<Q extends z.ZodType, R extends z.ZodType>(
  connection: Connection,
  exchange: Exchange<Q, R>,
): Promise<z.output<R>> {
  const payload = encode(exchange.request, exchange.value);
  return decode(exchange.reply, await ask(connection, { ...exchange, payload }), limits.replyBytesMax);
}

/** @throws BUS_UNAVAILABLE when nobody answers on the subject, BUS_TIMEOUT, or the peer's own error */
export async function ask(
  connection: Connection,
  { subject, payload, timeoutMs, signal }: Question,
): Promise<Uint8Array> {
  const timeout = timeoutMs ?? limits.requestTimeoutMs;
  signal?.throwIfAborted();
  await connection.whenUp(signal, timeout);
  let reply: Msg;
  try {
    const answer = connection.attempt(() => connection.nats.request(subject, payload, { timeout, ...traced() }));
    reply = await (signal === undefined ? answer : untilAborted(answer, signal));
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw isNobodyThere(error) ? nobodyAnswers(subject, error) : toBusError(error, `get an answer on ${subject}`);
  }
  const refusal = reply.headers?.get(errorHeader) ?? "";
  if (refusal !== "") throw peerError(subject, reply, refusal);
  return reply.data;
}

/** So that the answering process continues the trace. */
function traced(): { headers?: MsgHdrs } {
  const fields = Object.entries(traceHeaders());
  if (fields.length === 0) return {};
  const carried = headers();
  for (const [name, value] of fields) carried.set(name, value);
  return { headers: carried };
}

function nobodyAnswers(subject: string, cause: unknown): HindcastError {
  return new HindcastError({
    code: "BUS_UNAVAILABLE",
    boundary: "bus",
    message: `nobody answers on ${subject}; is the service that does running?`,
    retryable: true,
    cause,
  });
}

function peerError(subject: string, reply: Msg, refusal: string): HindcastError {
  try {
    return HindcastError.fromWire(WireError.parse(JSON.parse(new TextDecoder().decode(reply.data))));
  } catch {
    const code = reply.headers?.get(errorCodeHeader) ?? "";
    const message = `${subject} answered with an error that is not Hindcast's: ${code} ${refusal}`;
    return new HindcastError({ code: "PROTOCOL_INVALID", boundary: "protocol", message });
  }
}

export function respondError(message: Msg, error: HindcastError): void {
  const answer = headers();
  answer.set(errorHeader, headerText(error.message) || error.code);
  answer.set(errorCodeHeader, String(errorNumber(error.code)));
  message.respond(JSON.stringify(error.toWire()), { headers: answer });
}

/** A queue of handlers on one subject with a bound on how many run at once. */
export class Responder implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #subscription: Subscription;
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  /** One for all: making one for each request costs ten microseconds and the garbage collector more. */
  readonly #signal: AbortSignal;
  readonly #answer: (message: Msg, signal: AbortSignal) => Promise<void>;
  readonly #inFlightMax: number;

  constructor(
    connection: Connection,
    at: { subject: string; queue: string; inFlightMax?: number },
    answer: (message: Msg, signal: AbortSignal) => Promise<void>,
  ) {
    this.#connection = connection;
    this.#signal = AbortSignal.any([this.#stop.signal, connection.closing]);
    this.#answer = answer;
    this.#inFlightMax = at.inFlightMax ?? limits.requestsInFlightMax;
    this.#subscription = connection.nats.subscribe(at.subject, {
      queue: at.queue,
      callback: (error, message) => {
        if (error === null) this.#take(message);
        else connection.report(`error subscription to ${at.subject}: ${error.message}`);
      },
    });
  }

  /** Stops taking requests, lets those under way finish, and aborts them when they outlast the request deadline. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#subscription.isClosed() && !this.#connection.nats.isClosed()) {
      // A lost connection has taken the subscription with it: there is nothing left to drain.
      await this.#subscription.drain().catch((error: unknown) => this.#connection.report(`error ${messageOf(error)}`));
    }
    const giveUp = setTimeout(() => this.#stop.abort(), limits.requestTimeoutMs);
    await Promise.allSettled(this.#running);
    clearTimeout(giveUp);
  }

  #take(message: Msg): void {
    if (this.#running.size >= this.#inFlightMax) {
      return respondError(message, overloaded(message.subject, this.#inFlightMax));
    }
    const work = this.#answer(message, this.#signal)
      .catch((error: unknown) => this.#connection.report(`error ${message.subject}: ${messageOf(error)}`))
      .finally(() => this.#running.delete(work));
    this.#running.add(work);
  }
}

function overloaded(subject: string, inFlightMax: number): HindcastError {
  return new HindcastError({
    code: "BUS_FULL",
    boundary: "bus",
    message: `${subject} already works on ${inFlightMax} requests; try again`,
    retryable: true,
  });
}

export function serve<Q extends z.ZodType, R extends z.ZodType>(
  connection: Connection,
  endpoint: Endpoint<Q, R>,
): AsyncDisposable {
  return new Responder(connection, endpoint, async (message, signal) => {
    try {
      const value = await endpoint.handle(decode(endpoint.request, message.data), signal, askingUser(message.reply));
      message.respond(encode(endpoint.reply, value, limits.replyBytesMax));
    } catch (error) {
      respondError(message, toHindcastError(error, "bus"));
    }
  });
}

/** Whoever gives another's inbox gets no answer: a user may only listen below its own. */
function askingUser(inbox: string | undefined): string | null {
  return /^_INBOX_([^.]+)\./.exec(inbox ?? "")?.[1] ?? null;
}

/** Lossy by intent: a reader that is slow misses the oldest, a message that cannot be read is reported and skipped. */
export async function* subscribe<S extends z.ZodType>(
  connection: Connection,
  subject: string,
  schema: S,
  signal: AbortSignal,
): AsyncGenerator<z.output<S>> {
  const stop = AbortSignal.any([signal, connection.closing]);
  const queue: Msg[] = [];
  let wake = Promise.withResolvers<void>();
  const subscription = connection.nats.subscribe(subject, {
    callback: (error, message) => {
      if (error !== null) connection.report(`error subscription to ${subject}: ${error.message}`);
      else if (queue.push(message) > limits.progressQueueMax) queue.shift();
      wake.resolve();
    },
  });
  const onAbort = (): void => wake.resolve();
  stop.addEventListener("abort", onAbort);
  try {
    while (!stop.aborted) {
      const message = queue.shift();
      if (message === undefined) {
        await wake.promise;
        wake = Promise.withResolvers<void>();
        continue;
      }
      const value = read(connection, schema, message);
      if (value !== null) yield value.value;
    }
  } finally {
    stop.removeEventListener("abort", onAbort);
    if (!subscription.isClosed()) subscription.unsubscribe();
  }
}

function read<S extends z.ZodType>(connection: Connection, schema: S, message: Msg): { value: z.output<S> } | null {
  try {
    return { value: decode(schema, message.data) };
  } catch (error) {
    connection.report(`unreadable message ${message.subject}: ${messageOf(error)}`);
    return null;
  }
}
