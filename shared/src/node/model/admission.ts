// What a request to a provider needs before it is sent: a ticket, which is settled with what became of it. Within one
// process the lanes give it (local-admission.ts); in a fleet the one process that admits does (../admission).
import type { CampaignId } from "../../domain/ids.ts";
import type { FailureKind } from "./driver.ts";
import type { RateLimitBucket } from "./rate-limit-headers.ts";

/** Told of waiting for admission, so that it counts towards no deadline and can be shown. */
export interface WaitObserver {
  began(): void;
  /** Again after every `limits.admissionWaitMs`. @param reason one sentence. */
  told(reason: string): void;
  ended(): void;
}

/** On whose account a model is asked. */
export interface Account {
  campaignId: CampaignId;
  observer?: WaitObserver;
}

export interface AdmissionRequest {
  /** `provider:model`. */
  model: string;
  lane: string;
  account: Account | null;
  inputTokens: number;
  outputTokens: number;
  /** The most that it can cost; null: the price is unknown. */
  usdMax: number | null;
}

/** What one attempt came to. */
export interface AttemptResult {
  kind: "answered" | "aborted" | FailureKind;
  /** What counts towards rate limits (input without cache reads); null: not known. */
  usage: { inputTokens: number; outputTokens: number } | null;
  /** 0 where nothing was bought; null: not known, or it may have been billed. */
  costUsd: number | null;
  retryAfterMs: number | null;
  detail: string;
  durationMs: number;
  buckets: RateLimitBucket[];
}

export interface Ticket {
  /** Once; never throws and never waits. */
  settle(result: AttemptResult): void;
}

export interface Admission {
  /** True: a lane whose money or daily quota is spent is paused, and requests wait for it instead of failing. */
  readonly isPausing: boolean;
  /**
   * @throws HindcastError MODEL_RATE_LIMITED or MODEL_LANE_PAUSED after waiting too long, CAMPAIGN_BUDGET_EXHAUSTED,
   * MODEL_PRICE_UNKNOWN; the signal's reason when it aborts.
   */
  admit(request: AdmissionRequest, signal: AbortSignal): Promise<Ticket>;
}
