// Asking a provider until it answers: waits for its rate limits, tries again where that can help, counts what was
// sent. The SDKs' own retries are off, because attempts that they hide would escape the rate-limit lanes and the counts.
// Never tried again: spend limits and daily quotas, refused keys, refused requests, unknown models.
import { setTimeout as sleep } from "node:timers/promises";
import { HindcastError, toHindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { DriverFailure, failureRules } from "./driver.ts";
import { type Lane, Lanes, type Need } from "./lanes.ts";
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
  lane: Lane;
  clock: Clock;
  random: () => number;
  attemptTimeoutMs: number;
  onRetry: (event: RetryEvent) => void;
}

export function callerOf({ id, lane }: { id: string; lane: string }, options: AttemptOptions): Caller {
  return {
    id,
    lane: (options.lanes ?? new Lanes()).of(lane),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    attemptTimeoutMs: options.attemptTimeoutMs ?? limits.modelCallTimeoutMs,
    onRetry: options.onRetry ?? (() => undefined),
  };
}

const backoffBaseMs = 500;
/** After a told wait, callers of a lane spread over this long, so that they do not all come at once. */
const stampedeSpreadMs = 1_000;

/** Delay before attempt `attempt + 1` where the provider names none: half of a capped exponential, plus jitter. */
export function backoffMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(limits.modelRetryDelayMsMax, backoffBaseMs * 2 ** (attempt - 1));
  return ceiling / 2 + (random() * ceiling) / 2;
}

interface Answered {
  /** Rate limits that the answer's headers report. */
  buckets: RateLimitBucket[];
}

/**
 * Sends until there is an answer or a failure that no further attempt would mend.
 * @throws HindcastError MODEL_RATE_LIMITED when the lane stays closed for longer than one wait may take.
 */
export async function attempting<A extends Answered>(
  caller: Caller,
  need: Need,
  send: (signal: AbortSignal) => Promise<A>,
  signal: AbortSignal,
): Promise<{ outcome: A | DriverFailure; attempts: number }> {
  let invalidAnswers = 0;
  for (let attempt = 1; ; attempt++) {
    await waitForLane(caller, need, signal);
    const outcome = await attemptOnce(caller, send, signal);
    if (!(outcome instanceof DriverFailure)) return { outcome, attempts: attempt };
    if (outcome.kind === "answer-invalid") invalidAnswers++;
    const isLast = attempt >= limits.modelAttemptsMax || invalidAnswers >= limits.modelInvalidAnswersMax;
    if (!outcome.isRetried || isLast || outcome.kind === "context-overflow") return { outcome, attempts: attempt };
    caller.onRetry({ model: caller.id, failure: outcome, attempt });
    if (outcome.retryAfterMs === null) await caller.clock.sleep(backoffMs(attempt, caller.random), signal);
    else caller.lane.closeUntil(caller.clock.now() + outcome.retryAfterMs);
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

/** Waits until the lane is open; a lane that stays closed longer than one wait may take is an error, not a stall. */
async function waitForLane({ id, lane, clock, random }: Caller, need: Need, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let waitedMs = 0;
  for (let wait = lane.waitMs(need, clock.now()); wait > 0; wait = lane.waitMs(need, clock.now())) {
    if (waitedMs + wait > limits.modelRetryDelayMsMax + stampedeSpreadMs) {
      throw new HindcastError({
        code: "MODEL_RATE_LIMITED",
        boundary: "model",
        message: `${id} is rate-limited for another ${Math.ceil(wait / 1_000)} s. ${failureRules["rate-limited"].remedy}`,
        retryable: true,
      });
    }
    // Whole milliseconds: fractions would add up to a wait that is longer or shorter than was told.
    const delay = wait + Math.floor(random() * Math.min(stampedeSpreadMs, wait));
    await clock.sleep(delay, signal);
    waitedMs += delay;
  }
}

async function attemptOnce<A extends Answered>(
  { lane, attemptTimeoutMs }: Caller,
  send: (signal: AbortSignal) => Promise<A>,
  signal: AbortSignal,
): Promise<A | DriverFailure> {
  const timeout = AbortSignal.timeout(attemptTimeoutMs);
  try {
    const answer = await send(AbortSignal.any([signal, timeout]));
    lane.learn(answer.buckets);
    return answer;
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) {
      return new DriverFailure({ kind: "timeout", message: `no complete answer within ${attemptTimeoutMs} ms` });
    }
    if (!(error instanceof DriverFailure)) throw toHindcastError(error, "model");
    lane.learn(error.buckets);
    return error;
  }
}
