// Requirements: 3.9.cost, 3.bad.config, 5.6.price
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { noUsage, type Usage } from "../../domain/usage.ts";
import { batchCostOf, costOf, type PriceTable, readPrices, shippedPrices } from "./prices.ts";

const nowMs = Date.parse("2026-11-20T12:00:00Z");
const usage = (changes: Partial<Usage>): Usage => ({ ...noUsage, ...changes });
const cost = (changes: Partial<Usage>, model: string, prices: PriceTable = shippedPrices): number | null =>
  costOf(usage(changes), model, prices, nowMs);
const M = 1_000_000;
const gemini = "gemini:gemini-3.8-flash";

const folder = mkdtempSync(join(tmpdir(), "hindcast-prices-"));
afterAll(() => rmSync(folder, { recursive: true }));
function fileOf(content: string): string {
  const file = join(folder, "prices.json");
  writeFileSync(file, content);
  return file;
}

describe("the cost of a call", () => {
  it("bills each kind of token at its own rate", () => {
    const sonnet = "anthropic:claude-sonnet-5-5";
    expect(cost({ inputTokens: M }, sonnet)).toBe(2);
    expect(cost({ outputTokens: M }, sonnet)).toBe(10);
    expect(cost({ cacheReadTokens: M }, sonnet)).toBe(0.1);
    expect(cost({ cacheWriteTokens: M }, sonnet)).toBe(2.5);
  });

  it("is that of the model for a dated snapshot of it", () => {
    expect(cost({ inputTokens: M }, "anthropic:claude-opus-5-5-20260915")).toBe(4);
    expect(cost({ inputTokens: M }, "gemini:gemini-3.8-flash-001")).toBe(0.75);
    expect(cost({ inputTokens: M }, "anthropic:claude-opus-5-5-turbo")).toBeNull();
  });

  it("changes with the size of the prompt where the price has tiers", () => {
    const haiku = "anthropic:claude-haiku-5-5";
    expect(cost({ inputTokens: 100_000, outputTokens: M }, haiku)).toBeCloseTo(0.01 + 0.5, 12);
    expect(cost({ inputTokens: 100_001, outputTokens: M }, haiku)).toBeCloseTo(0.0500005 + 2.5, 12);
    expect(cost({ inputTokens: 1, cacheReadTokens: 100_000 }, haiku), "no published rate").toBeNull();
  });

  it("is unknown, never zero, for a model without a price, and zero for the offline models", () => {
    expect(cost({ inputTokens: 1 }, "openai:codestral-22b")).toBeNull();
    expect(cost({}, "openai:toString")).toBeNull();
    expect(cost({ inputTokens: M }, "offline:rules")).toBe(0);
  });

  it("is unknown once an introductory price is over", () => {
    const flash = "gemini:gemini-3.8-flash";
    const on = (day: string): number | null => costOf(usage({ inputTokens: M }), flash, shippedPrices, Date.parse(day));
    expect(on("2026-12-31T23:59:59Z")).toBe(0.75);
    expect(on("2027-01-01T00:00:00Z")).toBeNull();
  });

  it("is never negative and grows with usage within a tier", () => {
    const tokens = fc.nat({ max: 20_000 });
    const anyUsage = fc.record({
      inputTokens: tokens,
      cacheReadTokens: tokens,
      cacheWriteTokens: tokens,
      outputTokens: tokens,
    });
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(shippedPrices.models)), anyUsage, tokens, (model, some, more) => {
        const less = cost(some, model);
        const greater = cost({ ...some, outputTokens: some.outputTokens + more }, model);
        if (less === null || greater === null) return;
        expect(less).toBeGreaterThanOrEqual(0);
        expect(greater).toBeGreaterThanOrEqual(less);
      }),
    );
  });
});

describe("the price of a batch", () => {
  const batched = (some: Partial<Usage>, model: string): number | null =>
    batchCostOf(usage(some), model, shippedPrices, nowMs);

  it("is half of everything at Anthropic, in the tier that the whole prompt is in", () => {
    const all = { inputTokens: M, outputTokens: M, cacheReadTokens: M, cacheWriteTokens: M };
    expect(batched(all, "anthropic:claude-sonnet-5-5")).toBe((2 + 10 + 0.1 + 2.5) / 2);
    const long = { inputTokens: 120_000 };
    expect(batched(long, "anthropic:claude-haiku-5-5")).toBe((cost(long, "anthropic:claude-haiku-5-5") ?? 0) / 2);
  });

  it("is half of what is not cached at Google", () => {
    const [fresh, cached] = [batched({ inputTokens: M }, gemini), batched({ cacheReadTokens: M }, gemini)];
    expect(fresh).toBe((cost({ inputTokens: M }, gemini) ?? 0) / 2);
    expect(cached).toBe(cost({ cacheReadTokens: M }, gemini));
  });

  it("is unknown where the price is", () => {
    expect(batched({ inputTokens: M }, "anthropic:no-such-model")).toBeNull();
  });
});

describe("a price file", () => {
  it("overrides and adds models, and keeps the rest", () => {
    const local = { input: 0, output: 0, cacheRead: 0, cacheWrite5m: 0 };
    const prices = readPrices(fileOf(JSON.stringify({ asOf: "2026-12-01", models: { "openai:local": local } })));
    expect(prices.asOf).toBe("2026-12-01");
    expect(cost({ inputTokens: M }, "openai:local", prices)).toBe(0);
    expect(cost({ inputTokens: M }, "anthropic:claude-sonnet-5-5", prices)).toBe(2);
  });

  it.each([
    ["not JSON", "{"],
    [
      "a negative price",
      '{"asOf":"2026-12-01","models":{"a:b":{"input":-1,"output":0,"cacheRead":0,"cacheWrite5m":0}}}',
    ],
    ["no date", '{"models":{}}'],
  ])("is refused with %s, naming the file", (_what, content) => {
    const file = fileOf(content);
    expect(() => readPrices(file)).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining(file) }),
    );
  });

  it("is refused when it is missing", () => {
    expect(() => readPrices(join(folder, "absent.json"))).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });
});
