// One batch from its intent to its results, by the process that holds its lease. The provider offers no idempotency, so
// a submission whose outcome is unknown (a crash, a cut connection) is looked for in the provider's list before anything
// is submitted again. What is written when, and what a crash in between leads to: docs/adr/0023-batches.md.
import { HindcastError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Lease } from "../../bus/bus.ts";
import { backoffMs, type Clock, failureError } from "../attempts.ts";
import { DriverFailure } from "../driver.ts";
import type { CompletionRequest } from "../model.ts";
import { type BatchPurse, holdAll } from "./batch-purse.ts";
import type { BatchDriver, BatchOutcome, BatchStatus } from "./batch-driver.ts";
import { type BatchRecord, customIdOf } from "./batch-record.ts";
import type { BatchStore, Versioned } from "./batch-store.ts";
import type { BatchTuning } from "./batch-tuning.ts";

export interface RunOptions {
  driver: BatchDriver;
  store: BatchStore;
  clock: Clock;
  random: () => number;
  tuning: BatchTuning;
  purse: BatchPurse;
  /** Whether nobody will do anything any more with the answers of a batch. */
  isUnwanted: (batch: BatchRecord) => Promise<boolean>;
  /** Called when the provider has taken a batch. */
  onTaken: () => void;
}

export interface HeldBatch {
  batch: Versioned<BatchRecord>;
  lease: Lease;
  /** By hash; null when the batch was taken over from another process, whose requests are not known. */
  requests: ReadonlyMap<string, CompletionRequest> | null;
}

/** How a batch came to its end. */
export type RunEnd =
  | { kind: "results"; batch: Versioned<BatchRecord> }
  /** It ended without results. */
  | { kind: "over"; batch: Versioned<BatchRecord>; status: Exclude<BatchStatus, { state: "running" | "ended" }> }
  /** The provider did not take it. */
  | { kind: "refused"; failure: DriverFailure }
  /** Another process had meant to submit it and did not; or nobody wants it any more. */
  | { kind: "absent"; reason: string }
  /** Its budgets have no room for it: somebody else was quicker. */
  | { kind: "no-room" };

/** Clocks differ: a batch may seem to be a little older than its intent. */
const clockSkewMs = 300_000;
/** A new batch may be unknown to one of the provider's servers for a moment. */
const pollsMissingMax = 3;

/** Submits the batch unless that has happened, and waits until it has ended. */
export async function runBatch(options: RunOptions, held: HeldBatch, signal: AbortSignal): Promise<RunEnd> {
  const submitted = await submit(options, held, signal);
  if ("kind" in submitted) return submitted;
  return await untilEnded(options, submitted, signal);
}

async function submit(
  options: RunOptions,
  { batch, lease, requests }: HeldBatch,
  signal: AbortSignal,
): Promise<Versioned<BatchRecord> | Extract<RunEnd, { kind: "refused" | "absent" | "no-room" }>> {
  const { driver, store, clock, random, tuning, purse } = options;
  if (batch.value.providerId !== null) return batch;
  let failure: DriverFailure | null = null;
  let mayExist = requests === null;
  for (let attempt = 1; ; attempt += 1) {
    if (mayExist) {
      await clock.sleep(tuning.settleMs, signal);
      const providerId = await locate(options, batch.value, signal);
      if (providerId !== null) return await store.update(batch, { state: "submitted", providerId });
      if (requests === null) return { kind: "absent", reason: "it was never submitted" };
    }
    if (await options.isUnwanted(batch.value)) return { kind: "absent", reason: "its campaigns are over" };
    if (failure !== null && (!failure.isRetried || attempt > limits.modelAttemptsMax))
      return { kind: "refused", failure };
    if (!(await holdAll(purse, batch.value, signal))) return { kind: "no-room" };
    // Right before the one step that cannot be taken back: whoever lost the lease meanwhile must not take it.
    if (!(await lease.renew())) throw leaseLost(batch.value);
    try {
      const providerId = await driver.submit(submissionOf(batch.value, requests ?? new Map()), within(signal));
      options.onTaken();
      return await store.update(batch, { state: "submitted", providerId });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof DriverFailure)) throw error;
      failure = error;
      mayExist = isUncertain(error);
      const waitMs = Math.min(error.retryAfterMs ?? backoffMs(attempt, random), limits.modelRetryDelayMsMax);
      if (error.isRetried && attempt < limits.modelAttemptsMax) await clock.sleep(waitMs, signal);
    }
  }
}

function submissionOf(
  record: BatchRecord,
  requests: ReadonlyMap<string, CompletionRequest>,
): Parameters<BatchDriver["submit"]>[0] {
  const entries = record.items.flatMap(({ hash }) => {
    const request = requests.get(hash);
    return request === undefined ? [] : [{ customId: customIdOf(record, hash), request }];
  });
  return { name: record.id, entries };
}

/** Whether the provider may have taken what it did not confirm: everything but a refusal in so many words. */
function isUncertain({ status }: DriverFailure): boolean {
  return status === null || status === 408 || (status >= 500 && status !== 529);
}

/** The provider's id of a batch that may have been submitted; null when it was not. */
async function locate(options: RunOptions, record: BatchRecord, signal: AbortSignal): Promise<string | null> {
  const { driver, store, clock } = options;
  const open = await store.openOf((await store.register()).value);
  const lost = {
    name: record.id,
    customIds: customIdsOf(record),
    sinceMs: Date.parse(record.createdAt) - clockSkewMs,
    knownIds: new Set(open.flatMap(({ providerId }) => (providerId === null ? [] : [providerId]))),
  };
  for (const waitMs of pollWaits(options)) {
    const found = await patiently(options, () => driver.find(lost, within(signal)), signal);
    if (found.kind === "found") return found.id;
    if (found.kind === "absent" || isTooOld(record, clock)) return null;
    await clock.sleep(waitMs, signal);
  }
  return null;
}

async function untilEnded(
  options: RunOptions,
  submitted: Versioned<BatchRecord>,
  signal: AbortSignal,
): Promise<RunEnd> {
  const { driver, store, clock } = options;
  let batch = submitted;
  const providerId = batch.value.providerId ?? "";
  let missing = 0;
  for (const waitMs of pollWaits(options)) {
    try {
      const status = await patiently(options, () => driver.poll(providerId, within(signal)), signal);
      missing = 0;
      if (status.state === "ended") return { kind: "results", batch };
      if (status.state !== "running") return { kind: "over", batch, status };
      if (status.done !== null && status.done !== batch.value.done)
        batch = await store.update(batch, { done: status.done });
      batch = await noteUnwanted(options, batch);
      batch = await tellUnwanted(options, batch, signal);
    } catch (error) {
      if (!(error instanceof HindcastError) || error.boundary !== "model") throw error;
      // An outage delays the news of a batch; what is in it is paid for all the same.
      if (!error.retryable && error.code !== "MODEL_UNKNOWN") throw error;
      missing = error.retryable ? 0 : missing + 1;
      const reason = `the provider no longer knows batch ${providerId}`;
      if (missing >= pollsMissingMax) {
        return { kind: "over", batch, status: { state: "failed", reason, mayBeBilled: true } };
      }
    }
    if (isTooOld(batch.value, clock)) break;
    await clock.sleep(waitMs, signal);
  }
  const reason = `batch ${providerId} did not end within ${limits.batchOpenMsMax / 3_600_000} hours`;
  return { kind: "over", batch, status: { state: "expired", reason, mayBeBilled: true } };
}

/** Writes down that nobody wants a batch any more, before the provider is told. */
async function noteUnwanted(options: RunOptions, batch: Versioned<BatchRecord>): Promise<Versioned<BatchRecord>> {
  const { store, clock } = options;
  if (batch.value.cancel !== null || !(await options.isUnwanted(batch.value))) return batch;
  return await store.update(batch, { cancel: { seenAt: new Date(clock.now()).toISOString(), toldAt: null } });
}

/**
 * Has the provider stop a batch that nobody wants, until it is written down that it was told: whoever takes the batch over
 * in between tells it again. What was answered by then is read and paid for as ever.
 */
async function tellUnwanted(
  options: RunOptions,
  batch: Versioned<BatchRecord>,
  signal: AbortSignal,
): Promise<Versioned<BatchRecord>> {
  const { driver, store, clock } = options;
  const { cancel, providerId } = batch.value;
  if (cancel === null || cancel.toldAt !== null) return batch;
  try {
    await patiently(options, () => driver.cancel(providerId ?? "", within(signal)), signal);
  } catch (error) {
    // It has ended meanwhile, says the provider, and the next look will show it.
    if (!(error instanceof HindcastError && error.code === "MODEL_REQUEST_INVALID")) throw error;
  }
  return await store.update(batch, { cancel: { ...cancel, toldAt: new Date(clock.now()).toISOString() } });
}

/** Tells the outcome of each request of a batch that has ended, once. */
export async function readResults(
  options: RunOptions,
  record: BatchRecord,
  { onOutcome, signal }: { onOutcome: (hash: string, outcome: BatchOutcome) => Promise<void>; signal: AbortSignal },
): Promise<void> {
  const hashes = new Map(record.items.map(({ hash }) => [customIdOf(record, hash), hash]));
  const read = async (): Promise<void> => {
    for await (const { customId, outcome } of options.driver.results(
      record.providerId ?? "",
      new Set(hashes.keys()),
      signal,
    )) {
      const hash = hashes.get(customId);
      if (hash === undefined) continue;
      await onOutcome(hash, outcome);
      hashes.delete(customId);
    }
  };
  await patiently(options, read, signal);
}

/** Reading from the provider is free, so it is tried until it works, within the usual bounds. */
async function patiently<T>(
  { driver, clock, random }: RunOptions,
  read: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await read();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof DriverFailure)) throw error;
      if (!error.isRetried || attempt >= limits.modelAttemptsMax) throw failureError(driver.driver.id, error, attempt);
      const waitMs = error.retryAfterMs ?? backoffMs(attempt, random);
      await clock.sleep(Math.min(waitMs, limits.modelRetryDelayMsMax), signal);
    }
  }
}

function* pollWaits({ tuning }: RunOptions): Generator<number, void> {
  for (let waitMs = tuning.pollMs; ; waitMs = Math.min(1.5 * waitMs, tuning.pollMsMax)) yield waitMs;
}

function customIdsOf(record: BatchRecord): ReadonlySet<string> {
  return new Set(record.items.map(({ hash }) => customIdOf(record, hash)));
}

/** Past the time by which every batch has ended. */
export function isTooOld({ createdAt }: BatchRecord, clock: Pick<Clock, "now">): boolean {
  return clock.now() - Date.parse(createdAt) > limits.batchOpenMsMax;
}

function within(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(limits.modelCallTimeoutMs)]);
}

function leaseLost({ id }: BatchRecord): HindcastError {
  return new HindcastError({
    code: "BUS_CONFLICT",
    boundary: "bus",
    message: `batch ${id} was taken over by another process`,
    retryable: true,
  });
}
