import type { CampaignId } from "@hindcast/shared";
import { type Model, onAccount, WaitTime } from "@hindcast/shared/node";
import type { StageContext } from "./campaign-context.ts";

/** On whose account a campaign's models are asked, by its leader and by every coordinator that works on its stages. */
export class CampaignAccount extends WaitTime {
  readonly #campaignId: CampaignId;
  readonly #report: StageContext["report"];

  constructor(campaignId: CampaignId, report: StageContext["report"]) {
    super();
    this.#campaignId = campaignId;
    this.#report = report;
  }

  charge(model: Model): Model {
    return onAccount(model, { campaignId: this.#campaignId, observer: this });
  }

  told(reason: string): void {
    this.#report("waiting", 0, 0, reason);
  }
}
