import { addUsage, HindcastError, noUsage, sumCost, totalTokens } from "@hindcast/shared";
import type { ModelCall, PurposeCost, Usage } from "@hindcast/shared";

/** Every model call of a campaign, the agents' included, by purpose and model; and the place that says when to stop. */
export class CostLedger {
  readonly #rows = new Map<string, PurposeCost>();
  readonly #limit: () => number | null;

  /** @param costUsdMax the limit, or what says it each time, because it may be changed on the way; null: none. */
  constructor(costUsdMax: number | null | (() => number | null)) {
    this.#limit = typeof costUsdMax === "function" ? costUsdMax : () => costUsdMax;
  }

  add(calls: readonly ModelCall[]): void {
    for (const { purpose, model, journaled, batched, usage, costUsd } of calls) {
      this.#add({
        purpose,
        model,
        calls: 1,
        journaled: journaled ? 1 : 0,
        batched: batched === true && !journaled ? 1 : 0,
        usage,
        costUsd,
      });
    }
  }

  /** Adds the rows of another ledger, that of a stage which ran on another coordinator. */
  merge(rows: readonly PurposeCost[]): void {
    for (const row of rows) this.#add(row);
  }

  /**
   * What an episode used beyond its recorded calls: answers that led to no step (a refusal, no readable action). Of
   * those only the sums are kept, so they count as one call.
   */
  addRest(
    of: Pick<ModelCall, "purpose" | "model">,
    total: { usage: Usage; costUsd: number | null },
    recorded: readonly ModelCall[],
  ): void {
    const known = recorded.reduce((sum, { usage }) => addUsage(sum, usage), noUsage);
    const usage = subtract(total.usage, known);
    if (totalTokens(usage) === 0) return;
    const knownCost = sumCost(recorded.map(({ costUsd }) => costUsd));
    const costUsd = total.costUsd === null || knownCost === null ? null : Math.max(0, total.costUsd - knownCost);
    this.add([{ ...of, usage, costUsd, resolvedModel: of.model, requestHash: "", journaled: false, durationMs: 0 }]);
  }

  /** What is left of the campaign's limit; null: there is none. */
  get leftUsd(): number | null {
    const costUsdMax = this.#limit();
    return costUsdMax === null ? null : Math.max(0, costUsdMax - this.knownCostUsd);
  }

  /** What is known to be spent; calls of unknown price are not in it (the report shows them as unknown). */
  get knownCostUsd(): number {
    return [...this.#rows.values()].reduce((sum, row) => sum + (row.costUsd ?? 0), 0);
  }

  /** @throws CAMPAIGN_BUDGET_EXHAUSTED once the known cost has reached the campaign's limit. */
  assertWithinBudget(): void {
    const costUsdMax = this.#limit();
    if (costUsdMax === null || this.knownCostUsd < costUsdMax) return;
    throw new HindcastError({
      code: "CAMPAIGN_BUDGET_EXHAUSTED",
      boundary: "campaign",
      message: `$${this.knownCostUsd.toFixed(4)} of $${costUsdMax} are spent; raise the limit (--max-usd) to go on`,
    });
  }

  #add(more: PurposeCost): void {
    const key = `${more.purpose} ${more.model}`;
    const row = this.#rows.get(key);
    this.#rows.set(
      key,
      row === undefined
        ? more
        : {
            ...row,
            calls: row.calls + more.calls,
            journaled: row.journaled + more.journaled,
            batched: row.batched + more.batched,
            usage: addUsage(row.usage, more.usage),
            costUsd: sumCost([row.costUsd, more.costUsd]),
          },
    );
  }

  rows(): PurposeCost[] {
    return [...this.#rows.values()].sort((a, b) => `${a.purpose} ${a.model}`.localeCompare(`${b.purpose} ${b.model}`));
  }
}

function subtract(total: Usage, part: Usage): Usage {
  return {
    inputTokens: Math.max(0, total.inputTokens - part.inputTokens),
    cacheReadTokens: Math.max(0, total.cacheReadTokens - part.cacheReadTokens),
    cacheWriteTokens: Math.max(0, total.cacheWriteTokens - part.cacheWriteTokens),
    outputTokens: Math.max(0, total.outputTokens - part.outputTokens),
  };
}
