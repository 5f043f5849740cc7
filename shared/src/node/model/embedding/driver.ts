// What a vendor's file provides: one request for a batch of texts, one answer, no retries, no checks and no prices.
import type { RateLimitBucket } from "../rate-limit-headers.ts";
import type { EmbeddingPurpose } from "./embedder.ts";

export interface EmbeddingDriver {
  /** `provider:model`: names it in errors and in the price table. */
  readonly id: string;
  /** The embedder's name without its dimensions, e.g. `gemini/gemini-embedding-001`. */
  readonly name: string;
  readonly dimensions: number;
  /** Requests of one lane share the provider's rate limits. Holds a key's hash, never a key. */
  readonly lane: string;
  /** What one text is cut to before it is sent. */
  readonly textBytesMax: number;
  /** @throws DriverFailure; on an abort of `signal`, anything. */
  send(texts: readonly string[], purpose: EmbeddingPurpose, signal: AbortSignal): Promise<EmbeddingAnswer>;
}

export interface EmbeddingAnswer {
  /** As the provider gave them, in the order of the texts: not checked, not of unit length. */
  vectors: readonly ArrayLike<unknown>[];
  /** Null where the endpoint reports none. */
  inputTokens: number | null;
  /** Rate limits that the answer's headers report; empty where the provider sends none. */
  buckets: RateLimitBucket[];
}
