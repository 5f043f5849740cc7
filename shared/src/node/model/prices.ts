// What a call costs: a dated table, overridden by the user's file. A price that is not known is null and is shown as
// unknown; it is never 0, because a free call and an unknown price are different things to somebody with a budget.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { type Usage } from "../../domain/usage.ts";
import { HindcastError, messageOf } from "../../errors.ts";
import shipped from "./prices.json" with { type: "json" };

const rate = z.number().nonnegative();
const Rates = {
  input: rate,
  output: rate,
  /** Null: not published. Usage of that kind then makes the cost of the call unknown. */
  cacheRead: rate.nullable(),
  /** Hindcast writes five-minute cache entries only. */
  cacheWrite5m: rate.nullable(),
};

/** US dollars per million tokens of each kind. */
export const Price = z.strictObject({
  ...Rates,
  /** Other rates for the whole call above a prompt size (all input kinds together). */
  tiers: z.array(z.strictObject({ aboveInputTokens: z.int().positive(), ...Rates })).default([]),
  /** The last day (UTC) of an introductory price; the price is unknown afterwards. */
  introductoryUntil: z.iso.date().nullable().default(null),
});
export type Price = z.infer<typeof Price>;

export const PriceTable = z.strictObject({
  /** The day the figures were looked up. */
  asOf: z.iso.date(),
  /** By `provider:model`; a dated snapshot (`…-20260915`) has the price of its model. */
  models: z.record(z.string(), Price),
});
export type PriceTable = z.infer<typeof PriceTable>;

/** The price table that Hindcast ships. */
export const shippedPrices: PriceTable = PriceTable.parse(shipped);

/**
 * The shipped table with the models of the user's file put over it; `asOf` becomes the file's.
 * @throws HindcastError CONFIG_INVALID when the file cannot be read or does not fit `PriceTable`.
 */
export function readPrices(file: string | null): PriceTable {
  if (file === null) return shippedPrices;
  try {
    const own = PriceTable.parse(JSON.parse(readFileSync(file, "utf8")));
    return { asOf: own.asOf, models: { ...shippedPrices.models, ...own.models } };
  } catch (error) {
    const problem = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new HindcastError({
      code: "CONFIG_INVALID",
      boundary: "config",
      message: `The price file ${file} cannot be used: ${problem}. It needs { "asOf": "YYYY-MM-DD", "models": { "provider:model": { "input", "output", "cacheRead", "cacheWrite5m" } } }, in dollars per million tokens.`,
      cause: error,
    });
  }
}

/**
 * What a batch endpoint charges of the usual price: half of everything at Anthropic, whose discounts multiply. Google
 * halves what is read and written afresh; whether it also halves cached tokens it does not say, so they count in full.
 */
const batchFactors: Record<string, { fresh: number; cached: number }> = {
  anthropic: { fresh: 0.5, cached: 0.5 },
  gemini: { fresh: 0.5, cached: 1 },
};

/** US dollars for one call of `model` (`provider:model`); null when the price is unknown, 0 for offline models. */
export function costOf(usage: Usage, model: string, prices: PriceTable, nowMs: number): number | null {
  return weighedCost(usage, model, { prices, nowMs, fresh: 1, cached: 1 });
}

/** `costOf` for a call that was bought through the batch endpoint of its provider. */
export function batchCostOf(usage: Usage, model: string, prices: PriceTable, nowMs: number): number | null {
  return weighedCost(usage, model, { prices, nowMs, ...batchFactorsOf(model) });
}

function batchFactorsOf(model: string): { fresh: number; cached: number } {
  return batchFactors[model.slice(0, model.indexOf(":"))] ?? { fresh: 1, cached: 1 };
}

interface Weights {
  prices: PriceTable;
  nowMs: number;
  /** Shares of the usual price that are asked for tokens read or written afresh, and for those of a cache. */
  fresh: number;
  cached: number;
}

function weighedCost(usage: Usage, model: string, { prices, nowMs, fresh, cached }: Weights): number | null {
  if (model.startsWith("offline:")) return 0;
  const price = priceOf(model, prices);
  if (price === null || isOver(price, nowMs)) return null;
  const promptTokens = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
  const rates =
    price.tiers
      .toSorted((a, b) => b.aboveInputTokens - a.aboveInputTokens)
      .find(({ aboveInputTokens }) => promptTokens > aboveInputTokens) ?? price;
  const parts: [tokens: number, rate: number | null, share: number][] = [
    [usage.inputTokens, rates.input, fresh],
    [usage.outputTokens, rates.output, fresh],
    [usage.cacheReadTokens, rates.cacheRead, cached],
    [usage.cacheWriteTokens, rates.cacheWrite5m, cached],
  ];
  let dollarsPerMillion = 0;
  for (const [tokens, perMillion, share] of parts) {
    if (tokens === 0) continue;
    if (perMillion === null) return null;
    dollarsPerMillion += tokens * perMillion * share;
  }
  return dollarsPerMillion / 1_000_000;
}

/**
 * The most that a call can cost: every token at the dearest rate of its kind that any tier has. Null: unknown.
 * @param promptTokens an upper bound, not an estimate.
 */
export function costMax(
  tokens: { promptTokens: number; outputTokens: number },
  model: string,
  prices: PriceTable,
  nowMs: number,
): number | null {
  return weighedMax(tokens, model, { prices, nowMs, fresh: 1, cached: 1 });
}

/** `costMax` of a call that is bought through the batch endpoint of its provider. */
export function batchCostMax(
  tokens: { promptTokens: number; outputTokens: number },
  model: string,
  prices: PriceTable,
  nowMs: number,
): number | null {
  return weighedMax(tokens, model, { prices, nowMs, ...batchFactorsOf(model) });
}

function weighedMax(
  { promptTokens, outputTokens }: { promptTokens: number; outputTokens: number },
  model: string,
  { prices, nowMs, fresh, cached }: Weights,
): number | null {
  if (model.startsWith("offline:")) return 0;
  const price = priceOf(model, prices);
  if (price === null || isOver(price, nowMs)) return null;
  const all = [price, ...price.tiers];
  const input = Math.max(
    ...all.flatMap(({ input: read, cacheRead, cacheWrite5m }) => [
      read * fresh,
      (cacheRead ?? 0) * cached,
      (cacheWrite5m ?? 0) * cached,
    ]),
  );
  const output = Math.max(...all.map((rates) => rates.output)) * fresh;
  return (promptTokens * input + outputTokens * output) / 1_000_000;
}

/** The price of exactly this model or, for a snapshot (`-20260915`, `-001`), of the model it is a snapshot of. */
function priceOf(model: string, { models }: PriceTable): Price | null {
  const named = (name: string): Price | null => (Object.hasOwn(models, name) ? (models[name] ?? null) : null);
  return named(model) ?? named(model.replace(/(?:-\d{3,8}){1,2}$/, ""));
}

function isOver({ introductoryUntil }: Price, nowMs: number): boolean {
  return introductoryUntil !== null && new Date(nowMs).toISOString().slice(0, 10) > introductoryUntil;
}
