// Asking a provider until it answers: waits for its rate limits, tries again where that can help, counts what was
// sent. The SDKs' own retries are off, because attempts that they hide would escape the rate-limit lanes and the counts.
// Never tried again: spend limits and daily quotas, refused keys, refused requests, unknown models.
import { setTimeout as sleep } from "node:timers/promises";
import { HindcastError, toHindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { TimeLimit } from "../work/time-limit.ts";
import type { Admission, AdmissionRequest, AttemptResult } from "./admission.ts";
import { DriverFailure, failureRules } from "./driver.ts";
import { Lanes } from "./lanes.ts";
import { LocalAdmission } from "./local-admission.ts";
import type { RateLimitBucket } from "./rate-limit-headers.ts";

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    try {
      await sleep(ms, undefined, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  },
};

export interface RetryEvent {
  model: string;
  failure: DriverFailure;
  /** The attempt that failed, from 1. */
  attempt: number;
}

export interface AttemptOptions {
  /** Gives every request its ticket. @default that of this process alone, over `lanes` */
  admission?: Admission;
  /** Share one between all models of a process. */
  lanes?: Lanes;
  clock?: Clock;
  /** Uniform in [0, 1). */
  random?: () => number;
  /** Longest wait for one answer. @default limits.modelCallTimeoutMs */
  attemptTimeoutMs?: number;
  /** Told of every failure that is followed by another attempt. */
  onRetry?: (event: RetryEvent) => void;
}

/** Who asks: one model of one provider. */
export interface Caller {
  /** `provider:model`. */
  id: string;
  lane: string;
  admission: Admission;
  clock: Clock;
  random: () => number;
  attemptTimeoutMs: number;
  onRetry: (event: RetryEvent) => void;
}

export function callerOf({ id, lane }: { id: string; lane: string }, options: AttemptOptions): Caller {
  const [clock, random] = [options.clock ?? systemClock, options.random ?? Math.random];
  return {
    id,
    lane,
    admission: options.admission ?? new LocalAdmission(options.lanes ?? new Lanes(), clock, random),
    clock,
    random,
    attemptTimeoutMs: options.attemptTimeoutMs ?? limits.modelCallTimeoutMs,
    onRetry: options.onRetry ?? (() => undefined),
  };
}

const backoffBaseMs = 500;
/** Times that one call waits for a lane whose money is spent: each is a pause of a quarter of an hour or more. */
const pausesMax = 1_000;

/** Delay before attempt `attempt + 1` where the provider names none: half of a capped exponential, plus jitter. */
export function backoffMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(limits.modelRetryDelayMsMax, backoffBaseMs * 2 ** (attempt - 1));
  return ceiling / 2 + (random() * ceiling) / 2;
}

interface Answered {
  /** Rate limits that the answer's headers report. */
  buckets: RateLimitBucket[];
  /** What was used; null or absent: as estimated. */
  used?: Pick<AttemptResult, "usage" | "costUsd">;
}

/** What a request is estimated to take. */
export type CallNeed = Omit<AdmissionRequest, "model" | "lane">;

/**
 * Sends until there is an answer or a failure that no further attempt would mend. Every attempt is admitted first.
 * @throws HindcastError what `Admission.admit` throws.
 */
export async function attempting<A extends Answered>(
  caller: Caller,
  need: CallNeed,
  send: (signal: AbortSignal) => Promise<A>,
  signal: AbortSignal,
): Promise<{ outcome: A | DriverFailure; attempts: number }> {
  let [invalidAnswers, pauses] = [0, 0];
  for (let attempt = 1; ; attempt++) {
    const outcome = await attemptOnce(caller, need, send, signal);
    if (!(outcome instanceof DriverFailure)) return { outcome, attempts: attempt };
    if (outcome.kind === "answer-invalid") invalidAnswers++;
    // The lane is paused now: the next admission waits until it is not.
    const isPause = outcome.kind === "budget-exhausted" && caller.admission.isPausing && pauses++ < pausesMax;
    const isLast = attempt - pauses >= limits.modelAttemptsMax || invalidAnswers >= limits.modelInvalidAnswersMax;
    const isFinal = !outcome.isRetried || isLast || outcome.kind === "context-overflow";
    if (isFinal && !isPause) return { outcome, attempts: attempt };
    caller.onRetry({ model: caller.id, failure: outcome, attempt });
    if (outcome.retryAfterMs === null && !isPause) {
      await caller.clock.sleep(backoffMs(attempt, caller.random), signal);
    }
  }
}

/** What the caller of a model is told when it was not answered. */
export function failureError(id: string, failure: DriverFailure, attempts: number): HindcastError {
  const { code, remedy } = failureRules[failure.kind];
  const status = failure.status === null ? "" : ` (HTTP ${failure.status})`;
  const tries = attempts === 1 ? "" : ` after ${attempts} attempts`;
  return new HindcastError({
    code,
    boundary: "model",
    message: `${id} failed${status}${tries}: ${failure.message}. ${remedy}`,
    retryable: failure.isRetried,
    cause: failure,
  });
}

// oxlint-disable-next-line max-params -- who sends what under which signal
async function attemptOnce<A extends Answered>(
  { id, lane, admission, clock, attemptTimeoutMs }: Caller,
  need: CallNeed,
  send: (signal: AbortSignal) => Promise<A>,
  signal: AbortSignal,
): Promise<A | DriverFailure> {
  const ticket = await admission.admit({ model: id, lane, ...need }, signal);
  const startedAtMs = clock.now();
  const settle = (result: Omit<AttemptResult, "durationMs">): void =>
    ticket.settle({ ...result, durationMs: Math.max(0, clock.now() - startedAtMs) });
  using patience = new TimeLimit(attemptTimeoutMs, signal);
  try {
    const answer = await send(patience.signal);
    const used = answer.used ?? { usage: null, costUsd: null };
    settle({ kind: "answered", ...used, retryAfterMs: null, detail: "", buckets: answer.buckets });
    return answer;
  } catch (error) {
    const failure = patience.hasPassed
      ? new DriverFailure({ kind: "timeout", message: `no complete answer within ${attemptTimeoutMs} ms` })
      : error;
    settle(signal.aborted || !(failure instanceof DriverFailure) ? abortedResult : failedResult(failure));
    signal.throwIfAborted();
    if (!(failure instanceof DriverFailure)) throw toHindcastError(failure, "model");
    return failure;
  }
}

const abortedResult: Omit<AttemptResult, "durationMs"> = {
  kind: "aborted",
  usage: null,
  costUsd: null,
  retryAfterMs: null,
  detail: "",
  buckets: [],
};

function failedResult(failure: DriverFailure): Omit<AttemptResult, "durationMs"> {
  const { kind, retryAfterMs, buckets, message, mayBeBilled } = failure;
  return { kind, usage: null, costUsd: mayBeBilled ? null : 0, retryAfterMs, detail: message, buckets };
}
