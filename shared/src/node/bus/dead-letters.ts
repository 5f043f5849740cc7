// Dead letters are ours: JetStream leaves a message that reached max_deliver in the work queue, invisible for ever.
// Workers move what they give up on; the reconciler moves what died with its workers. Any number of reconcilers may
// run: what one has moved the other no longer finds.
import { type ConsumerInfo, JetStreamApiError } from "@nats-io/jetstream";
import { z } from "zod";
import { HindcastError } from "../../errors.ts";
import type { CampaignId, TaskId, WorkerId } from "../../domain/ids.ts";
import { decode } from "../../protocol/envelope.ts";
import { type Pool, streams, subjects, taskConsumer } from "../../protocol/subjects.ts";
import { Task } from "../../protocol/task.ts";
import { openTask } from "../commit.ts";
import { attemptHistory, fromHeaderLines, toHeaderLine } from "./attempt-history.ts";
import { apiCodes, isBusCode } from "./bus-errors.ts";
import type { DeadLetter, DeadLetters, Lease } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { BucketLeaseStore } from "./lease-store.ts";
import { patiently } from "./patience.ts";
import { JetStreamResultStore } from "./result-store.ts";
import { headerText, store } from "./store.ts";
import { lastMessage, messageAt, readAll, type StoredMessage, streamBorn } from "./stored.ts";
import { ensureConsumer } from "./topology.ts";

const headerNames = {
  subject: "Hindcast-Subject",
  reason: "Hindcast-Reason",
  deliveries: "Hindcast-Deliveries",
  /** Once per attempt. */
  attempt: "Hindcast-Attempt",
} as const;

/** Body of `io.nats.jetstream.advisory.v1.max_deliver`, as far as it is read; the server may add to it. */
const MaxDeliveries = z.looseObject({ stream_seq: z.int().positive(), deliveries: z.int().positive() });

/** Holds a task while it is requeued. */
const operator = "w-operator" as WorkerId;

export interface DeadMessage {
  stream: string;
  sequence: number;
  subject: string;
  bytes: Uint8Array;
  reason: string;
  deliveries: number;
}

/**
 * The message id is the place it had in its stream, so moving it twice stores it once; beyond the server's window for
 * ids, the letter that is there already is compared.
 */
export async function storeDeadLetter(connection: Connection, dead: DeadMessage): Promise<void> {
  const subject = subjects.deadLetter(dead.stream, dead.sequence);
  const earlier = await lastMessage(connection, streams.deadLetters, subject);
  if (earlier !== null && Buffer.compare(earlier.bytes, dead.bytes) === 0) return;
  const history = await attemptHistory(connection, dead.bytes);
  await store(connection, {
    stream: streams.deadLetters,
    subject,
    bytes: dead.bytes,
    messageId: `dead-${dead.stream}-${dead.sequence}`,
    headers: {
      [headerNames.subject]: dead.subject,
      [headerNames.reason]: headerText(dead.reason),
      [headerNames.deliveries]: String(dead.deliveries),
      [headerNames.attempt]: history.map(toHeaderLine),
    },
  });
}

export class JetStreamDeadLetters implements DeadLetters {
  readonly #connection: Connection;
  readonly #results: JetStreamResultStore;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#results = new JetStreamResultStore(connection);
  }

  async list(): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    for await (const letter of this.read(1)) letters.push(letter);
    return letters;
  }

  async newest(): Promise<number> {
    return (await lastMessage(this.#connection, streams.deadLetters, subjects.deadLetters))?.sequence ?? 0;
  }

  async born(): Promise<string> {
    return await streamBorn(this.#connection, streams.deadLetters);
  }

  async *read(fromSequence: number): AsyncGenerator<DeadLetter> {
    const messages = readAll(this.#connection, streams.deadLetters, subjects.deadLetters, fromSequence);
    for await (const message of messages) yield toDeadLetter(message);
  }

  async get(sequence: number): Promise<DeadLetter> {
    return await this.#find(sequence);
  }

  async requeue(sequence: number): Promise<void> {
    const letter = await this.#find(sequence);
    const lease = await this.#holdUnended(letter);
    try {
      await store(this.#connection, { stream: letter.stream, subject: letter.subject, bytes: letter.payload });
    } catch (error) {
      // Already queued again: what was wanted is so.
      if (!isBusCode(error, "BUS_CONFLICT")) throw error;
    } finally {
      // It expires by itself, and what was asked for has happened.
      await lease?.release().catch(() => undefined);
    }
    await this.#delete(streams.deadLetters, sequence);
  }

  /**
   * A task that has ended would be queued, found to have ended, and removed: nothing would come of it. Its lease is held
   * meanwhile, so that no reconciler ends it between the look and the queueing.
   */
  async #holdUnended(letter: DeadLetter): Promise<Lease | null> {
    const task = taskOf(letter);
    if (letter.stream !== streams.tasks) return null;
    if (task === null) {
      const [, , , campaign, id] = letter.subject.split(".");
      const hasEnded = await this.#results.has(campaign as CampaignId, id as TaskId);
      if (hasEnded) throw ended(letter);
      return null;
    }
    const bus = { results: this.#results, leases: new BucketLeaseStore(this.#connection) };
    const opening = await openTask(bus, task, { worker: operator });
    if (opening.kind === "open") return opening.lease;
    throw opening.kind === "done" ? ended(letter) : held(letter);
  }

  async drop(sequence: number): Promise<void> {
    await this.#find(sequence);
    await this.#delete(streams.deadLetters, sequence);
  }

  async keepCopy(stream: string, sequence: number, why: { reason: string; deliveries: number }): Promise<void> {
    const message = await messageAt(this.#connection, stream, sequence);
    // Replaced or removed meanwhile: then nobody misses it.
    if (message === null) return;
    await storeDeadLetter(this.#connection, {
      stream,
      sequence,
      subject: message.subject,
      bytes: message.bytes,
      ...why,
    });
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
    const info = await this.#consumerOf(pool);
    const settled = info.num_ack_pending === 0 ? info.delivered.stream_seq : info.ack_floor.stream_seq;
    let moved = 0;
    for await (const message of readAll(this.#connection, streams.tasks, subjects.tasksOfPool(pool))) {
      if (message.sequence > settled) break;
      await this.#move(message, info.config.max_deliver ?? 0);
      moved += 1;
    }
    return moved;
  }

  /** One that somebody has deleted is made again, and delivers what is left. */
  async #consumerOf(pool: Pool): Promise<ConsumerInfo> {
    const consumer = taskConsumer(pool);
    return await patiently(this.#connection, `inspect consumer ${consumer}`, async () => {
      try {
        return await this.#connection.manager.consumers.info(streams.tasks, consumer);
      } catch (error) {
        if (!(error instanceof JetStreamApiError) || error.code !== apiCodes.consumerNotFound) throw error;
        await ensureConsumer(this.#connection, pool);
        return await this.#connection.manager.consumers.info(streams.tasks, consumer);
      }
    });
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
    history: fromHeaderLines(message.headers(headerNames.attempt)),
  };
}

/** Null for what is no task, or one of a form that is not known here. */
function taskOf({ payload }: DeadLetter): Task | null {
  try {
    return decode(Task, payload);
  } catch {
    return null;
  }
}

function ended({ sequence, subject }: DeadLetter): HindcastError {
  return new HindcastError({
    code: "BUS_CONFLICT",
    boundary: "bus",
    message:
      `dead letter ${sequence} (${subject}) was not requeued: its task has a terminal record, which stands for ever. ` +
      `Run its campaign again to have it done (answered model calls are not bought again), and drop the letter.`,
  });
}

function held({ sequence, subject }: DeadLetter): HindcastError {
  return new HindcastError({
    code: "BUS_CONFLICT",
    boundary: "bus",
    message: `dead letter ${sequence} (${subject}) was not requeued: a worker still holds its task; try again in a minute`,
    retryable: true,
  });
}
