// Reads a stream from a sequence and then follows it for ever, in order, each message once, whatever happens to the
// server or the consumer in between: the position lives here, the consumer is thrown away and made again.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream";
import { type Msg, nanos } from "@nats-io/transport-node";
import { limits } from "../../limits.ts";
import { isBusCode, toBusError } from "./bus-errors.ts";
import type { Connection } from "./connection.ts";
import { converse, MessageLost } from "./conversation.ts";
import { patiently, retryDelayMs } from "./patience.ts";
import { lastMessage, streamBorn } from "./stored.ts";

export interface FollowedMessage {
  sequence: number;
  subject: string;
  bytes: Uint8Array;
  header(name: string): string;
}

export interface FollowedSource {
  stream: string;
  /** A subject; left out: all of the stream. */
  filter?: string;
  fromSequence: number;
  /** From the beginning again where the stream was made anew or put back: for readers whom a repetition does not harm. */
  isRepeatable?: boolean;
}

const pullExpiresMs = 20_000;
const heartbeatMs = 5_000;
const inactiveMs = 60_000;

/**
 * Yields until `signal` aborts or the bus is closed.
 * @throws BUS_FORBIDDEN when the permissions do not cover reading the stream
 */
export async function* follow(
  connection: Connection,
  source: FollowedSource,
  signal: AbortSignal,
): AsyncGenerator<FollowedMessage> {
  const stop = AbortSignal.any([signal, connection.closing]);
  let next = Math.max(1, source.fromSequence);
  let born: string | null = null;
  for (let failures = 0; !stop.aborted;) {
    try {
      if (source.isRepeatable === true) {
        // Before the consumer is made: of a stream that changes in between, the older time is remembered, and the next
        // failure reads all of the newer one.
        const found = await bornOf(connection, source.stream, stop);
        const isAnother = born !== null && found !== null && born !== found;
        if (isAnother || (failures > 0 && (await endsBefore(connection, source.stream, next)))) next = 1;
        born = found ?? born;
      }
      const consumer = await createConsumer(connection, { ...source, fromSequence: next }, stop);
      for await (const message of pullForever(connection, source.stream, consumer, stop)) {
        failures = 0;
        next = message.sequence + 1;
        yield message;
      }
    } catch (error) {
      if (stop.aborted) return;
      if (isBusCode(error, "BUS_FORBIDDEN")) throw error;
      failures += 1;
      connection.report(`error ${toBusError(error, `follow ${source.stream}`).message}; resuming at ${next}`);
      await delay(retryDelayMs(failures), undefined, { signal: stop }).catch(() => undefined);
    }
  }
}

/** When the stream was made, in the server's words; null where the permissions are of a version that did not ask. */
async function bornOf(connection: Connection, stream: string, signal: AbortSignal): Promise<string | null> {
  try {
    return await streamBorn(connection, stream, signal);
  } catch (error) {
    if (isBusCode(error, "BUS_FORBIDDEN")) return null;
    throw error;
  }
}

/** Whether it was put back as it once was: made at the same time, the server would wait for a sequence of the longer one. */
async function endsBefore(connection: Connection, stream: string, next: number): Promise<boolean> {
  return ((await lastMessage(connection, stream, ">"))?.sequence ?? 0) < next - 1;
}

async function createConsumer(connection: Connection, source: FollowedSource, signal: AbortSignal): Promise<string> {
  const name = `follow-${randomUUID()}`;
  const config = {
    name,
    ...(source.filter !== undefined && { filter_subject: source.filter }),
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: source.fromSequence,
    ack_policy: AckPolicy.None,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: nanos(inactiveMs),
  };
  const create = (): Promise<unknown> => connection.manager.consumers.add(source.stream, config);
  await patiently(connection, `follow ${source.filter ?? "all"} in ${source.stream}`, create, signal);
  return name;
}

async function* pullForever(
  connection: Connection,
  stream: string,
  consumer: string,
  signal: AbortSignal,
): AsyncGenerator<FollowedMessage> {
  const request = {
    batch: limits.readBatchMax,
    max_bytes: limits.readBatchBytesMax,
    expires: nanos(pullExpiresMs),
    idle_heartbeat: nanos(heartbeatMs),
  };
  // The consumer numbers its deliveries without a gap and says the newest number in its heartbeats. It acknowledges
  // nothing, so that a delivery that got lost would never come again.
  let delivered = 0;
  const check = ({ reply, headers }: Msg): void => {
    const told = headers?.get("Nats-Last-Consumer") ?? "";
    const isDelivery = reply?.startsWith("$JS.ACK.") === true;
    const newest = isDelivery ? deliveryOf(reply).consumerSequence : Number(told === "" ? delivered : told);
    if (newest > delivered + Number(isDelivery)) throw new MessageLost(`${newest} follows ${delivered} of ${consumer}`);
    delivered = Math.max(delivered, newest);
  };
  while (!signal.aborted) {
    const pull = converse(connection, `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, request, {
      messagesMax: limits.readBatchMax,
      idleMs: 2.5 * heartbeatMs,
      signal,
      check,
    });
    for await (const message of pull) yield toFollowed(message);
  }
}

function toFollowed(message: Msg): FollowedMessage {
  return {
    sequence: deliveryOf(message.reply).streamSequence,
    subject: message.subject,
    bytes: message.data,
    header: (name) => message.headers?.get(name) ?? "",
  };
}

export interface DeliveryNumbers {
  deliveryCount: number;
  streamSequence: number;
  consumerSequence: number;
}

/**
 * What a delivery's reply subject says. Version 1: `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.
 * <consumer sequence>.…` (9 tokens); version 2, from nats-server 2.15, puts domain and account hash before the stream.
 */
export function deliveryOf(reply: string | undefined): DeliveryNumbers {
  const tokens = (reply ?? "").split(".");
  const from = tokens.length === 9 ? 4 : 6;
  const deliveryCount = Number(tokens[from]);
  const streamSequence = Number(tokens[from + 1]);
  const consumerSequence = Number(tokens[from + 2]);
  if (
    tokens[1] !== "ACK" ||
    !Number.isInteger(deliveryCount) ||
    !Number.isInteger(streamSequence) ||
    !Number.isInteger(consumerSequence)
  ) {
    throw new TypeError(`not a JetStream delivery: reply subject ${reply ?? "missing"}`);
  }
  return { deliveryCount, streamSequence, consumerSequence };
}
