import { CampaignRecord, tunedSettings } from "../../domain/campaign.ts";
import type { CampaignId } from "../../domain/ids.ts";
import { BudgetRecord } from "../../protocol/admission.ts";
import type { Bus, RecordStore } from "../bus/bus.ts";

/** The account on which everything counts. */
export const fleetAccount = "fleet" as const;

/** Whether dollars are counted on an account, for when nobody who knows answers. What cannot be read counts as limited. */
export class BudgetLookup {
  readonly #known = new Map<CampaignId | null, boolean>();
  readonly #campaigns: RecordStore<CampaignRecord>;
  readonly #budgets: RecordStore<BudgetRecord>;

  constructor(bus: Pick<Bus, "records">) {
    this.#campaigns = bus.records("CAMPAIGNS", CampaignRecord);
    this.#budgets = bus.records("BUDGETS", BudgetRecord);
  }

  learn(campaign: CampaignId | null, isBudgeted: boolean): void {
    // A limit may be set at any time, so that there is none holds only for now.
    if (isBudgeted) this.#known.set(campaign, true);
    else this.#known.delete(campaign);
  }

  async isBudgeted(campaign: CampaignId | null): Promise<boolean> {
    const known = this.#known.get(campaign);
    if (known !== undefined) return known;
    try {
      const [record, fleet] = await Promise.all([
        campaign === null ? null : this.#campaigns.get(campaign),
        this.#budgets.get(fleetAccount),
      ]);
      const isBudgeted = fleet !== null || (record !== null && tunedSettings(record.value).costUsdMax !== null);
      if (isBudgeted) this.#known.set(campaign, true);
      return isBudgeted;
    } catch {
      return true;
    }
  }
}
