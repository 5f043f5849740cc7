// Reading what streams hold. Single messages come from the stream's leader, because an ownership decision must not be
// made on a replica that lags; ranges come in batches from any replica, after asking the leader how far to read.
import { setTimeout as delay } from "node:timers/promises";
import type { StoredMsg, StreamInfo } from "@nats-io/jetstream";
import type { Msg } from "@nats-io/transport-node";
import { HindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Connection } from "./connection.ts";
import { converse, MessageLost } from "./conversation.ts";
import { patiently } from "./patience.ts";

export interface StoredMessage {
  sequence: number;
  subject: string;
  bytes: Uint8Array;
  /** ISO time of storage. */
  at: string;
  /** Empty text when there is no such header. */
  header(name: string): string;
  /** All headers of the name. */
  headers(name: string): readonly string[];
}

/** The newest message whose subject matches, or null. */
export async function lastMessage(
  connection: Connection,
  stream: string,
  subject: string,
): Promise<StoredMessage | null> {
  return await fromLeader(connection, stream, { last_by_subj: subject });
}

/** As `lastMessage`, but from any replica, which may lag for a moment: for readers that decide nothing. */
export async function newestMessage(
  connection: Connection,
  stream: string,
  subject: string,
): Promise<StoredMessage | null> {
  return await patiently(connection, `read ${subject} from ${stream}`, async () => {
    const conversation = converse(
      connection,
      `$JS.API.DIRECT.GET.${stream}`,
      { last_by_subj: subject },
      {
        messagesMax: 1,
        idleMs: limits.busTryTimeoutMs,
      },
    );
    for await (const message of conversation) return fromDirect(message);
    return null;
  });
}

/** @throws BUS_FORBIDDEN, BUS_NOT_FOUND */
export async function streamInfo(connection: Connection, stream: string, signal?: AbortSignal): Promise<StreamInfo> {
  return await patiently(connection, `inspect ${stream}`, () => connection.manager.streams.info(stream), signal);
}

/** When the stream was made, in the server's own words: the same text for as long as its sequences mean the same. */
export async function streamBorn(connection: Connection, stream: string, signal?: AbortSignal): Promise<string> {
  return (await streamInfo(connection, stream, signal)).created;
}

/** The message at a stream sequence, or null. */
export async function messageAt(
  connection: Connection,
  stream: string,
  sequence: number,
): Promise<StoredMessage | null> {
  return await fromLeader(connection, stream, { seq: sequence });
}

async function fromLeader(
  connection: Connection,
  stream: string,
  query: { last_by_subj: string } | { seq: number },
): Promise<StoredMessage | null> {
  const doing = `read ${JSON.stringify(query)} from ${stream}`;
  const message = await patiently(connection, doing, () => connection.manager.streams.getMessage(stream, query));
  return message === null ? null : fromStored(message);
}

const emptyWaitMs = 50;
/** Empty batches in a row after which the leader is asked whether there is anything left to wait for. */
const emptyLook = 20;

/** Every stored message whose subject matches, in stream order, from `fromSequence`. */
export async function* readAll(
  connection: Connection,
  stream: string,
  filter: string,
  fromSequence = 1,
): AsyncGenerator<StoredMessage> {
  const last = await lastMessage(connection, stream, filter);
  if (last === null) return;
  let next = fromSequence;
  // A replica may lag behind the leader; a message may also have been removed since. Only the leader tells which.
  for (let empty = 0; next <= last.sequence;) {
    const batch = await readBatch(connection, stream, filter, next);
    for (const message of batch) yield message;
    const end = batch.at(-1);
    if (end !== undefined) {
      next = end.sequence + 1;
      empty = 0;
      continue;
    }
    empty += 1;
    if (empty % emptyLook === 0) {
      const newest = await lastMessage(connection, stream, filter);
      if (newest === null || newest.sequence < next) return;
      // A short list would be taken for all there is.
      if (empty * emptyWaitMs >= limits.busNoStreamMsMax) throw lagging(stream, filter, next);
    }
    await delay(emptyWaitMs);
  }
}

function lagging(stream: string, filter: string, next: number): HindcastError {
  return new HindcastError({
    code: "BUS_TIMEOUT",
    boundary: "bus",
    message: `could not read ${filter} from ${stream}: the replica that answers lacks what its leader has from ${next} on`,
    retryable: true,
  });
}

async function readBatch(
  connection: Connection,
  stream: string,
  filter: string,
  sequence: number,
): Promise<StoredMessage[]> {
  const request = {
    seq: sequence,
    next_by_subj: filter,
    batch: limits.readBatchMax,
    max_bytes: limits.readBatchBytesMax,
  };
  return await patiently(connection, `read ${filter} from ${stream}`, async () => {
    const messages: StoredMessage[] = [];
    const conversation = converse(connection, `$JS.API.DIRECT.GET.${stream}`, request, {
      messagesMax: limits.readBatchMax + 1,
      idleMs: limits.busTryTimeoutMs,
    });
    for await (const message of conversation) {
      const previous = Number(message.headers?.get("Nats-Last-Sequence") ?? "0");
      const known = messages.at(-1)?.sequence ?? 0;
      if (previous !== known) throw new MessageLost(`${previous} of ${stream}`);
      messages.push(fromDirect(message));
    }
    return messages;
  });
}

function fromStored(message: StoredMsg): StoredMessage {
  return {
    sequence: message.seq,
    subject: message.subject,
    bytes: message.data,
    at: message.time.toISOString(),
    header: (name) => message.header.get(name),
    headers: (name) => message.header.values(name),
  };
}

function fromDirect(message: Msg): StoredMessage {
  const header = (name: string): string => message.headers?.get(name) ?? "";
  return {
    sequence: Number(header("Nats-Sequence")),
    subject: header("Nats-Subject"),
    bytes: message.data,
    at: new Date(header("Nats-Time-Stamp")).toISOString(),
    header,
    headers: (name) => message.headers?.values(name) ?? [],
  };
}
