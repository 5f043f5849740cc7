// Turns a driver (one request) into a Model: attempts (attempts.ts), cost and the request hash.
import { HindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { estimateTokens } from "../../tokens.ts";
import { noUsage } from "../../domain/usage.ts";
import type { Usage } from "../../domain/usage.ts";
import type { AttemptResult } from "./admission.ts";
import { type AttemptOptions, attempting, type Caller, callerOf, failureError, type CallNeed } from "./attempts.ts";
import { type Driver, type DriverAnswer, DriverFailure } from "./driver.ts";
import type { Completion, CompletionRequest, Model } from "./model.ts";
import { batchCostOf, costMax, costOf, type PriceTable } from "./prices.ts";
import { requestHashOf } from "./request-hash.ts";

export interface RetryOptions extends AttemptOptions {
  prices: PriceTable;
}

/** Wraps a driver with everything that all providers need alike. */
export function retrying(driver: Driver, options: RetryOptions): Model {
  const call: CallContext = { driver, caller: callerOf(driver, options), prices: options.prices };
  return {
    id: driver.id,
    provider: driver.provider,
    isOffline: false,
    settings: driver.settings,
    isPriced: costMax(noTokens, driver.id, options.prices, call.caller.clock.now()) !== null,
    complete: (request, signal) => complete(call, request, signal),
  };
}

const noTokens = { promptTokens: 0, outputTokens: 0 };

interface CallContext {
  driver: Driver;
  caller: Caller;
  prices: PriceTable;
}

async function complete(call: CallContext, request: CompletionRequest, signal: AbortSignal): Promise<Completion> {
  const { driver, caller } = call;
  assertSendable(driver, request);
  const startedAtMs = caller.clock.now();
  const send = async (abort: AbortSignal): Promise<DriverAnswer & { used: Used }> => {
    const answer = withinCap(await driver.send(request, abort));
    return { ...answer, used: usedBy(call, answer) };
  };
  const { outcome, attempts } = await attempting(caller, needOf(call, request), send, signal);
  const isOverflow = outcome instanceof DriverFailure && outcome.kind === "context-overflow";
  if (outcome instanceof DriverFailure && !isOverflow) throw failureError(driver.id, outcome, attempts);
  const answer = outcome instanceof DriverFailure ? overflowAnswer(driver) : outcome;
  const pricing = { driver, prices: call.prices, nowMs: caller.clock.now(), isBatched: false };
  const asked = { hash: requestHashOf(driver, request), request };
  return { ...completionOf(pricing, asked, answer), durationMs: caller.clock.now() - startedAtMs, attempts };
}

/** What every provider demands of a conversation; some SDKs fail on it in their own way before they send anything. */
export function assertSendable(driver: Pick<Driver, "id">, { messages }: CompletionRequest): void {
  const isSaid = messages.every(({ content }) => content.some(({ text }) => text !== ""));
  if (messages.at(0)?.role === "user" && messages.at(-1)?.role === "user" && isSaid) return;
  throw new HindcastError({
    code: "MODEL_REQUEST_INVALID",
    boundary: "model",
    message: `A request to ${driver.id} must begin and end with a user message and have no empty one (it has ${messages.length} messages).`,
  });
}

export function withinCap(answer: DriverAnswer): DriverAnswer {
  const bytes = Buffer.byteLength(answer.text);
  if (bytes <= limits.modelAnswerBytesMax) return answer;
  throw new DriverFailure({
    kind: "answer-invalid",
    message: `an answer of ${bytes} bytes is above the cap of ${limits.modelAnswerBytesMax}`,
    buckets: answer.buckets,
  });
}

export interface Pricing {
  driver: Pick<Driver, "id" | "provider" | "settings">;
  prices: PriceTable;
  nowMs: number;
  isBatched: boolean;
}

/** What a driver's answer is to a caller, with its cost. `request` null: only its hash is known (an old batch's). */
export function completionOf(
  { driver, prices, nowMs, isBatched }: Pricing,
  { hash, request }: { hash: string; request: CompletionRequest | null },
  answer: DriverAnswer,
): Omit<Completion, "durationMs" | "attempts"> {
  const { text, thinking, stop, resolvedModel } = answer;
  const priceOf = isBatched ? batchCostOf : costOf;
  return {
    text,
    thinking,
    stop,
    usage: answer.usage ?? estimatedUsage(request, answer),
    costUsd: answer.usage === null ? null : priceOf(answer.usage, pricedAs(driver, resolvedModel), prices, nowMs),
    resolvedModel,
    requestHash: hash,
    journaled: false,
    ...(isBatched && { batched: true }),
  };
}

type Used = Pick<AttemptResult, "usage" | "costUsd">;

/** Cache reads count towards hardly any provider's input limit. */
function usedBy(call: CallContext, answer: DriverAnswer): Used {
  const { usage } = answer;
  if (usage === null) return { usage: null, costUsd: null };
  const inputTokens = usage.inputTokens + usage.cacheWriteTokens;
  return { usage: { inputTokens, outputTokens: usage.outputTokens }, costUsd: costOfAnswer(call, answer) };
}

function costOfAnswer({ driver, caller, prices }: CallContext, { usage, resolvedModel }: DriverAnswer): number | null {
  return usage === null ? null : costOf(usage, pricedAs(driver, resolvedModel), prices, caller.clock.now());
}

/** What a provider may add to a prompt for structured output, roles and turns. */
const promptTokensAdded = 1_000;

/** Rates are kept by estimates, which real usage corrects. Dollars are kept by bounds. */
function needOf({ driver, caller, prices }: CallContext, request: CompletionRequest): CallNeed {
  return {
    account: request.account ?? null,
    inputTokens: estimatedInput(request),
    outputTokens: request.outputTokensMax,
    usdMax: costMax(tokensMaxOf(request), driver.id, prices, caller.clock.now()),
  };
}

/** What is spent cannot be taken back, so these are bounds: no tokenizer makes more tokens than a text has bytes. */
export function tokensMaxOf(request: CompletionRequest): { promptTokens: number; outputTokens: number } {
  const schema = request.output.kind === "json" ? Buffer.byteLength(JSON.stringify(request.output.schema)) : 0;
  return { promptTokens: bytesOf(request) + schema + promptTokensAdded, outputTokens: request.outputTokensMax };
}

/**
 * Anthropic and Google may answer with another model than was asked for, and bill that one. OpenAI-compatible servers
 * name theirs as they like (a path, a LoRA), so the configured id is what a user's price file can know.
 */
function pricedAs(driver: Pricing["driver"], resolvedModel: string): string {
  if (driver.provider === "openai-compatible") return driver.id;
  return `${driver.id.slice(0, driver.id.indexOf(":"))}:${resolvedModel}`;
}

/** A prompt that the provider refused to read for its length: nothing was generated and nothing is billed. */
export function overflowAnswer(driver: Pick<Driver, "id">): DriverAnswer {
  const resolvedModel = driver.id.slice(driver.id.indexOf(":") + 1);
  return { text: "", thinking: null, stop: "context-overflow", usage: noUsage, resolvedModel, buckets: [] };
}

/** Some local servers report no usage. Budgets need a number, so it is estimated; the cost stays unknown. */
function estimatedUsage(request: CompletionRequest | null, answer: DriverAnswer): Usage {
  return {
    ...noUsage,
    inputTokens: request === null ? 0 : estimatedInput(request),
    outputTokens: estimateTokens(answer.text),
  };
}

function estimatedInput(request: CompletionRequest): number {
  return textsOf(request).reduce((sum, text) => sum + estimateTokens(text), 0);
}

function bytesOf(request: CompletionRequest): number {
  return textsOf(request).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

function textsOf({ system, messages }: CompletionRequest): string[] {
  return [system, ...messages.flatMap(({ content }) => content.map(({ text }) => text))];
}
