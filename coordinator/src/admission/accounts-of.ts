import { type BudgetAccount, fleetAccount } from "@hindcast/shared/node";
import type { BudgetBook } from "./budget-book.ts";
import type { CampaignTerms } from "./campaign-terms.ts";
import type { AdmissionSettings } from "./settings.ts";

/** The budgets on which a campaign's dollars count; none where there is no limit. Null: nobody's but the fleet's. */
export function accountsOf(
  { book, settings }: { book: BudgetBook; settings: Pick<AdmissionSettings, "fleetUsdMax"> },
  campaign: string | null,
  { costUsdMax }: Pick<CampaignTerms, "costUsdMax">,
): BudgetAccount[] {
  const accounts: BudgetAccount[] = [];
  if (campaign !== null && costUsdMax !== null) accounts.push(book.account(campaign, costUsdMax));
  if (settings.fleetUsdMax !== null) accounts.push(book.account(fleetAccount, settings.fleetUsdMax));
  return accounts;
}
