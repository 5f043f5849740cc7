// What batches may cost: asked before one is made, reserved before it is submitted, paid when its results are read. In a
// fleet the one process that admits keeps the budgets (../../admission/fleet-purse.ts); alone there are none.
import type { CampaignId } from "../../../domain/ids.ts";
import { HindcastError } from "../../../errors.ts";
import type { AdmissionRoomReply } from "../../../protocol/admission.ts";
import { exhaustedMessage, unknownPriceMessage } from "../../admission/budget-messages.ts";
import type { BatchRecord } from "./batch-record.ts";
import type { WaitingRequest } from "./waiting-request.ts";

export type Room = Pick<AdmissionRoomReply, "budgets" | "allowUnknownPrices">;

/** A campaign's part of a batch. */
export interface BatchPart {
  batch: string;
  campaignId: CampaignId | null;
}

/** Everything waits until somebody answers or `signal` aborts, and everything may be asked again with the same outcome. */
export interface BatchPurse {
  /** What is left of the budgets on which a campaign's requests count. */
  room(campaign: CampaignId | null, signal: AbortSignal): Promise<Room>;
  /** @returns whether it is reserved: it stays so, whoever dies, until it is paid. */
  hold(part: BatchPart & { usdMax: number }, signal: AbortSignal): Promise<boolean>;
  /** What is not reserved any more is not paid again. */
  pay(part: BatchPart & { costUsd: number }, signal: AbortSignal): Promise<void>;
}

/** Of a process that stands alone: nothing is counted. */
export const noPurse: BatchPurse = {
  room: () => Promise.resolve({ budgets: [], allowUnknownPrices: true }),
  hold: () => Promise.resolve(true),
  pay: () => Promise.resolve(),
};

export interface Affordable {
  now: WaitingRequest[];
  /** There is no room for them now; what others have reserved may make some. */
  later: WaitingRequest[];
  never: { waiting: WaitingRequest; error: HindcastError }[];
}

/** Sums of many small numbers differ in their last digits. */
const roundingUsd = 1e-9;

/** Which of the requests fit into the budgets that their campaigns count on, in their order. */
export async function affordable(
  { purse, model, signal }: { purse: BatchPurse; model: string; signal: AbortSignal },
  requests: readonly WaitingRequest[],
): Promise<Affordable> {
  const rooms = new Map<CampaignId | null, Room>();
  for (const { campaignId } of requests) {
    if (!rooms.has(campaignId)) rooms.set(campaignId, await purse.room(campaignId, signal));
  }
  const free = new Map<string, number>();
  for (const { budgets } of rooms.values()) {
    for (const { account, limitUsd, settledUsd, escrowUsd } of budgets) {
      free.set(account, limitUsd - settledUsd - escrowUsd - roundingUsd);
    }
  }
  const sorted: Affordable = { now: [], later: [], never: [] };
  for (const waiting of requests) {
    const { budgets, allowUnknownPrices } = rooms.get(waiting.campaignId) ?? noRoom;
    const error = refusalOf(waiting, model, { budgets, allowUnknownPrices });
    const usd = waiting.usdMax ?? 0;
    if (error !== null) sorted.never.push({ waiting, error });
    else if (budgets.some(({ account }) => usd > (free.get(account) ?? 0))) sorted.later.push(waiting);
    else {
      sorted.now.push(waiting);
      for (const { account } of budgets) free.set(account, (free.get(account) ?? 0) - usd);
    }
  }
  return sorted;
}

const noRoom: Room = { budgets: [], allowUnknownPrices: true };

function refusalOf(
  { usdMax, campaignId }: WaitingRequest,
  model: string,
  { budgets, allowUnknownPrices }: Room,
): HindcastError | null {
  if (budgets.length === 0) return null;
  if (usdMax === null) {
    if (allowUnknownPrices) return null;
    const message = unknownPriceMessage(model, campaignId);
    return new HindcastError({ code: "MODEL_PRICE_UNKNOWN", boundary: "model", message });
  }
  const full = budgets.find(({ limitUsd, settledUsd }) => settledUsd + usdMax > limitUsd - roundingUsd);
  if (full === undefined) return null;
  const message = exhaustedMessage(full, usdMax);
  return new HindcastError({ code: "CAMPAIGN_BUDGET_EXHAUSTED", boundary: "campaign", message });
}

/** What a batch reserves, by campaign. */
export function partsOf({ id, items }: BatchRecord): (BatchPart & { usdMax: number })[] {
  const byCampaign = Map.groupBy(items, ({ campaignId }) => campaignId);
  return [...byCampaign].map(([campaignId, own]) => ({
    batch: id,
    campaignId,
    usdMax: own.reduce((sum, { usdMax }) => sum + (usdMax ?? 0), 0),
  }));
}

/** Reserves all of it or nothing. */
export async function holdAll(purse: BatchPurse, record: BatchRecord, signal: AbortSignal): Promise<boolean> {
  const held: BatchPart[] = [];
  for (const part of partsOf(record)) {
    if (await purse.hold(part, signal)) {
      held.push(part);
      continue;
    }
    for (const each of held) await purse.pay({ ...each, costUsd: 0 }, signal);
    return false;
  }
  return true;
}

/**
 * Pays for every campaign's part what its requests have cost.
 * @param costOf null: not known, then what was reserved for it is charged.
 */
export async function payAll(
  purse: BatchPurse,
  record: BatchRecord,
  { costOf, signal }: { costOf: (hash: string) => number | null; signal: AbortSignal },
): Promise<void> {
  for (const { campaignId } of partsOf(record)) {
    const own = record.items.filter((item) => item.campaignId === campaignId);
    const costUsd = own.reduce((sum, { hash, usdMax }) => sum + (costOf(hash) ?? usdMax ?? 0), 0);
    await purse.pay({ batch: record.id, campaignId, costUsd }, signal);
  }
}
