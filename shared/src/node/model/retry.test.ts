// Requirements: 3.9.retries
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../limits.ts";
import { backoffMs, type Clock, type RetryEvent } from "./attempts.ts";
import { type Driver, type DriverAnswer, DriverFailure, type FailureKind, failureRules } from "./driver.ts";
import { Lanes } from "./lanes.ts";
import type { CompletionRequest } from "./model.ts";
import { shippedPrices } from "./prices.ts";
import { retrying } from "./retry.ts";

const request: CompletionRequest = {
  purpose: "judge",
  system: "",
  messages: [{ role: "user", content: [{ kind: "text", text: "yes or no?" }] }],
  outputTokensMax: 10,
  output: { kind: "text" },
  seed: 1,
};
const noAbort = new AbortController().signal;
const answer: DriverAnswer = {
  text: "yes",
  thinking: null,
  stop: "end",
  usage: { inputTokens: 3, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 1 },
  resolvedModel: "m",
  buckets: [],
};

function scripted(...script: (DriverAnswer | Error)[]): Driver & { sent: number } {
  const driver = {
    id: "openai:m",
    provider: "openai-compatible" as const,
    settings: {},
    lane: "lane",
    sent: 0,
    send: async (): Promise<DriverAnswer> => {
      const next = script[Math.min(driver.sent++, script.length - 1)];
      if (next === undefined || next instanceof Error) throw next ?? new Error("empty script");
      return next;
    },
  };
  return driver;
}

function skippingClock(): Clock & { sleeps: number[] } {
  const sleeps: number[] = [];
  let nowMs = 0;
  return {
    sleeps,
    now: () => nowMs,
    sleep: async (ms) => {
      sleeps.push(ms);
      nowMs += ms;
    },
  };
}

const failure = (kind: FailureKind, retryAfterMs: number | null = null): DriverFailure =>
  new DriverFailure({ kind, message: kind, retryAfterMs });

describe("the backoff", () => {
  it("doubles up to its cap, with jitter that takes away at most half", () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), random, (attempt, value) => {
        const ceiling = Math.min(limits.modelRetryDelayMsMax, 500 * 2 ** (attempt - 1));
        const delay = backoffMs(attempt, () => value);
        expect(delay).toBeGreaterThanOrEqual(ceiling / 2);
        expect(delay).toBeLessThanOrEqual(ceiling);
      }),
    );
  });
});

describe("a retried call", () => {
  it("waits at least as long as it was told and at most a second longer, over any series of 429s", async () => {
    const told = fc.array(fc.integer({ min: 0, max: limits.modelRetryDelayMsMax }), { maxLength: 7 });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    await fc.assert(
      fc.asyncProperty(told, random, async (delays, value) => {
        const clock = skippingClock();
        const driver = scripted(...delays.map((delay) => failure("rate-limited", delay)), answer);
        const model = retrying(driver, { prices: shippedPrices, clock, random: () => value });
        const completion = await model.complete(request, noAbort);
        expect(completion.attempts).toBe(delays.length + 1);
        const waits = delays.filter((delay) => delay > 0);
        expect(clock.sleeps).toHaveLength(waits.length);
        for (const [i, delay] of waits.entries()) {
          expect(clock.sleeps[i]).toBeGreaterThanOrEqual(delay);
          expect(clock.sleeps[i]).toBeLessThanOrEqual(delay + 1_000);
        }
      }),
      { numRuns: 50, examples: [[[20_941, 10_828], 0.9999999999999973]] },
    );
  });

  it("holds back other calls of the same lane, and only those", async () => {
    const clock = skippingClock();
    const lanes = new Lanes();
    const options = { prices: shippedPrices, lanes, clock, random: () => 0 };
    const limited = retrying(scripted(failure("rate-limited", 90_000)), options);
    await expect(limited.complete(request, noAbort)).rejects.toMatchObject({ code: "MODEL_RATE_LIMITED" });
    const sameLane = scripted(answer);
    await expect(retrying(sameLane, options).complete(request, noAbort)).rejects.toMatchObject({ retryable: true });
    expect(sameLane.sent).toBe(0);
    const otherLane = { ...scripted(answer), lane: "another" };
    expect(await retrying(otherLane, options).complete(request, noAbort)).toMatchObject({ text: "yes" });
    expect(clock.sleeps).toEqual([]);
  });

  it.each(Object.entries(failureRules).filter(([, rule]) => !rule.isRetried && rule.code !== "MODEL_CONTEXT_OVERFLOW"))(
    "is over after one request that failed as %s",
    async (kind, { code, remedy }) => {
      const driver = scripted(failure(kind as FailureKind, 5));
      const error = await retrying(driver, { prices: shippedPrices, clock: skippingClock() })
        .complete(request, noAbort)
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code, retryable: false });
      expect((error as Error).message).toContain(remedy);
      expect(driver.sent).toBe(1);
    },
  );

  it("tells of each failure that it tries again after", async () => {
    const events: RetryEvent[] = [];
    const driver = scripted(failure("overloaded"), failure("timeout"), answer);
    const options = {
      prices: shippedPrices,
      clock: skippingClock(),
      onRetry: (event: RetryEvent) => events.push(event),
    };
    await retrying(driver, options).complete(request, noAbort);
    expect(events.map(({ failure: { kind }, attempt }) => [kind, attempt])).toEqual([
      ["overloaded", 1],
      ["timeout", 2],
    ]);
  });

  it("refuses an answer above the cap", async () => {
    const driver = scripted({ ...answer, text: "x".repeat(limits.modelAnswerBytesMax + 1) });
    const model = retrying(driver, { prices: shippedPrices, clock: skippingClock() });
    await expect(model.complete(request, noAbort)).rejects.toMatchObject({ code: "MODEL_ANSWER_INVALID" });
    expect(driver.sent).toBe(limits.modelInvalidAnswersMax);
  });

  it("does not hide our own mistakes behind retries", async () => {
    const driver = scripted(new TypeError("undefined is not a function"));
    const model = retrying(driver, { prices: shippedPrices, clock: skippingClock() });
    await expect(model.complete(request, noAbort)).rejects.toMatchObject({
      code: "INTERNAL",
      message: "undefined is not a function",
    });
    expect(driver.sent).toBe(1);
  });
});
