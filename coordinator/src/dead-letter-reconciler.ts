// Tasks that no consumer will deliver again, because their workers died or were stopped too often: moves them to the
// dead letters and writes the terminal record that nobody else will, or their campaign would wait for ever.
import { setTimeout as delay } from "node:timers/promises";
import { decode, messageOf, noUsage, Task, type TaskResult, type WorkerId } from "@hindcast/shared";
import { type Bus, commit, type DeadLetter, type Logger, openTask, trajectoryDigest } from "@hindcast/shared/node";

const everyMs = 30_000;
/** Stands in a terminal record that no worker wrote. */
export const nobody = "w-none" as WorkerId;

type ReconcilerBus = Pick<Bus, "deadLetters" | "results" | "leases">;

/** Runs until `signal` aborts. What it moves stays in the dead letters until somebody requeues or drops it. */
export async function reconcileDeadLetters(
  { bus, pools, logger }: { bus: ReconcilerBus; pools: string[]; logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  const looked = new LookedAt();
  while (!signal.aborted) {
    try {
      await delay(everyMs, undefined, { signal });
      const moved = await bus.deadLetters.reconcile(pools);
      const ended = await endDeadTasks(bus, looked);
      if (moved > 0 || ended > 0) logger.warn({ event: "dead-letters.reconciled", moved, ended });
    } catch (error) {
      if (!signal.aborted) logger.warn({ event: "dead-letters.failed", err: error }, messageOf(error));
    }
  }
}

/** Which dead letters need no further look, so that each is read once and not again in every round. */
export class LookedAt {
  /** All below it. */
  until = 1;
  /** Above it, because a letter before them has to be looked at again. */
  readonly beyond = new Set<number>();

  #born: string | null = null;

  /**
   * A stream that was made anew counts from 1 again, however far it has come; one that no longer reaches to what was
   * looked at was put back as it once was. A second look does no harm.
   *
   * @param born when the stream was made
   */
  standsIn({ born, newest }: { born: string; newest: number }): void {
    const isSame = this.#born === null || this.#born === born;
    this.#born = born;
    if (isSame && newest >= this.until - 1) return;
    this.until = 1;
    this.beyond.clear();
  }

  settle(sequence: number): void {
    this.beyond.add(sequence);
  }

  /** @param firstOpen the first that is still to be looked at; null: none of those that were read. */
  advance(firstOpen: number | null): void {
    let last = this.until - 1;
    // Not spread into `Math.max`: a first round may settle more letters than a call has room for.
    for (const sequence of this.beyond) last = Math.max(last, sequence);
    this.until = firstOpen ?? last + 1;
    for (const sequence of this.beyond) if (sequence < this.until) this.beyond.delete(sequence);
  }
}

/**
 * Ends each dead task that has no terminal record as lost to infrastructure.
 * @param looked kept between calls.
 */
export async function endDeadTasks(bus: ReconcilerBus, looked: LookedAt = new LookedAt()): Promise<number> {
  // Its time first: of a stream that is made anew in between, the next round tells.
  const born = await bus.deadLetters.born();
  looked.standsIn({ born, newest: await bus.deadLetters.newest() });
  let firstHeld: number | null = null;
  let ended = 0;
  for await (const letter of bus.deadLetters.read(looked.until)) {
    if (looked.beyond.has(letter.sequence)) continue;
    const task = taskOf(letter);
    const outcome = task === null ? "unreadable" : await endDeadTask(bus, task, letter);
    if (outcome === "stored") ended += 1;
    if (outcome === "held") firstHeld ??= letter.sequence;
    else looked.settle(letter.sequence);
  }
  looked.advance(firstHeld);
  return ended;
}

/** `held`: its last worker may have missed a heartbeat and still be at it; then the record will be that worker's. */
async function endDeadTask(bus: ReconcilerBus, task: Task, letter: DeadLetter): Promise<"stored" | "stands" | "held"> {
  const opening = await openTask(bus, task, { worker: nobody });
  if (opening.kind !== "open") return opening.kind === "done" ? "stands" : "held";
  const written = await commit(bus, opening.lease, endOf(task, letter, opening.lease.token));
  if (written === "fenced") return "held";
  return written === "stored" ? "stored" : "stands";
}

/** Null for what is no task, or one that cannot be read: no campaign waits for that. */
function taskOf(letter: DeadLetter): Task | null {
  try {
    return decode(Task, letter.payload);
  } catch {
    return null;
  }
}

function endOf(task: Task, { reason, deliveries }: DeadLetter, fencingToken: number): TaskResult {
  const { campaignId, taskId } = task;
  const endedAt = new Date().toISOString();
  const head = { v: 1 as const, campaignId, taskId, workerId: nobody, endedAt, durationMs: 0 };
  const message = `no worker finished it in ${deliveries} deliveries: ${reason}`.slice(0, 2_000);
  if (task.kind === "replay") {
    return {
      ...head,
      kind: "replay.ended",
      episodeId: task.episodeId,
      from: task.from,
      outcome: "not-replayable",
      agreedTo: task.from,
      detail: message,
    };
  }
  const error = { code: "INTERNAL", boundary: "environment", message, retryable: false } as const;
  if (task.kind !== "rollout") {
    return {
      ...head,
      kind: "stage.ended",
      fencingToken,
      outcome: "failed",
      output: null,
      error: { ...error, boundary: "campaign" },
    };
  }
  return {
    ...head,
    kind: "episode.ended",
    episodeId: task.episodeId,
    attempt: Math.max(1, deliveries),
    fencingToken,
    reason: "infrastructure",
    closing: null,
    answer: null,
    steps: 0,
    digest: trajectoryDigest([]),
    evaluation: null,
    usage: noUsage,
    costUsd: null,
    error,
  };
}
