import type { CampaignId, WorkerId } from "../../../domain/ids.ts";
import type { LeaseStore, RecordStore } from "../../bus/bus.ts";
import type { Clock } from "../attempts.ts";
import type { JournalStore } from "../journal.ts";
import type { Model } from "../model.ts";
import type { PriceTable } from "../prices.ts";
import type { BatchDriver } from "./batch-driver.ts";
import type { BatchPurse } from "./batch-purse.ts";
import type { BatchesValue } from "./batch-record.ts";
import type { BatchTuning } from "./batch-tuning.ts";

/** For logs. */
export interface BatchEvent {
  event: "batch.opened" | "batch.resumed" | "batch.closed" | "batch.troubled";
  model: string;
  batch: string;
  requests: number;
  /** How the requests ended, or what went wrong. */
  detail: string;
}

export interface BatchDeskOptions {
  driver: BatchDriver;
  /** Answers a request on its own, for those that no batch has answered. */
  single: Model;
  prices: PriceTable;
  batches: RecordStore<BatchesValue>;
  leases: LeaseStore;
  journal: JournalStore;
  /** Who holds the leases; another one in each process. */
  owner: WorkerId;
  clock?: Clock;
  /** Uniform in [0, 1). */
  random?: () => number;
  tuning?: Partial<BatchTuning>;
  /** @default none: no dollars are counted */
  purse?: BatchPurse;
  /** Whether nothing will be done any more with what a campaign asks for. @default never */
  isCampaignOver?: (campaign: CampaignId) => Promise<boolean>;
  onEvent?: (event: BatchEvent) => void;
}
