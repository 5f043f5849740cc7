import type { CampaignId, CampaignRecord } from "@hindcast/shared";
import type { RecordStore } from "@hindcast/shared/node";

/** Knows which campaigns are over, so that their episodes stop within a step instead of running to their limits. */
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
