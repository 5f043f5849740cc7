// The work queue of rollout tasks. Publishing waits while the stream is full; leasing pulls exactly what the worker has
// slots for, because the library's `consume` would hoard a hundred tasks in a slow worker.
import { setTimeout as delay } from "node:timers/promises";
import { type ConsumerInfo, JetStreamApiError } from "@nats-io/jetstream";
import { type Msg, nanos } from "@nats-io/transport-node";
import type { CampaignId } from "../../domain/ids.ts";
import { limits } from "../../limits.ts";
import { encode } from "../../protocol/envelope.ts";
import { type Pool, streams, subjects, taskConsumer } from "../../protocol/subjects.ts";
import { Task } from "../../protocol/task.ts";
import { apiCodes, isBusCode, isTransient, toBusError } from "./bus-errors.ts";
import type { LeasedTask, QueueState, TaskQueue } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { ConversationRefused, converse } from "./conversation.ts";
import { handBack, leasedTask } from "./leased-task.ts";
import { patiently, retryDelayMs } from "./patience.ts";
import { store } from "./store.ts";
import { traceHeaders } from "../telemetry/span.ts";
import { TimeLimit } from "../work/time-limit.ts";
import { readAll } from "./stored.ts";

const heartbeatMs = 5_000;

export class JetStreamTaskQueue implements TaskQueue {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async publish(task: Task, signal: AbortSignal): Promise<"queued" | "duplicate"> {
    const message = {
      stream: streams.tasks,
      subject: subjects.task(task.pool, task.campaignId, task.taskId),
      bytes: encode(Task, task),
      // In the header alone: the task itself is the same whether it is traced or not.
      headers: traceHeaders(),
      signal,
    };
    for (let attempt = 1; ; attempt += 1) {
      try {
        await store(this.#connection, message);
        return "queued";
      } catch (error) {
        if (isBusCode(error, "BUS_CONFLICT")) return "duplicate";
        if (!isBusCode(error, "BUS_FULL")) throw error;
        await delay(retryDelayMs(attempt, limits.backpressureDelayMsMax), undefined, { signal });
      }
    }
  }

  async lease(pool: Pool, slots: number, waitMs: number, signal: AbortSignal): Promise<LeasedTask[]> {
    const consumer = taskConsumer(pool);
    const batch = Math.min(slots, limits.readBatchMax);
    using patience = new TimeLimit(waitMs, signal);
    try {
      await this.#connection.whenUp(patience.signal);
      // What is there, at once; else the first that comes. One pull for both would hold back the first message until
      // the batch is full or the time is up.
      const ready = await this.#pull(consumer, { batch, no_wait: true }, signal);
      if (ready.length > 0 || signal.aborted) return await this.#accept(ready, signal);
      const expires = Math.max(100, waitMs);
      const heartbeat = expires > 2 * heartbeatMs ? { idle_heartbeat: nanos(heartbeatMs) } : {};
      const first = await this.#pull(consumer, { batch: 1, expires: nanos(expires), ...heartbeat }, signal);
      return await this.#accept(first, signal);
    } catch (error) {
      if (signal.aborted || (patience.hasPassed && error === patience.signal.reason)) return [];
      return await this.#afterFailure(error, pool, waitMs, signal);
    }
  }

  async purge(campaign: CampaignId): Promise<number> {
    const connection = this.#connection;
    let removed = 0;
    for await (const consumer of connection.manager.consumers.list(streams.tasks)) {
      const pool = consumer.config.filter_subject?.split(".")[2] ?? "*";
      const undelivered = consumer.delivered.stream_seq + 1;
      const queued = readAll(connection, streams.tasks, subjects.tasksOfCampaign(pool, campaign), undelivered);
      for await (const message of queued) removed += Number(await this.#delete(message.sequence));
    }
    return removed;
  }

  async backlog(pool: Pool): Promise<{ queued: number; working: number }> {
    const { num_pending: queued, num_ack_pending: working } = await this.#consumer(pool);
    return { queued, working };
  }

  async inspect(pool: Pool): Promise<QueueState> {
    const info = await this.#consumer(pool);
    const { max_ack_pending: max } = info.config;
    return {
      queued: info.num_pending,
      working: info.num_ack_pending,
      workingMax: max === undefined || max <= 0 ? null : max,
      oldestQueuedMs: info.num_pending === 0 ? null : await this.#oldestMs(pool, info),
    };
  }

  #consumer(pool: Pool): Promise<ConsumerInfo> {
    const consumer = taskConsumer(pool);
    return patiently(this.#connection, `inspect consumer ${consumer}`, () =>
      this.#connection.manager.consumers.info(streams.tasks, consumer),
    );
  }

  async #oldestMs(pool: Pool, info: ConsumerInfo): Promise<number | null> {
    const next = { seq: info.delivered.stream_seq + 1, next_by_subj: subjects.tasksOfPool(pool) };
    const message = await patiently(this.#connection, `look at the oldest task of ${pool}`, () =>
      this.#connection.manager.direct.getMessage(streams.tasks, next),
    );
    return message === null ? null : Math.max(0, Date.now() - message.time.getTime());
  }

  async #pull(
    consumer: string,
    request: { batch: number; no_wait?: boolean; expires?: number; idle_heartbeat?: number },
    signal: AbortSignal,
  ): Promise<Msg[]> {
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${streams.tasks}.${consumer}`;
    const waitMs = (request.expires ?? 0) / 1_000_000;
    const idleMs = request.idle_heartbeat === undefined ? waitMs + limits.busTryTimeoutMs : 2.5 * heartbeatMs;
    const messages: Msg[] = [];
    const conversation = converse(this.#connection, subject, request, { messagesMax: request.batch, idleMs, signal });
    try {
      for await (const message of conversation) messages.push(message);
    } catch (error) {
      // What has arrived is leased; the reason why no more came will show again at the next pull.
      if (messages.length === 0) throw error;
    }
    return messages;
  }

  async #accept(messages: Msg[], signal: AbortSignal): Promise<LeasedTask[]> {
    if (signal.aborted) {
      for (const message of messages) handBack(message);
      return [];
    }
    const leased: LeasedTask[] = [];
    for (const message of messages) {
      const task = await leasedTask(this.#connection, message);
      if (task !== null) leased.push(task);
    }
    return leased;
  }

  /** A lost connection, a restarting server or a consumer that is not (yet) there pass; what is forbidden does not. */
  async #afterFailure(error: unknown, pool: Pool, waitMs: number, signal: AbortSignal): Promise<LeasedTask[]> {
    const isConsumerGone = error instanceof ConversationRefused && [409, 503].includes(error.status);
    if (!isConsumerGone && !isTransient(error)) throw toBusError(error, `lease tasks of pool ${pool}`);
    this.#connection.report(
      isConsumerGone
        ? `error no consumer ${taskConsumer(pool)} on ${streams.tasks} yet; waiting for the coordinator`
        : `error ${toBusError(error, `lease tasks of pool ${pool}`).message}`,
    );
    await delay(Math.min(waitMs, limits.busRetryDelayMsMax), undefined, { signal }).catch(() => undefined);
    return [];
  }

  async #delete(sequence: number): Promise<boolean> {
    const remove = (): Promise<boolean> => this.#connection.manager.streams.deleteMessage(streams.tasks, sequence);
    try {
      return await patiently(this.#connection, `remove task ${sequence}`, remove);
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      // Acknowledged, hence removed, between the look and the deletion.
      if (cause instanceof JetStreamApiError && messageIsGone(cause)) return false;
      throw error;
    }
  }
}

function messageIsGone(error: JetStreamApiError): boolean {
  return error.code === apiCodes.messageNotFound || error.code === apiCodes.messageDeleteFailed;
}
