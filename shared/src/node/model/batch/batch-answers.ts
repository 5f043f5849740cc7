// From what became of a request in a batch to what its callers get. The journal has an answer before anybody else.
import type { Clock } from "../attempts.ts";
import { type Driver, DriverFailure } from "../driver.ts";
import { type JournalStore, writeJournaled } from "../journal.ts";
import type { Completion, CompletionRequest } from "../model.ts";
import type { PriceTable } from "../prices.ts";
import { completionOf, overflowAnswer, withinCap } from "../retry.ts";
import type { BatchItem, BatchOutcome } from "./batch-driver.ts";
import type { BatchItemOutcome, BatchRecord } from "./batch-record.ts";

export interface AnswerOptions {
  driver: Driver;
  prices: PriceTable;
  journal: JournalStore;
  clock: Pick<Clock, "now">;
}

/** `costUsd` null: it was answered, and for how much is not known. */
export type Taken = { costUsd: number | null } & (
  | { kind: "answered"; completion: Completion }
  /** Another batch may answer it. */
  | { kind: "unanswered"; outcome: BatchItemOutcome }
  /** No batch will. */
  | { kind: "failed"; failure: DriverFailure }
);

export interface TakenRequest {
  hash: string;
  /** Null: it was asked by a process that is gone. */
  request: CompletionRequest | null;
  outcome: BatchItem["outcome"];
}

export async function takeOutcome(options: AnswerOptions, record: BatchRecord, item: TakenRequest): Promise<Taken> {
  const { driver, prices, journal, clock } = options;
  const { hash, request } = item;
  if (item.outcome.kind === "expired" || item.outcome.kind === "cancelled") {
    return { kind: "unanswered", outcome: item.outcome.kind, costUsd: 0 };
  }
  const answer = answerOf(driver, item.outcome);
  if (answer instanceof DriverFailure) {
    // Neither provider bills what it refuses; what it answered and we cannot use, it bills.
    const costUsd = answer.kind === "answer-invalid" ? null : 0;
    return answer.isRetried
      ? { kind: "unanswered", outcome: "failed", costUsd }
      : { kind: "failed", failure: answer, costUsd };
  }
  const nowMs = clock.now();
  const attempts = record.items.find((each) => each.hash === hash)?.attempt ?? 1;
  const durationMs = Math.max(0, nowMs - Date.parse(record.createdAt));
  const bought = {
    ...completionOf({ driver, prices, nowMs, isBatched: true }, { hash, request }, answer),
    durationMs,
    attempts,
  };
  return {
    kind: "answered",
    costUsd: bought.costUsd,
    completion: { ...bought, ...(await writeJournaled(journal, hash, record.model, bought)) },
  };
}

function answerOf(
  driver: Driver,
  outcome: Exclude<BatchOutcome, { kind: "expired" | "cancelled" }>,
): ReturnType<typeof withinCap> | DriverFailure {
  try {
    if (outcome.kind === "answer") return withinCap(outcome.answer);
    return outcome.failure.kind === "context-overflow" ? overflowAnswer(driver) : outcome.failure;
  } catch (error) {
    if (error instanceof DriverFailure) return error;
    throw error;
  }
}
