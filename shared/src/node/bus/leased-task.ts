// One delivery of a task. Acknowledgements are plain messages to the delivery's reply subject, sent by us and not by
// the library: its `ackAck` cannot be tried again after a timeout.
import type { Msg } from "@nats-io/transport-node";
import { toHindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { decode } from "../../protocol/envelope.ts";
import { streams } from "../../protocol/subjects.ts";
import { Task } from "../../protocol/task.ts";
import type { LeasedTask } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { storeDeadLetter } from "./dead-letters.ts";
import { deliveryOf } from "./follower.ts";
import { headerText } from "./store.ts";

const confirmTriesMax = 2;

/**
 * Reads the task of a delivery. One that cannot be read (unknown version or kind, damage) goes to the dead letters with
 * its raw bytes, and null is returned: a newer coordinator must not crash an older worker.
 */
export async function leasedTask(connection: Connection, message: Msg): Promise<LeasedTask | null> {
  const delivery = deliveryOf(message.reply);
  try {
    return new Delivery(connection, message, decode(Task, message.data));
  } catch (error) {
    const { code, message: why } = toHindcastError(error, "protocol");
    connection.report(`unreadable task ${message.subject}: ${code}`);
    await deadLetter(connection, message, `${code}: ${why}`).catch((failure: unknown) => {
      // Left unacknowledged, it comes again; after the last delivery the reconciler moves it.
      connection.report(`error could not dead-letter task ${delivery.streamSequence}: ${String(failure)}`);
    });
    return null;
  }
}

export function handBack(message: Msg, delayMs = 0): void {
  const capped = Math.min(Math.max(0, delayMs), limits.nakDelayMsMax);
  message.respond(capped === 0 ? "-NAK" : `-NAK ${JSON.stringify({ delay: Math.round(capped * 1_000_000) })}`);
}

async function deadLetter(connection: Connection, message: Msg, reason: string): Promise<void> {
  const delivery = deliveryOf(message.reply);
  await storeDeadLetter(connection, {
    stream: streams.tasks,
    sequence: delivery.streamSequence,
    subject: message.subject,
    bytes: message.data,
    reason,
    deliveries: delivery.deliveryCount,
  });
  await confirm(connection, message, `+TERM ${headerText(reason)}`);
}

/** Sends an acknowledgement and waits until the server says that it took it; false: unknown. */
async function confirm(connection: Connection, message: Msg, acknowledgement: string): Promise<boolean> {
  if (message.reply === undefined) return false;
  const { reply } = message;
  for (let attempt = 1; attempt <= confirmTriesMax; attempt += 1) {
    try {
      await connection.whenUp(undefined, limits.busTryTimeoutMs);
      await connection.attempt(() =>
        connection.nats.request(reply, acknowledgement, { timeout: limits.busTryTimeoutMs }),
      );
      return true;
    } catch (error) {
      connection.report(`error acknowledgement of ${message.subject} is unconfirmed: ${String(error)}`);
    }
  }
  return false;
}

class Delivery implements LeasedTask {
  readonly task: Task;
  readonly deliveryCount: number;
  readonly streamSequence: number;
  readonly traceparent: string | null;
  readonly #connection: Connection;
  readonly #message: Msg;

  constructor(connection: Connection, message: Msg, task: Task) {
    const delivery = deliveryOf(message.reply);
    this.task = task;
    this.deliveryCount = delivery.deliveryCount;
    this.streamSequence = delivery.streamSequence;
    this.traceparent = message.headers?.get("traceparent") || null;
    this.#connection = connection;
    this.#message = message;
  }

  working(): void {
    this.#message.respond("+WPI");
  }

  async done(): Promise<boolean> {
    return await confirm(this.#connection, this.#message, "+ACK");
  }

  handBack(delayMs?: number): void {
    handBack(this.#message, delayMs);
  }

  async deadLetter(reason: string): Promise<void> {
    await deadLetter(this.#connection, this.#message, reason);
  }
}
