// Pulls as many tasks as there are free slots, keeps each leased while it is worked on, and decides by one table what
// happens to its message. What a task *is* lives in the handlers; nothing here knows of episodes.
import { type HindcastError, toHindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { streams } from "../../protocol/subjects.ts";
import type { Bus, LeasedTask } from "../bus/bus.ts";
import type { Logger } from "../logger.ts";
import { inSpan, type SpanOptions } from "../telemetry/span.ts";
import { firstOf, pause } from "./wait.ts";

/** Longest wait of one pull; a draining worker stops waiting at once. */
const pullWaitMs = 5_000;
/** Pause after a pull that failed (the server is away), doubling up to the cap. */
const pullRetryMs = 250;
const pullRetryMsMax = 5_000;

/** What a handler did with its task. */
export type Handled =
  /** A terminal record stands (written now or found): remove the message. */
  | { kind: "done" }
  /** Not finished, nothing wrong: another worker may go on, at once or after a pause. */
  | { kind: "handed-back"; delayMs: number }
  /**
   * Not finished, and nobody is to go on for now: remove the message. What it has done stands, and whoever resumes the
   * campaign queues it again, so that a pause uses up no delivery.
   */
  | { kind: "parked" }
  /**
   * Another delivery of it is being worked on. Nothing is said of the message: the other holder's heartbeats keep it,
   * and if that holder dies it comes again. Handing back would use up a delivery and start it a third time.
   */
  | { kind: "left" };

export interface TaskHandler {
  /** @throws anything; a retryable error is tried again on another delivery, the rest goes to `giveUp`. */
  handle(leased: LeasedTask, signal: AbortSignal): Promise<Handled>;
  /** Writes the terminal record of a task that cannot be worked on. */
  giveUp(leased: LeasedTask, error: HindcastError): Promise<void>;
}

/** How many tasks a worker takes, where that may change. */
export interface Slots {
  /** 0: none for now. */
  readonly now: number;
  /** Aborts at the next change; then there is a fresh one. */
  readonly changed: AbortSignal;
  /** Is told how many tasks are held. */
  held(count: number): void;
}

/** What metrics are told. */
export interface LeaseLoopObserver {
  delivered(isFirst: boolean): void;
  handled(how: Handled["kind"] | "retried" | "dead-lettered" | "unsettled"): void;
  held(count: number): void;
}

export interface LeaseLoopOptions {
  bus: Pick<Bus, "tasks">;
  pool: string;
  slots: number | Slots;
  /** Time between two heartbeats of a task, a third of its pool's ack_wait. @default limits.workingEveryMs */
  workingEveryMs?: number;
  /** Deliveries of a task, its pool's max_deliver. @default limits.deliveriesMax */
  deliveriesMax?: number;
  handler: TaskHandler;
  logger: Logger;
  observer?: LeaseLoopObserver | undefined;
  /** Stop pulling, let handlers hand back. */
  drain: AbortSignal;
  /** Stop everything now. */
  abort: AbortSignal;
}

/** @returns when the worker drained: every task that it held is finished or handed back. */
export async function runLeaseLoop(options: LeaseLoopOptions): Promise<void> {
  const { bus, pool, drain, logger } = options;
  const slots = typeof options.slots === "number" ? fixed(options.slots) : options.slots;
  const inFlight = new Set<Promise<void>>();
  let changed = slots.changed;
  let wake = AbortSignal.any([drain, changed]);
  let retryMs = pullRetryMs;
  const tell = (): void => {
    slots.held(inFlight.size);
    options.observer?.held(inFlight.size);
  };
  while (!drain.aborted) {
    if (slots.changed !== changed) {
      changed = slots.changed;
      wake = AbortSignal.any([drain, changed]);
    }
    const free = slots.now - inFlight.size;
    if (free <= 0) {
      await firstOf(inFlight, wake);
      continue;
    }
    try {
      for (const leased of await bus.tasks.lease(pool, free, pullWaitMs, wake)) {
        const work = workOn(leased, options).finally(() => {
          inFlight.delete(work);
          tell();
        });
        inFlight.add(work);
        tell();
      }
      retryMs = pullRetryMs;
    } catch (error) {
      if (drain.aborted) break;
      logger.warn({ event: "lease.pull-failed", err: error, retryMs }, "could not pull tasks");
      await pause(retryMs, drain);
      retryMs = Math.min(retryMs * 2, pullRetryMsMax);
    }
  }
  await Promise.all(inFlight);
}

function fixed(now: number): Slots {
  return { now, changed: new AbortController().signal, held: () => undefined };
}

/** The redelivery table of docs/protocol.md. Never rejects: a task's fault is not the loop's. */
async function workOn(leased: LeasedTask, options: LeaseLoopOptions): Promise<void> {
  const { handler, logger, abort, drain, observer, workingEveryMs = limits.workingEveryMs } = options;
  observer?.delivered(leased.deliveryCount === 1);
  const log = logger.child({ taskId: leased.task.taskId, delivery: leased.deliveryCount });
  const heartbeat = setInterval(() => leased.working(), workingEveryMs);
  try {
    const handled = await inSpan(`task ${leased.task.kind}`, spanOf(leased), () => handler.handle(leased, abort));
    if (handled.kind === "done" || handled.kind === "parked") await leased.done();
    else if (handled.kind === "handed-back") leased.handBack(Math.min(handled.delayMs, limits.nakDelayMsMax));
    observer?.handled(handled.kind);
    log.debug({ event: "lease.ended", handled: handled.kind });
  } catch (error) {
    const how = await settleFailure(leased, toHindcastError(error, "environment"), {
      handler,
      log,
      isStopping: abort.aborted || drain.aborted,
      deliveriesMax: options.deliveriesMax ?? limits.deliveriesMax,
    });
    observer?.handled(how);
  } finally {
    clearInterval(heartbeat);
  }
}

function spanOf({ task, traceparent, deliveryCount }: LeasedTask): SpanOptions {
  return {
    kind: "consumer",
    parent: traceparent ?? task.traceparent,
    attributes: {
      "messaging.system": "nats",
      "messaging.operation.type": "process",
      "messaging.destination.name": streams.tasks,
      "hindcast.pool": task.pool,
      "hindcast.campaign.id": task.campaignId,
      "hindcast.task.id": task.taskId,
      "hindcast.task.delivery": deliveryCount,
    },
  };
}

async function settleFailure(
  leased: LeasedTask,
  error: HindcastError,
  {
    handler,
    log,
    isStopping,
    deliveriesMax,
  }: Pick<LeaseLoopOptions, "handler"> & {
    log: Logger;
    isStopping: boolean;
    deliveriesMax: number;
  },
): Promise<"handed-back" | "retried" | "dead-lettered" | "unsettled"> {
  try {
    if (isStopping) {
      leased.handBack(0);
      return "handed-back";
    }
    const isLast = leased.deliveryCount >= deliveriesMax;
    if (error.retryable && !isLast) {
      log.warn({ event: "lease.retry", code: error.code, err: error }, "will be tried again");
      leased.handBack(Math.min(500 * 2 ** leased.deliveryCount, limits.nakDelayMsMax));
      return "retried";
    }
    log.error({ event: "lease.gave-up", code: error.code, err: error }, "gave up on the task");
    await handler.giveUp(leased, error);
    await leased.deadLetter(`${error.code}: ${error.message}`);
    return "dead-lettered";
  } catch (settleError) {
    // The lease runs out by itself and another delivery finds the same fault or the stored result.
    log.error({ event: "lease.unsettled", err: settleError }, "could not settle a failed task");
    return "unsettled";
  }
}
