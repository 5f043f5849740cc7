// What chat completions and embeddings of OpenAI-compatible endpoints share: the client, the lane, the errors.
import type * as Sdk from "openai";
import type OpenAI from "openai";
import type { APIError } from "openai";
import { DriverFailure, type FailureKind } from "./driver.ts";
import { kindOfStatus, redact, transportFailure } from "./driver.ts";
import { laneIdOf } from "./lane-id.ts";
import { bucketsOf, retryAfterMs, shouldRetry } from "./rate-limit-headers.ts";

export interface OpenAiEndpoint {
  /** Null for local servers that ask for none. */
  apiKey: string | null;
  model: string;
  /** Ends in the version, e.g. `http://localhost:8000/v1`. Null: OpenAI itself. */
  baseUrl: string | null;
}

/** Loaded by the first request: most processes never make one, and loading takes a quarter of a second. */
export const loadSdk = (): Promise<typeof Sdk> => import("openai");

const defaultBaseUrl = "https://api.openai.com/v1";

/** Everything that the SDK would otherwise read from the process environment or print is set. */
export function openAiClient(sdk: typeof Sdk, { apiKey, baseUrl }: OpenAiEndpoint): OpenAI {
  return new sdk.OpenAI({
    apiKey: apiKey ?? "none",
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    baseURL: baseUrl ?? defaultBaseUrl,
    maxRetries: 0,
    logLevel: "off",
  });
}

export function openAiLane({ apiKey, model, baseUrl }: OpenAiEndpoint): string {
  return laneIdOf({ provider: "openai", baseUrl: baseUrl ?? defaultBaseUrl, apiKey: apiKey ?? "", model });
}

/** Classifies whatever the SDK throws. */
export function openAiFailure(
  { APIConnectionError, APIConnectionTimeoutError, APIError }: typeof Sdk,
  error: unknown,
  { apiKey, nowMs }: { apiKey: string | null; nowMs: number },
): DriverFailure {
  if (error instanceof APIConnectionTimeoutError) return new DriverFailure({ kind: "timeout", message: error.message });
  if (!(error instanceof APIError) || error instanceof APIConnectionError) return transportFailure(error, apiKey);
  const buckets = bucketsOf(error.headers, nowMs);
  const kind = kindOf(error);
  const told = retryAfterMs(error.headers, nowMs);
  // OpenAI names no delay on some 429s; the bucket that ran out says when it is full again.
  const resets = buckets.filter(({ remaining }) => remaining === 0).map(({ resetAtMs }) => resetAtMs - nowMs);
  return new DriverFailure({
    kind,
    message: redact(error.message, apiKey),
    status: error.status ?? null,
    retryAfterMs: told ?? (kind === "rate-limited" && resets.length > 0 ? Math.max(0, ...resets) : null),
    shouldRetry: kind === "budget-exhausted" ? false : shouldRetry(error.headers),
    buckets,
  });
}

function kindOf(error: APIError): FailureKind {
  if (error.code === "insufficient_quota") return "budget-exhausted";
  if (error.code === "context_length_exceeded" || /maximum context length/.test(error.message))
    return "context-overflow";
  // Without a status it is an error inside a stream that had begun with 200.
  return error.status === undefined ? "unavailable" : kindOfStatus(error.status);
}
