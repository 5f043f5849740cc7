// Admission within one process that may spend so many dollars: each request reserves the most that it can cost, and
// gives back what it did not. What may have been billed without a known price stays reserved.
import { HindcastError } from "../../errors.ts";
import type { Admission, AdmissionRequest, Ticket } from "./admission.ts";

export class CappedAdmission implements Admission {
  readonly isPausing = false;
  readonly #inner: Admission;
  readonly #usdMax: number;
  readonly #allowUnknownPrices: boolean;
  /** Spent and reserved. */
  #usd = 0;

  /** @param options.allowUnknownPrices requests without a known price are admitted and counted as nothing */
  constructor(inner: Admission, { usdMax, allowUnknownPrices }: { usdMax: number; allowUnknownPrices: boolean }) {
    this.#inner = inner;
    this.#usdMax = usdMax;
    this.#allowUnknownPrices = allowUnknownPrices;
  }

  async admit(request: AdmissionRequest, signal: AbortSignal): Promise<Ticket> {
    const { model, usdMax } = request;
    if (usdMax === null && !this.#allowUnknownPrices) {
      throw new HindcastError({
        code: "MODEL_PRICE_UNKNOWN",
        boundary: "model",
        message: `nobody knows what ${model} costs, so no budget can be kept: give its price in HINDCAST_PRICES_FILE, or set admission.allowUnknownPrices`,
      });
    }
    const reserved = usdMax ?? 0;
    if (this.#usd + reserved > this.#usdMax) {
      throw new HindcastError({
        code: "CAMPAIGN_BUDGET_EXHAUSTED",
        boundary: "campaign",
        message: `a call of ${model} may cost $${reserved.toFixed(4)}, and $${this.#usd.toFixed(4)} of $${this.#usdMax} are spent or reserved`,
      });
    }
    this.#usd += reserved;
    try {
      const ticket = await this.#inner.admit(request, signal);
      return {
        settle: (result) => {
          if (result.costUsd !== null) this.#usd += result.costUsd - reserved;
          ticket.settle(result);
        },
      };
    } catch (error) {
      this.#usd -= reserved;
      throw error;
    }
  }
}
