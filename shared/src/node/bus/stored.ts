// Reading what streams hold. Single messages come from the stream's leader, because an ownership decision must not be
// made on a replica that lags; ranges come in batches from any replica, after asking the leader how far to read.
import { setTimeout as delay } from "node:timers/promises";
import type { StoredMsg } from "@nats-io/jetstream";
import type { Msg } from "@nats-io/transport-node";
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
  // A replica may lag behind the leader for a moment; a message may also have been removed since. Neither lasts.
  for (let empty = 0; next <= last.sequence && empty < 20;) {
    const batch = await readBatch(connection, stream, filter, next);
    for (const message of batch) yield message;
    const end = batch.at(-1);
    if (end === undefined) {
      empty += 1;
      if (next <= last.sequence) await delay(50);
    } else {
      next = end.sequence + 1;
      empty = 0;
    }
  }
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
