// Requirements: 3.9.retries
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Lane } from "./lanes.ts";
import {
  bucketsOf,
  goDurationMs,
  type RateLimitBucket,
  retryAfterMs,
  shouldRetry,
  waitMs,
} from "./rate-limit-headers.ts";

const nowMs = Date.parse("2026-11-20T12:00:00.000Z");
const headers = (entries: Record<string, string>): Headers => new Headers(entries);

describe("retry-after", () => {
  it.each([
    [{ "retry-after": "17" }, 17_000],
    [{ "retry-after": "0.5" }, 500],
    [{ "retry-after-ms": "120", "retry-after": "17" }, 120],
    [{ "retry-after": "Fri, 20 Nov 2026 12:00:30 GMT" }, 30_000],
    [{ "retry-after": "Fri, 20 Nov 2026 11:00:00 GMT" }, 0],
    [{ "retry-after": "soon" }, null],
    [{ "retry-after": "-5" }, null],
    [{}, null],
  ])("%o is %s ms", (entries, expected) => {
    expect(retryAfterMs(headers(entries as Record<string, string>), nowMs)).toBe(expected);
  });

  it("is null, or a wait that is not negative, whatever the header holds", () => {
    const value = fc.string({ unit: "grapheme-ascii" });
    fc.assert(
      fc.property(value, (text) => {
        const wait = retryAfterMs(headers({ "retry-after": text.trim() }), nowMs);
        return wait === null || wait >= 0;
      }),
    );
  });
});

describe("a Go duration", () => {
  it.each([
    ["6m0s", 360_000],
    ["1h2m3.5s", 3_723_500],
    ["20ms", 20],
    ["1ms", 1],
    ["5", null],
    ["m", null],
    ["", null],
    ["-1s", null],
  ])("%s is %s ms", (text, expected) => {
    expect(goDurationMs(text)).toBe(expected);
  });

  it("reads back what Go writes", () => {
    const part = fc.nat({ max: 59 });
    fc.assert(
      fc.property(part, part, fc.nat({ max: 999 }), (minutes, seconds, milliseconds) => {
        const written = `${minutes}m${seconds}.${String(milliseconds).padStart(3, "0")}s`;
        expect(goDurationMs(written)).toBeCloseTo(minutes * 60_000 + seconds * 1_000 + milliseconds, 6);
      }),
    );
  });
});

describe("the buckets of an answer", () => {
  it("are read in both dialects", () => {
    const anthropic = headers({
      "anthropic-ratelimit-input-tokens-limit": "40000",
      "anthropic-ratelimit-input-tokens-remaining": "1000",
      "anthropic-ratelimit-input-tokens-reset": "2026-11-20T12:01:00Z",
    });
    expect(bucketsOf(anthropic, nowMs)).toEqual([
      { unit: "input-tokens", limit: 40_000, remaining: 1_000, reportedAtMs: nowMs, resetAtMs: nowMs + 60_000 },
    ]);
    const openai = headers({
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "59",
      "x-ratelimit-reset-requests": "1s",
    });
    expect(bucketsOf(openai, nowMs)).toEqual([
      { unit: "requests", limit: 60, remaining: 59, reportedAtMs: nowMs, resetAtMs: nowMs + 1_000 },
    ]);
  });

  it("are ignored where a header is missing or malformed", () => {
    const partial = { "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "many" };
    expect(bucketsOf(headers({ ...partial, "x-ratelimit-reset-requests": "1s" }), nowMs)).toEqual([]);
    expect(bucketsOf(headers(partial), nowMs)).toEqual([]);
    expect(bucketsOf(undefined, nowMs)).toEqual([]);
  });
});

const anyBucket: fc.Arbitrary<RateLimitBucket> = fc
  .record({
    unit: fc.constantFrom("requests" as const, "tokens" as const),
    limit: fc.integer({ min: 1, max: 1_000_000 }),
    used: fc.nat({ max: 1_000_000 }),
    refillMs: fc.integer({ min: -60_000, max: 3_600_000 }),
  })
  .map(({ unit, limit, used, refillMs }) => {
    const remaining = Math.max(0, limit - used);
    return { unit, limit, remaining, reportedAtMs: nowMs, resetAtMs: nowMs + refillMs };
  });

describe("the wait for a bucket", () => {
  it("is over at its reset at the latest, and at once when it holds enough", () => {
    fc.assert(
      fc.property(anyBucket, fc.nat({ max: 2_000_000 }), (bucket, need) => {
        const wait = waitMs(bucket, need, nowMs);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(Math.max(0, bucket.resetAtMs - nowMs));
        if (need <= bucket.remaining) expect(wait).toBe(0);
      }),
    );
  });

  it("ends: whoever has waited need not wait again for the same bucket", () => {
    fc.assert(
      fc.property(anyBucket, fc.nat({ max: 2_000_000 }), (bucket, need) => {
        expect(waitMs(bucket, need, nowMs + waitMs(bucket, need, nowMs))).toBe(0);
      }),
    );
  });
});

describe("a lane", () => {
  it("stays closed until the latest time that any answer named", () => {
    const lane = new Lane();
    lane.closeUntil(nowMs + 5_000);
    lane.closeUntil(nowMs + 2_000);
    expect(lane.waitMs({ requests: 1, tokens: 1 }, nowMs)).toBe(5_000);
    expect(lane.waitMs({ requests: 1, tokens: 1 }, nowMs + 5_000)).toBe(0);
  });

  it("does not hold back for a bucket that is hours away, which may be a wrong clock", () => {
    const lane = new Lane();
    lane.learn([{ unit: "requests", limit: 10, remaining: 0, reportedAtMs: nowMs, resetAtMs: nowMs + 86_400_000 }]);
    expect(lane.waitMs({ requests: 1, tokens: 1 }, nowMs)).toBe(0);
  });
});

describe("x-should-retry", () => {
  it.each([
    ["true", true],
    ["false", false],
    ["perhaps", null],
  ])("%s is %s", (value, expected) => {
    expect(shouldRetry(headers({ "x-should-retry": value }))).toBe(expected);
  });
});
