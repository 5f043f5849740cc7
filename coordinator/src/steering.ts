// How a campaign is steered while it is run: brought to rest, and given other limits. Its leader follows the stored record.
import type { CampaignRecord, CampaignTuning } from "@hindcast/shared";

export class Steering {
  readonly #rest = new AbortController();
  #began: number | null = null;
  #newest: CampaignRecord | null = null;
  #onTuning: () => void = () => undefined;

  /** Aborts when the campaign is to come to rest: calls under way are finished, nothing else is begun. */
  get rest(): AbortSignal {
    return this.#rest.signal;
  }

  get tuning(): CampaignTuning {
    return this.#newest?.tuning ?? {};
  }

  /** Calls back whenever the tuning may have changed. */
  set onTuning(listener: () => void) {
    this.#onTuning = listener;
  }

  /** From the record with which the leader begins. */
  begin(record: CampaignRecord): void {
    this.#began = record.resumed;
    const seen = this.#newest;
    this.follow(record);
    if (seen !== null && seen.resumed >= record.resumed) this.follow(seen);
  }

  /** A pause that was over before the leader began is none; one that it never saw emptied its queue all the same. */
  follow(record: CampaignRecord): void {
    this.#newest = record;
    this.#onTuning();
    if (this.#began === null) return;
    const isPaused = record.state === "paused" && record.resumed === this.#began;
    if (isPaused || record.resumed > this.#began) this.#rest.abort(new Error(`campaign ${record.id} was paused`));
  }
}
