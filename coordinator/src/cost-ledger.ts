import { addUsage, HindcastError, noUsage, sumCost } from "@hindcast/shared";
import type { ModelCall, PurposeCost } from "@hindcast/shared";

/** Every model call of a campaign, the agents' included, by purpose and model; and the place that says when to stop. */
export class CostLedger {
  readonly #rows = new Map<string, PurposeCost>();
  readonly #costUsdMax: number | null;

  constructor(costUsdMax: number | null) {
    this.#costUsdMax = costUsdMax;
  }

  add(calls: readonly ModelCall[]): void {
    for (const call of calls) {
      const key = `${call.purpose} ${call.model}`;
      const row = this.#rows.get(key) ?? {
        purpose: call.purpose,
        model: call.model,
        calls: 0,
        journaled: 0,
        usage: noUsage,
        costUsd: 0,
      };
      this.#rows.set(key, {
        ...row,
        calls: row.calls + 1,
        journaled: row.journaled + (call.journaled ? 1 : 0),
        usage: addUsage(row.usage, call.usage),
        costUsd: sumCost([row.costUsd, call.costUsd]),
      });
    }
  }

  /** What is known to be spent; calls of unknown price are not in it (the report shows them as unknown). */
  get knownCostUsd(): number {
    return [...this.#rows.values()].reduce((sum, row) => sum + (row.costUsd ?? 0), 0);
  }

  /** @throws CAMPAIGN_BUDGET_EXHAUSTED once the known cost has reached the campaign's limit. */
  assertWithinBudget(): void {
    if (this.#costUsdMax === null || this.knownCostUsd < this.#costUsdMax) return;
    throw new HindcastError({
      code: "CAMPAIGN_BUDGET_EXHAUSTED",
      boundary: "campaign",
      message: `$${this.knownCostUsd.toFixed(4)} of $${this.#costUsdMax} are spent; raise the limit (--max-usd) to go on`,
    });
  }

  rows(): PurposeCost[] {
    return [...this.#rows.values()].sort((a, b) => `${a.purpose} ${a.model}`.localeCompare(`${b.purpose} ${b.model}`));
  }
}
