// What a vendor's batch endpoint provides, beside its driver: requests handed in together, answered some time within a
// day or two at half the price, in any order. No retries, no prices, nothing durable: that is added once (batch-desk.ts).
import type { Driver, DriverAnswer, DriverFailure } from "../driver.ts";
import type { CompletionRequest } from "../model.ts";

export interface BatchEntry {
  /** Unique within the batch; `^[a-zA-Z0-9_-]{1,64}$`. */
  customId: string;
  request: CompletionRequest;
}

export interface BatchSubmission {
  /** Shown by the provider where it has names for batches. */
  name: string;
  entries: readonly BatchEntry[];
}

/** A batch that may have been submitted although its id never arrived. */
export interface LostBatch {
  name: string;
  customIds: ReadonlySet<string>;
  /** Epoch milliseconds before which it was not submitted. */
  sinceMs: number;
  /** Batches that are known to be other ones. */
  knownIds: ReadonlySet<string>;
}

/** `undecided`: a batch that may be it is still being worked on, and only its results will tell. */
export type FoundBatch = { kind: "found"; id: string } | { kind: "absent" } | { kind: "undecided" };

export type BatchStatus =
  /** `done`: requests that are finished; null where the provider does not say. */
  | { state: "running"; done: number | null }
  /** Every request has an outcome that can be read. */
  | { state: "ended" }
  /** It is over and has no results; what was billed nevertheless, nobody says. */
  | { state: "expired" | "cancelled" | "failed"; reason: string; mayBeBilled: boolean };

/** What became of one request of a batch that has ended. */
export type BatchOutcome =
  | { kind: "answer"; answer: DriverAnswer }
  | { kind: "failed"; failure: DriverFailure }
  | { kind: "expired" }
  | { kind: "cancelled" };

export interface BatchItem {
  customId: string;
  outcome: BatchOutcome;
}

/** Every method throws DriverFailure; on an abort of its signal, anything. */
export interface BatchDriver {
  readonly driver: Driver;
  /** @returns the provider's id of the batch. */
  submit(submission: BatchSubmission, signal: AbortSignal): Promise<string>;
  find(batch: LostBatch, signal: AbortSignal): Promise<FoundBatch>;
  poll(id: string, signal: AbortSignal): Promise<BatchStatus>;
  /** One outcome for each of `customIds`, in any order; a list that is cut short is a failure, never a shorter list. */
  results(id: string, customIds: ReadonlySet<string>, signal: AbortSignal): AsyncIterable<BatchItem>;
  /** What was finished by then stays readable. */
  cancel(id: string, signal: AbortSignal): Promise<void>;
}
