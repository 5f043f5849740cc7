import type { CampaignRecord } from "../../domain/campaign.ts";
import type { CampaignId } from "../../domain/ids.ts";
import type { RecordStore } from "../bus/bus.ts";

/** Knows which campaigns are over, so that work on them stops within a step instead of running to its limits. */
export class Cancellations {
  readonly #controllers = new Map<string, AbortController>();

  /** Follows the CAMPAIGNS bucket until `signal` aborts. */
  async follow(campaigns: Pick<RecordStore<CampaignRecord>, "watch">, signal: AbortSignal): Promise<void> {
    for await (const { key, value } of campaigns.watch(signal)) {
      if (value?.state === "cancelled" || value?.state === "failed")
        this.#controller(key).abort(new Error(`campaign ${key} was ${value.state}`));
    }
  }

  signalFor(campaign: CampaignId): AbortSignal {
    return this.#controller(campaign).signal;
  }

  #controller(campaign: string): AbortController {
    const known = this.#controllers.get(campaign) ?? new AbortController();
    this.#controllers.set(campaign, known);
    return known;
  }
}
