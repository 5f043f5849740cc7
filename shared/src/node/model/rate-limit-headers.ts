// Reads what providers say about their limits: `retry-after` (RFC 9110 §10.2.3), Anthropic's
// `anthropic-ratelimit-*` (reset as RFC 3339) and OpenAI's `x-ratelimit-*` (reset as a Go duration, "6m0s").
// Malformed headers are as good as absent: they are advice, and advice must not break a call.

/** A token bucket as reported at `reportedAtMs` (epoch); it refills steadily and is full again at `resetAtMs`. */
export interface RateLimitBucket {
  /** `tokens`: input and output together. */
  unit: "requests" | "tokens" | "input-tokens" | "output-tokens";
  limit: number;
  remaining: number;
  reportedAtMs: number;
  resetAtMs: number;
}

/** How long the provider asks to wait, in ms; null where it does not say. */
export function retryAfterMs(headers: Headers | undefined, nowMs: number): number | null {
  const milliseconds = numberOf(headers?.get("retry-after-ms"));
  if (milliseconds !== null) return milliseconds;
  const value = headers?.get("retry-after");
  const seconds = numberOf(value);
  if (seconds !== null) return seconds * 1_000;
  const date = /^[A-Z][a-z]{2}, .* GMT$/.test(value ?? "") ? Date.parse(value ?? "") : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}

/** `x-should-retry`: the provider's own word; null where it is silent. */
export function shouldRetry(headers: Headers | undefined): boolean | null {
  const value = headers?.get("x-should-retry");
  return value === "true" ? true : value === "false" ? false : null;
}

/** The buckets that an answer's headers report, in either dialect. */
export function bucketsOf(headers: Headers | undefined, nowMs: number): RateLimitBucket[] {
  if (headers === undefined) return [];
  const anthropic = (["requests", "input-tokens", "output-tokens"] as const).map((unit) =>
    bucket(headers, nowMs, { unit, nameOf: (field) => `anthropic-ratelimit-${unit}-${field}` }),
  );
  const openai = (["requests", "tokens"] as const).map((unit) =>
    bucket(headers, nowMs, { unit, nameOf: (field) => `x-ratelimit-${field}-${unit}` }),
  );
  return [...anthropic, ...openai].filter((found) => found !== null);
}

/** Milliseconds from `nowMs` until `bucket` holds `need` units (or is full); 0 when it does already. */
export function waitMs(
  { limit, remaining, reportedAtMs, resetAtMs }: RateLimitBucket,
  need: number,
  nowMs: number,
): number {
  const missing = Math.min(need, limit) - remaining;
  if (missing <= 0) return 0;
  const readyAtMs = reportedAtMs + ((resetAtMs - reportedAtMs) * missing) / (limit - remaining);
  return Math.max(0, Math.ceil(readyAtMs - nowMs));
}

/** A Go duration ("1h2m3.5s", "20ms") in ms; null when it is none. */
export function goDurationMs(text: string): number | null {
  const units = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1, us: 0.001, µs: 0.001, ns: 0.000_001 };
  if (!/^(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+$/.test(text)) return null;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g);
  return [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units], 0);
}

function bucket(
  headers: Headers,
  nowMs: number,
  { unit, nameOf }: { unit: RateLimitBucket["unit"]; nameOf: (field: string) => string },
): RateLimitBucket | null {
  const limit = numberOf(headers.get(nameOf("limit")));
  const remaining = numberOf(headers.get(nameOf("remaining")));
  const resetAtMs = resetOf(headers.get(nameOf("reset")), nowMs);
  if (limit === null || limit === 0 || remaining === null || resetAtMs === null) return null;
  return {
    unit,
    limit,
    remaining: Math.min(remaining, limit),
    reportedAtMs: nowMs,
    resetAtMs,
  };
}

function resetOf(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  const duration = goDurationMs(value);
  if (duration !== null) return nowMs + duration;
  const date = /^\d{4}-/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? null : date;
}

function numberOf(value: string | null | undefined): number | null {
  return value !== null && value !== undefined && /^\d+(\.\d+)?$/.test(value) ? Number(value) : null;
}
