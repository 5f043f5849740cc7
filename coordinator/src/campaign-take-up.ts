// A campaign that ends the process of its coordinator would end every coordinator that takes it up. So take-ups are
// counted in its record: one after the other, with no result and no orderly stop between them, only so many are made.
import { type CampaignId, HindcastError, isOver, limits } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import type { CampaignRecords } from "./campaign-records.ts";

/**
 * Counts a take-up of a running campaign.
 * @throws INTERNAL of boundary `campaign` when it has been taken up in vain `limits.campaignTakeUpsMax` times
 */
export async function takeUp(bus: Pick<Bus, "results">, records: CampaignRecords, id: CampaignId): Promise<void> {
  const newestResult = await bus.results.newest(id);
  const { state, takenUp } = await records.countTakeUps(id, (before) => ({
    times: before.newestResult === newestResult ? before.times + 1 : 1,
    newestResult,
  }));
  if (isOver(state) || takenUp.times <= limits.campaignTakeUpsMax) return;
  throw new HindcastError({
    code: "INTERNAL",
    boundary: "campaign",
    message:
      `the coordinator that ran ${id} ended ${limits.campaignTakeUpsMax} times in a row before anything came of it: ` +
      `it is not taken up again; the coordinators' logs say how they ended`,
  });
}

/** Its process lived to let go of it, by an orderly stop or because its lease was lost: nothing is held against it. */
export async function layDown(records: CampaignRecords, id: CampaignId): Promise<void> {
  await records.countTakeUps(id, (before) => ({ ...before, times: 0 }));
}
