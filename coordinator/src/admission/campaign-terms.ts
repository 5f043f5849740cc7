import { isDeepStrictEqual } from "node:util";
import { type CampaignId, CampaignRecord, isOver, tunedSettings } from "@hindcast/shared";
import type { Bus, RecordStore } from "@hindcast/shared/node";

/** A budget outlasts its campaign by this: a batch is over after 50 hours, every ticket long before. */
const budgetKeptMs = 7 * 86_400_000;

/** On what terms a campaign is admitted. */
export interface CampaignTerms {
  /** 0 goes first. */
  priority: number;
  weight: number;
  costUsdMax: number | null;
}

const priorities = { high: 0, normal: 1, low: 2 } as const;
/** What is asked for nobody's account, and for campaigns that are not stored. */
const plain: CampaignTerms = { priority: priorities.normal, weight: 1, costUsdMax: null };

/** Follows the campaigns; one that was stored a moment ago is looked up, because its limit must hold from its first call. */
export class TermsOfCampaigns {
  readonly #campaigns: RecordStore<CampaignRecord>;
  readonly #known = new Map<string, CampaignTerms>();
  /** When those that are over have ended. */
  readonly #endedMs = new Map<string, number>();

  constructor(bus: Pick<Bus, "records">) {
    this.#campaigns = bus.records("CAMPAIGNS", CampaignRecord);
  }

  /** Tells of every campaign whose terms change. */
  async follow(signal: AbortSignal, onChange: (campaign: string, terms: CampaignTerms) => void): Promise<void> {
    for await (const { key, value } of this.#campaigns.watch(signal)) {
      const before = this.#known.get(key);
      if (value !== null && isOver(value.state)) this.#endedMs.set(key, Date.parse(value.endedAt ?? value.startedAt));
      else this.#endedMs.delete(key);
      if (value === null) {
        this.#known.delete(key);
        continue;
      }
      const terms = termsOf(value);
      this.#known.set(key, terms);
      if (!isDeepStrictEqual(before, terms)) onChange(key, terms);
    }
  }

  /** Whether nothing more will be spent on its account. */
  isOver(account: string): boolean {
    return this.#endedMs.has(account);
  }

  /** Whether nothing can be asked on its account any more, not even by a batch that was open at its end. */
  isLongOver(account: string): boolean {
    const endedMs = this.#endedMs.get(account);
    return endedMs !== undefined && Date.now() - endedMs > budgetKeptMs;
  }

  async of(campaign: CampaignId | null): Promise<CampaignTerms> {
    if (campaign === null) return plain;
    const known = this.#known.get(campaign);
    if (known !== undefined) return known;
    const record = await this.#campaigns.get(campaign);
    return record === null ? plain : termsOf(record.value);
  }
}

function termsOf(record: CampaignRecord): CampaignTerms {
  const { priority, weight, costUsdMax } = tunedSettings(record);
  return { priority: priorities[priority], weight, costUsdMax };
}
