// What every model is to Hindcast: one call that turns messages into text. Vendor fields stay behind it.
import type { Purpose, Usage } from "../../domain/usage.ts";
import type { Account } from "./admission.ts";

export type ContentPart = {
  kind: "text";
  text: string;
  /** The prefix up to here is stable: a cache breakpoint. */ cacheable?: boolean;
};

export interface ModelMessage {
  role: "user" | "assistant";
  content: ContentPart[];
}

export interface CompletionRequest {
  purpose: Purpose;
  system: string;
  messages: ModelMessage[];
  outputTokensMax: number;
  /** `json`: structured output against a JSON Schema (2020-12, objects closed, all properties required). */
  output: { kind: "text" } | { kind: "json"; name: string; schema: Record<string, unknown> };
  /** Distinguishes deliberate repetitions in the journal; sent to providers that take one. */
  seed: number;
  /** On whose account; decides nothing about the answer. Absent: on nobody's but the fleet's. */
  account?: Account;
}

export type StopReason = "end" | "output-limit" | "refusal" | "context-overflow";

export interface Completion {
  text: string;
  /** The provider's visible reasoning, where it gives any. */
  thinking: string | null;
  stop: StopReason;
  usage: Usage;
  /** Null: unknown price. */
  costUsd: number | null;
  resolvedModel: string;
  /** SHA-256 of everything that decides the answer: the journal's key. */
  requestHash: string;
  journaled: boolean;
  durationMs: number;
  /** Requests that were sent, retries included; 0 from the journal. */
  attempts: number;
  /** Present and true when it was bought through the provider's batch endpoint, at its price. */
  batched?: boolean;
}

export interface Model {
  /** `provider:model`, e.g. `anthropic:claude-sonnet-5-5`, `offline:rules`. */
  readonly id: string;
  readonly provider: "anthropic" | "gemini" | "openai-compatible" | "offline";
  readonly isOffline: boolean;
  /** Whatever besides the request decides the answer (thinking, endpoint, …): part of the journal's key. No secrets. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** False: what a call costs is not known, so no budget can be kept with it. @default true */
  readonly isPriced?: boolean;
  /**
   * @throws HindcastError of boundary `model`: MODEL_UNAUTHORIZED, MODEL_RATE_LIMITED (retries used up),
   * MODEL_OVERLOADED, MODEL_UNAVAILABLE, MODEL_TIMEOUT, MODEL_BUDGET_EXHAUSTED, MODEL_REQUEST_INVALID, MODEL_UNKNOWN,
   * MODEL_ANSWER_INVALID (an answer that breaks the wire protocol), MODEL_LANE_PAUSED, MODEL_PRICE_UNKNOWN; and
   * CAMPAIGN_BUDGET_EXHAUSTED of boundary `campaign` where the account cannot pay for the call. A refusal, a cut-off and a prompt that does not
   * fit the context window are answers, not errors. An abort of `signal` is thrown as its reason.
   */
  complete(request: CompletionRequest, signal: AbortSignal): Promise<Completion>;
}

/** The same model, asked on an account. */
export function onAccount(model: Model, account: Account): Model {
  const { id, provider, isOffline, settings, isPriced = true } = model;
  return {
    id,
    provider,
    isOffline,
    isPriced,
    ...(settings === undefined ? {} : { settings }),
    complete: (request, signal) => model.complete({ ...request, account }, signal),
  };
}
