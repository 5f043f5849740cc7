import { type CampaignRecord, isOver } from "../../domain/campaign.ts";
import type { CampaignId } from "../../domain/ids.ts";
import type { RecordStore } from "../bus/bus.ts";

type Campaigns = Pick<RecordStore<CampaignRecord>, "watch" | "get">;

/**
 * Knows which campaigns are over, so that work on them stops at once instead of running to its limits, and which are
 * paused, so that it is put aside after the running step.
 */
export class Cancellations {
  readonly #over = new Map<string, AbortController>();
  readonly #pauses = new Map<string, AbortController>();
  /** Campaigns whose dollar limit was moved after they began. */
  readonly #relimited = new Set<string>();
  #campaigns: Campaigns | null = null;

  /** Follows the CAMPAIGNS bucket until `signal` aborts. */
  async follow(campaigns: Campaigns, signal: AbortSignal): Promise<void> {
    this.#campaigns = campaigns;
    for await (const { key, value } of campaigns.watch(signal)) {
      if (value === null) continue;
      if (value.tuning.costUsdMax === undefined || isOver(value.state)) this.#relimited.delete(key);
      else this.#relimited.add(key);
      // Nobody works on it any more, and as long as the process lives there are others.
      if (value.state === "finished") this.#over.delete(key);
      if (value.state === "cancelled" || value.state === "failed")
        controllerOf(this.#over, key).abort(new Error(`campaign ${key} was ${value.state}`));
      if (value.state === "paused") controllerOf(this.#pauses, key).abort(new Error(`campaign ${key} is paused`));
      else if (isOver(value.state) || this.#pauses.get(key)?.signal.aborted === true) this.#pauses.delete(key);
    }
  }

  signalFor(campaign: CampaignId): AbortSignal {
    return controllerOf(this.#over, campaign).signal;
  }

  /** Aborts when the campaign is paused, as far as is known here; after it was resumed there is a fresh one. */
  pauseOf(campaign: CampaignId): AbortSignal {
    return controllerOf(this.#pauses, campaign).signal;
  }

  hasMovedLimit(campaign: CampaignId): boolean {
    return this.#relimited.has(campaign);
  }

  /**
   * The stored word on it. To be asked before a task is put aside: from a stale pause, one that was queued after the
   * campaign was resumed would be lost.
   */
  async isPaused(campaign: CampaignId): Promise<boolean> {
    return (await this.#campaigns?.get(campaign))?.value.state === "paused";
  }
}

function controllerOf(controllers: Map<string, AbortController>, campaign: string): AbortController {
  const known = controllers.get(campaign) ?? new AbortController();
  controllers.set(campaign, known);
  return known;
}
