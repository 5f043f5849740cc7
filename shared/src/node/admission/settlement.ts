// From what an attempt came to, to what the fleet's admission is told of it.
import type { AdmissionOutcome, LearnedLimit } from "../../protocol/admission.ts";
import type { AttemptResult } from "../model/admission.ts";
import type { RateLimitBucket } from "../model/rate-limit-headers.ts";
import type { LaneOutcome } from "./lane-state.ts";

const outcomes: Record<AttemptResult["kind"], AdmissionOutcome> = {
  answered: "answered",
  aborted: "aborted",
  "rate-limited": "rate-limited",
  overloaded: "overloaded",
  unavailable: "unavailable",
  timeout: "timeout",
  "answer-invalid": "answer-invalid",
  "budget-exhausted": "spent",
  unauthorized: "refused",
  "unknown-model": "refused",
  "request-invalid": "refused",
  "context-overflow": "refused",
};

export const unused: LaneOutcome = {
  outcome: "unused",
  usage: null,
  retryAfterMs: null,
  detail: "",
  durationMs: 0,
  learned: [],
};

export function outcomeOf({ kind, usage, retryAfterMs, detail, durationMs, buckets }: AttemptResult): LaneOutcome {
  return {
    outcome: outcomes[kind],
    usage: usage === null ? null : { inputTokens: usage.inputTokens, outputTokens: usage.outputTokens },
    retryAfterMs,
    detail: detail.slice(0, 300),
    durationMs,
    learned: buckets.flatMap(learnedOf),
  };
}

/** A limit that takes longer than this to refill is not one per minute but per day; a 429 will tell when it is used up. */
const refillMsMax = 120_000;

function learnedOf({ unit, limit, remaining, reportedAtMs, resetAtMs }: RateLimitBucket): LearnedLimit[] {
  const refillMs = remaining >= limit ? 0 : ((resetAtMs - reportedAtMs) * limit) / (limit - remaining);
  return refillMs > refillMsMax ? [] : [{ unit, limit, remaining }];
}
