// Dead letters are ours: JetStream leaves a message that reached max_deliver in the work queue, invisible for ever.
// Workers move what they give up on; the reconciler moves what died with its workers.
import { z } from "zod";
import { HindcastError } from "../../errors.ts";
import { type Pool, streams, subjects, taskConsumer } from "../../protocol/subjects.ts";
import { isBusCode } from "./bus-errors.ts";
import type { DeadLetter, DeadLetters } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { patiently } from "./patience.ts";
import { headerText, store } from "./store.ts";
import { messageAt, readAll, type StoredMessage } from "./stored.ts";

const headerNames = {
  subject: "Hindcast-Subject",
  reason: "Hindcast-Reason",
  deliveries: "Hindcast-Deliveries",
} as const;

/** Body of `io.nats.jetstream.advisory.v1.max_deliver`, as far as it is read; the server may add to it. */
const MaxDeliveries = z.looseObject({ stream_seq: z.int().positive(), deliveries: z.int().positive() });

export interface DeadMessage {
  stream: string;
  sequence: number;
  subject: string;
  bytes: Uint8Array;
  reason: string;
  deliveries: number;
}

/** The message id is the place it had in its stream: moving it twice stores it once. */
export async function storeDeadLetter(connection: Connection, dead: DeadMessage): Promise<void> {
  await store(connection, {
    stream: streams.deadLetters,
    subject: subjects.deadLetter(dead.stream, dead.sequence),
    bytes: dead.bytes,
    messageId: `dead-${dead.stream}-${dead.sequence}`,
    headers: {
      [headerNames.subject]: dead.subject,
      [headerNames.reason]: headerText(dead.reason),
      [headerNames.deliveries]: String(dead.deliveries),
    },
  });
}

export class JetStreamDeadLetters implements DeadLetters {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async list(): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    for await (const message of readAll(this.#connection, streams.deadLetters, subjects.deadLetters)) {
      letters.push(toDeadLetter(message));
    }
    return letters;
  }

  async requeue(sequence: number): Promise<void> {
    const letter = await this.#find(sequence);
    try {
      await store(this.#connection, { stream: letter.stream, subject: letter.subject, bytes: letter.payload });
    } catch (error) {
      // Already queued again: what was wanted is so.
      if (!isBusCode(error, "BUS_CONFLICT")) throw error;
    }
    await this.#delete(streams.deadLetters, sequence);
  }

  async drop(sequence: number): Promise<void> {
    await this.#find(sequence);
    await this.#delete(streams.deadLetters, sequence);
  }

  async reconcile(pools: Pool[]): Promise<number> {
    let moved = 0;
    for await (const advisory of readAll(this.#connection, streams.advisories, "$JS.EVENT.ADVISORY.CONSUMER.>")) {
      moved += Number(await this.#followAdvisory(advisory));
    }
    for (const pool of pools) moved += await this.#sweep(pool);
    return moved;
  }

  /** The server's own word on which message it gave up; kept in a stream, because advisories are lossy otherwise. */
  async #followAdvisory(advisory: StoredMessage): Promise<boolean> {
    const isExhausted = advisory.subject.includes(".MAX_DELIVERIES.");
    const body = isExhausted ? MaxDeliveries.parse(JSON.parse(new TextDecoder().decode(advisory.bytes))) : null;
    const message = body === null ? null : await messageAt(this.#connection, streams.tasks, body.stream_seq);
    if (message !== null && body !== null) await this.#move(message, body.deliveries);
    await this.#delete(streams.advisories, advisory.sequence);
    return message !== null;
  }

  /**
   * Finds what an advisory was lost for. A work queue removes what is acknowledged, so a message that is still there at
   * or below the ack floor will never be delivered again. The reported floor trails while the last tasks are given up;
   * with nothing being worked on, the same holds for all that was ever delivered.
   */
  async #sweep(pool: Pool): Promise<number> {
    const consumer = taskConsumer(pool);
    const info = await patiently(this.#connection, `inspect consumer ${consumer}`, () =>
      this.#connection.manager.consumers.info(streams.tasks, consumer),
    );
    const settled = info.num_ack_pending === 0 ? info.delivered.stream_seq : info.ack_floor.stream_seq;
    let moved = 0;
    for await (const message of readAll(this.#connection, streams.tasks, subjects.tasksOfPool(pool))) {
      if (message.sequence > settled) break;
      await this.#move(message, info.config.max_deliver ?? 0);
      moved += 1;
    }
    return moved;
  }

  async #move(message: StoredMessage, deliveries: number): Promise<void> {
    await storeDeadLetter(this.#connection, {
      stream: streams.tasks,
      sequence: message.sequence,
      subject: message.subject,
      bytes: message.bytes,
      reason: `delivered ${deliveries} times and never acknowledged`,
      deliveries,
    });
    await this.#delete(streams.tasks, message.sequence);
  }

  async #find(sequence: number): Promise<DeadLetter> {
    const message = await messageAt(this.#connection, streams.deadLetters, sequence);
    if (message !== null) return toDeadLetter(message);
    throw new HindcastError({
      code: "BUS_NOT_FOUND",
      boundary: "bus",
      message: `there is no dead letter ${sequence}; it may have been requeued or dropped already`,
    });
  }

  async #delete(stream: string, sequence: number): Promise<void> {
    const remove = (): Promise<boolean> => this.#connection.manager.streams.deleteMessage(stream, sequence);
    try {
      await patiently(this.#connection, `remove message ${sequence} of ${stream}`, remove);
    } catch (error) {
      // A try whose answer was lost had removed it, or another reconciler did.
      if ((await messageAt(this.#connection, stream, sequence)) !== null) throw error;
    }
  }
}

function toDeadLetter(message: StoredMessage): DeadLetter {
  return {
    sequence: message.sequence,
    stream: message.subject.split(".")[2] ?? "",
    subject: message.header(headerNames.subject),
    reason: message.header(headerNames.reason),
    deliveries: Number(message.header(headerNames.deliveries)),
    payload: message.bytes,
    at: message.at,
  };
}
