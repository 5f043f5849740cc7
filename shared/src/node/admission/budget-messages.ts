// What is said where a budget cannot pay, by whoever admits and by whoever makes batches.
import type { BudgetStatus } from "../../protocol/admission.ts";

/** Why a request can never be paid from an account. */
export function exhaustedMessage(
  { account, settledUsd, limitUsd }: Pick<BudgetStatus, "account" | "settledUsd" | "limitUsd">,
  usdMax: number,
): string {
  const remedy = account === "fleet" ? "raise admission.fleetUsdMax" : "raise the limit (--max-usd)";
  const spent = `$${settledUsd.toFixed(4)} of $${limitUsd} of the budget of ${account === "fleet" ? "the fleet" : account}`;
  return `${spent} are spent and the next call may cost up to $${usdMax.toFixed(4)}; ${remedy} to go on`;
}

/** @param campaign on whose account it was to be asked; null: nobody's */
export function unknownPriceMessage(model: string, campaign: string | null): string {
  return `the price of ${model} is unknown, so no dollar limit can be kept${campaign === null ? "" : ` for ${campaign}`}; name its price in models.pricesFile, take the limit away, or set admission.allowUnknownPrices to leave its cost uncounted`;
}
