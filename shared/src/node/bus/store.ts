// The only way a message gets into a stream: acknowledged by the server, under a message id that makes a retry
// harmless, and with an honest answer when the expected revision or the subject's one place was taken.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { headers, type MsgHdrs } from "@nats-io/transport-node";
import { limits } from "../../limits.ts";
import { isBusCode, toBusError } from "./bus-errors.ts";
import type { Connection } from "./connection.ts";
import { patiently, retryDelayMs } from "./patience.ts";
import { lastMessage } from "./stored.ts";

export interface StoreOptions {
  stream: string;
  subject: string;
  bytes: Uint8Array;
  /** Same id: same message. Defaults to a fresh one per call, so that only the retries of this call are one message. */
  messageId?: string;
  /** Last sequence of this subject that must still hold; 0: the subject must be empty. */
  expectedSequence?: number;
  /** Time to live of the message, at least a second; the stream must allow it. */
  ttlMs?: number;
  /** A list gives several headers of one name. */
  headers?: Readonly<Record<string, string | readonly string[]>>;
  signal?: AbortSignal;
  /** A full stream is waited for until this aborts; without it that is an error. */
  roomUntil?: AbortSignal | undefined;
}

export interface StoreReceipt {
  sequence: number;
  /** The server had this message id already (within its two-minute window). */
  isDuplicate: boolean;
}

/** As `storeNow`, but patient with a full stream. A publish that a limit refused is not remembered: its id may stay. */
export async function store(connection: Connection, options: StoreOptions): Promise<StoreReceipt> {
  const { stream, subject, roomUntil } = options;
  if (roomUntil === undefined) return await storeNow(connection, options);
  const message = { ...options, messageId: options.messageId ?? randomUUID() };
  const stop = AbortSignal.any([roomUntil, connection.closing]);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await storeNow(connection, message);
    } catch (error) {
      if (!isBusCode(error, "BUS_FULL")) throw error;
      if (attempt === 1) connection.report(`error ${stream} is full; ${subject} waits for room`);
      const pause = delay(retryDelayMs(attempt, limits.backpressureDelayMsMax), undefined, { signal: stop });
      await pause.catch(() => stop.throwIfAborted());
    }
  }
}

/**
 * @throws BUS_CONFLICT when the expected sequence is not the last, or the subject's one place is taken
 * @throws BUS_FULL when the stream refuses messages at its limits
 * @throws BUS_UNAVAILABLE or BUS_TIMEOUT when an outage outlasts the cap
 */
async function storeNow(connection: Connection, options: StoreOptions): Promise<StoreReceipt> {
  const { stream, subject } = options;
  const messageId = options.messageId ?? randomUUID();
  const doing = `store ${subject} in ${stream}`;
  const publish = async (attempt: number): Promise<StoreReceipt> => {
    try {
      const ack = await connection.jetstream.publish(subject, options.bytes, {
        msgID: messageId,
        headers: toHeaders(options),
        timeout: limits.busTryTimeoutMs,
        ...(options.expectedSequence === undefined
          ? {}
          : { expect: { lastSubjectSequence: options.expectedSequence } }),
      });
      return { sequence: ack.seq, isDuplicate: ack.duplicate };
    } catch (error) {
      const classified = toBusError(error, doing);
      // The server checks the expectation before the message id: a retry whose first try was stored is refused as a
      // conflict with itself.
      if (classified.code !== "BUS_CONFLICT" || attempt === 1) throw error;
      const last = await lastMessage(connection, stream, subject);
      if (last?.header("Nats-Msg-Id") !== messageId) throw error;
      return { sequence: last.sequence, isDuplicate: true };
    }
  };
  return await patiently(connection, doing, publish, options.signal);
}

function toHeaders(options: StoreOptions): MsgHdrs {
  const result = headers();
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    for (const line of typeof value === "string" ? [value] : value) result.append(name, headerText(line));
  }
  if (options.ttlMs !== undefined) result.set("Nats-TTL", `${Math.max(1_000, Math.ceil(options.ttlMs))}ms`);
  return result;
}

/** Header values are one line; anything else would be refused by the client. */
export function headerText(text: string): string {
  return text
    .replaceAll(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, 2_000);
}
