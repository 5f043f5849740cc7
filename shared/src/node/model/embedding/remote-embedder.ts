// Turns an embedding driver (one request) into an Embedder: batches, attempts (../attempts.ts), checks and cost.
import { limits } from "../../../limits.ts";
import { noUsage } from "../../../domain/usage.ts";
import type { AttemptResult } from "../admission.ts";
import { type AttemptOptions, attempting, type Caller, callerOf, failureError } from "../attempts.ts";
import { DriverFailure } from "../driver.ts";
import type { RateLimitBucket } from "../rate-limit-headers.ts";
import { type PriceTable, costMax, costOf } from "../prices.ts";
import { type Batch, batchesOf, cutToBytes, eachAtOnce, refuseEmpty, tokensOf } from "./batches.ts";
import type { EmbeddingDriver } from "./driver.ts";
import type { BatchEmbedder, EmbeddingPurpose, OnBatch } from "./embedder.ts";
import { unitVector } from "./unit-vector.ts";

/** What one answered request was; for logs, metrics and budgets. */
export interface EmbeddingEvent {
  embedder: string;
  purpose: EmbeddingPurpose;
  texts: number;
  /** Estimated where the endpoint reports none; `costUsd` is null then. */
  inputTokens: number;
  costUsd: number | null;
  attempts: number;
  durationMs: number;
}

export interface RemoteEmbedderOptions extends AttemptOptions {
  prices: PriceTable;
  /** Told of every answer that was paid for. */
  onAnswer?: (event: EmbeddingEvent) => void;
}

/** A text is not cut further than this to make it fit: what then still does not fit is refused for another reason. */
const cutBytesMin = 256;

/** Wraps an embedding driver with everything that all providers need alike. */
export function remoteEmbedder(driver: EmbeddingDriver, options: RemoteEmbedderOptions): BatchEmbedder {
  const { dimensions } = driver;
  const call: CallContext = {
    driver,
    name: `${driver.name}@${dimensions}`,
    caller: callerOf(driver, options),
    prices: options.prices,
    onAnswer: options.onAnswer ?? (() => undefined),
  };
  const embedBatches: BatchEmbedder["embedBatches"] = async (texts, purpose, onBatch, signal) => {
    signal.throwIfAborted();
    refuseEmpty(texts, call.name);
    // Some providers refuse broken surrogates.
    const sendable = texts.map((text) => cutToBytes(text.toWellFormed(), driver.textBytesMax));
    await eachAtOnce(batchesOf(sendable), limits.embeddingRequestsAtOnce, (batch) =>
      embedBatch({ ...call, purpose, onBatch }, batch, signal),
    );
  };
  const embed: BatchEmbedder["embed"] = async (texts, purpose, signal) => {
    const vectors: Float32Array[] = [];
    const keep: OnBatch = async (from, batch) => {
      for (const [at, vector] of batch.entries()) vectors[from + at] = vector;
    };
    await embedBatches(texts, purpose, keep, signal);
    return vectors;
  };
  return { name: call.name, dimensions, embed, embedBatches };
}

interface CallContext {
  driver: EmbeddingDriver;
  name: string;
  caller: Caller;
  prices: PriceTable;
  onAnswer: (event: EmbeddingEvent) => void;
}

interface BatchContext extends CallContext {
  purpose: EmbeddingPurpose;
  onBatch: OnBatch;
}

/**
 * One batch. Bytes only estimate tokens: a batch that is too long after all is sent in halves, and a text that is too
 * long for the model loses its second half, because an index must take every text. Refused requests cost nothing.
 */
async function embedBatch(call: BatchContext, batch: Batch, signal: AbortSignal): Promise<void> {
  const { driver, caller, purpose } = call;
  const startedAtMs = caller.clock.now();
  const inputTokens = batch.texts.reduce((sum, text) => sum + tokensOf(text), 0);
  const promptTokens = batch.texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const usdMax = costMax({ promptTokens, outputTokens: 0 }, driver.id, call.prices, startedAtMs);
  const need = { account: null, inputTokens, outputTokens: 0, usdMax };
  const send = async (abort: AbortSignal): Promise<Checked> => {
    const answer = await driver.send(batch.texts, purpose, abort);
    const used = {
      usage: answer.inputTokens === null ? null : { inputTokens: answer.inputTokens, outputTokens: 0 },
      costUsd: costOfAnswer(call, answer.inputTokens),
    };
    return { ...answer, vectors: checked(driver, batch, answer.vectors, answer.buckets), used };
  };
  const { outcome, attempts } = await attempting(caller, need, send, signal);
  if (outcome instanceof DriverFailure) {
    const smaller = outcome.kind === "context-overflow" ? smallerBatches(batch) : [];
    if (smaller.length === 0) throw failureError(driver.id, outcome, attempts);
    for (const part of smaller) await embedBatch(call, part, signal);
    return;
  }
  call.onAnswer({
    embedder: call.name,
    purpose,
    texts: batch.texts.length,
    inputTokens: outcome.inputTokens ?? inputTokens,
    costUsd: costOfAnswer(call, outcome.inputTokens),
    attempts,
    durationMs: caller.clock.now() - startedAtMs,
  });
  await call.onBatch(batch.from, outcome.vectors);
}

function smallerBatches({ from, texts }: Batch): Batch[] {
  if (texts.length > 1) {
    const half = Math.ceil(texts.length / 2);
    return [
      { from, texts: texts.slice(0, half) },
      { from: from + half, texts: texts.slice(half) },
    ];
  }
  const bytes = Buffer.byteLength(texts[0] ?? "");
  if (bytes <= cutBytesMin) return [];
  return [{ from, texts: texts.map((text) => cutToBytes(text, Math.ceil(bytes / 2))) }];
}

interface Checked {
  vectors: Float32Array[];
  inputTokens: number | null;
  buckets: RateLimitBucket[];
  used: Pick<AttemptResult, "usage" | "costUsd">;
}

// oxlint-disable-next-line max-params -- whose answer to what, and what came with it
function checked(
  driver: EmbeddingDriver,
  { from, texts }: Batch,
  vectors: readonly ArrayLike<unknown>[],
  buckets: RateLimitBucket[],
): Float32Array[] {
  const invalid = (message: string): DriverFailure => new DriverFailure({ kind: "answer-invalid", message, buckets });
  if (vectors.length !== texts.length) throw invalid(`${vectors.length} vectors came for ${texts.length} texts`);
  return vectors.map((values, at) => {
    const vector = unitVector(values, driver.dimensions);
    if (typeof vector === "string") throw invalid(`the vector of text ${from + at} ${vector}`);
    return vector;
  });
}

function costOfAnswer({ driver, prices, caller }: CallContext, inputTokens: number | null): number | null {
  return inputTokens === null ? null : costOf({ ...noUsage, inputTokens }, driver.id, prices, caller.clock.now());
}
