// Turns a driver (one request) into a Model: retries, rate-limit waits, cost and the request hash. The SDKs' own
// retries are off, because attempts that they hide would escape the rate-limit lanes and the counts.
// Never retried: spend limits and daily quotas, refused keys, refused requests, unknown models.
import { setTimeout as sleep } from "node:timers/promises";
import { HindcastError, toHindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { estimateTokens } from "../../tokens.ts";
import { noUsage } from "../../domain/usage.ts";
import type { Usage } from "../../domain/usage.ts";
import { type Driver, type DriverAnswer, DriverFailure, failureRules } from "./driver.ts";
import type { Lane, Need } from "./lanes.ts";
import { Lanes } from "./lanes.ts";
import type { Completion, CompletionRequest, Model } from "./model.ts";
import { type PriceTable, costOf } from "./prices.ts";
import { requestHashOf } from "./request-hash.ts";

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

export interface RetryOptions {
  prices: PriceTable;
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

const backoffBaseMs = 500;
/** After a told wait, callers of a lane spread over this long, so that they do not all come at once. */
const stampedeSpreadMs = 1_000;

/** Delay before attempt `attempt + 1` where the provider names none: half of a capped exponential, plus jitter. */
export function backoffMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(limits.modelRetryDelayMsMax, backoffBaseMs * 2 ** (attempt - 1));
  return ceiling / 2 + (random() * ceiling) / 2;
}

/** Wraps a driver with everything that all providers need alike. */
export function retrying(driver: Driver, options: RetryOptions): Model {
  const call: CallContext = {
    driver,
    lane: (options.lanes ?? new Lanes()).of(driver.lane),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    attemptTimeoutMs: options.attemptTimeoutMs ?? limits.modelCallTimeoutMs,
    prices: options.prices,
    onRetry: options.onRetry ?? (() => undefined),
  };
  return {
    id: driver.id,
    provider: driver.provider,
    isOffline: false,
    settings: driver.settings,
    complete: (request, signal) => complete(call, request, signal),
  };
}

interface CallContext {
  driver: Driver;
  lane: Lane;
  clock: Clock;
  random: () => number;
  attemptTimeoutMs: number;
  prices: PriceTable;
  onRetry: (event: RetryEvent) => void;
}

async function complete(call: CallContext, request: CompletionRequest, signal: AbortSignal): Promise<Completion> {
  const { driver, lane, clock } = call;
  assertSendable(driver, request);
  const startedAtMs = clock.now();
  const need = { requests: 1, tokens: estimatedInput(request) };
  let invalidAnswers = 0;
  for (let attempt = 1; ; attempt++) {
    await waitForLane(call, need, signal);
    const outcome = await attemptOnce(call, request, signal);
    if (!(outcome instanceof DriverFailure)) {
      const completion = completionOf(call, request, outcome);
      return { ...completion, durationMs: clock.now() - startedAtMs, attempts: attempt };
    }
    if (outcome.kind === "context-overflow") {
      const completion = completionOf(call, request, overflowAnswer(driver));
      return { ...completion, durationMs: clock.now() - startedAtMs, attempts: attempt };
    }
    if (outcome.kind === "answer-invalid") invalidAnswers++;
    const isLast = attempt >= limits.modelAttemptsMax || invalidAnswers >= limits.modelInvalidAnswersMax;
    if (!outcome.isRetried || isLast) throw errorOf(driver, outcome, attempt);
    call.onRetry({ model: driver.id, failure: outcome, attempt });
    if (outcome.retryAfterMs === null) await clock.sleep(backoffMs(attempt, call.random), signal);
    else lane.closeUntil(clock.now() + outcome.retryAfterMs);
  }
}

/** What every provider demands of a conversation; some SDKs fail on it in their own way before they send anything. */
function assertSendable(driver: Driver, { messages }: CompletionRequest): void {
  const isSaid = messages.every(({ content }) => content.some(({ text }) => text !== ""));
  if (messages.at(0)?.role === "user" && messages.at(-1)?.role === "user" && isSaid) return;
  throw new HindcastError({
    code: "MODEL_REQUEST_INVALID",
    boundary: "model",
    message: `A request to ${driver.id} must begin and end with a user message and have no empty one (it has ${messages.length} messages).`,
  });
}

/** Waits until the lane is open; a lane that stays closed longer than one wait may take is an error, not a stall. */
async function waitForLane(
  { driver, lane, clock, random }: CallContext,
  need: Need,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  let waitedMs = 0;
  for (let wait = lane.waitMs(need, clock.now()); wait > 0; wait = lane.waitMs(need, clock.now())) {
    if (waitedMs + wait > limits.modelRetryDelayMsMax + stampedeSpreadMs) {
      throw new HindcastError({
        code: "MODEL_RATE_LIMITED",
        boundary: "model",
        message: `${driver.id} is rate-limited for another ${Math.ceil(wait / 1_000)} s. ${failureRules["rate-limited"].remedy}`,
        retryable: true,
      });
    }
    const delay = wait + random() * Math.min(stampedeSpreadMs, wait);
    await clock.sleep(delay, signal);
    waitedMs += delay;
  }
}

async function attemptOnce(
  { driver, lane, attemptTimeoutMs }: CallContext,
  request: CompletionRequest,
  signal: AbortSignal,
): Promise<DriverAnswer | DriverFailure> {
  const timeout = AbortSignal.timeout(attemptTimeoutMs);
  try {
    const answer = await driver.send(request, AbortSignal.any([signal, timeout]));
    lane.learn(answer.buckets);
    const bytes = Buffer.byteLength(answer.text);
    if (bytes <= limits.modelAnswerBytesMax) return answer;
    return new DriverFailure({
      kind: "answer-invalid",
      message: `an answer of ${bytes} bytes is above the cap of ${limits.modelAnswerBytesMax}`,
    });
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

function completionOf(
  { driver, clock, prices }: CallContext,
  request: CompletionRequest,
  answer: DriverAnswer,
): Omit<Completion, "durationMs" | "attempts"> {
  const { text, thinking, stop, resolvedModel } = answer;
  return {
    text,
    thinking,
    stop,
    usage: answer.usage ?? estimatedUsage(request, answer),
    costUsd: answer.usage === null ? null : costOf(answer.usage, pricedAs(driver, resolvedModel), prices, clock.now()),
    resolvedModel,
    requestHash: requestHashOf(driver, request),
    journaled: false,
  };
}

/**
 * Anthropic and Google may answer with another model than was asked for, and bill that one. OpenAI-compatible servers
 * name theirs as they like (a path, a LoRA), so the configured id is what a user's price file can know.
 */
function pricedAs(driver: Driver, resolvedModel: string): string {
  if (driver.provider === "openai-compatible") return driver.id;
  return `${driver.id.slice(0, driver.id.indexOf(":"))}:${resolvedModel}`;
}

/** A prompt that the provider refused to read for its length: nothing was generated and nothing is billed. */
function overflowAnswer(driver: Driver): DriverAnswer {
  const resolvedModel = driver.id.slice(driver.id.indexOf(":") + 1);
  return { text: "", thinking: null, stop: "context-overflow", usage: noUsage, resolvedModel, buckets: [] };
}

/** Some local servers report no usage. Budgets need a number, so it is estimated; the cost stays unknown. */
function estimatedUsage(request: CompletionRequest, answer: DriverAnswer): Usage {
  return { ...noUsage, inputTokens: estimatedInput(request), outputTokens: estimateTokens(answer.text) };
}

function estimatedInput({ system, messages }: CompletionRequest): number {
  const parts = messages.flatMap(({ content }) => content.map(({ text }) => text));
  return [system, ...parts].reduce((sum, text) => sum + estimateTokens(text), 0);
}

function errorOf(driver: Driver, failure: DriverFailure, attempts: number): HindcastError {
  const { code, remedy } = failureRules[failure.kind];
  const status = failure.status === null ? "" : ` (HTTP ${failure.status})`;
  const tries = attempts === 1 ? "" : ` after ${attempts} attempts`;
  return new HindcastError({
    code,
    boundary: "model",
    message: `${driver.id} failed${status}${tries}: ${failure.message}. ${remedy}`,
    retryable: failure.isRetried,
    cause: failure,
  });
}
