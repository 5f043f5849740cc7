// A campaign that ends the process of its coordinator would end every coordinator that takes it up. So take-ups are
// counted in its record: those in a row that came to nothing, and after so many of them it fails. A kill from outside
// looks the same, therefore whatever speaks for the campaign starts the count anew: a new result, a new record of an
// attempt, an orderly stop, or a leader that lasted.
import { type CampaignId, HindcastError, isOver, limits } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import type { CampaignRecords } from "./campaign-records.ts";

interface Sources {
  results: Pick<Bus["results"], "newest">;
  trajectories: Pick<Bus["trajectories"], "newest">;
}

type Counter = Pick<CampaignRecords, "countTakeUps">;

/**
 * Counts a take-up of a campaign that is not over.
 * @throws INTERNAL of boundary `campaign` when it has been taken up in vain `limits.campaignTakeUpsMax` times
 */
export async function takeUp(bus: Sources, records: Counter, id: CampaignId): Promise<void> {
  const [newestResult, newestRecord] = await Promise.all([bus.results.newest(id), bus.trajectories.newest(id)]);
  const { state, takenUp } = await records.countTakeUps(id, (before) => {
    const isInVain = before.newestResult === newestResult && before.newestRecord === newestRecord;
    return { times: isInVain ? before.times + 1 : 1, newestResult, newestRecord };
  });
  if (isOver(state) || takenUp.times <= limits.campaignTakeUpsMax) return;
  throw new HindcastError({
    code: "INTERNAL",
    boundary: "campaign",
    message:
      `the coordinator that ran ${id} ended ${limits.campaignTakeUpsMax} times in a row before anything came of it, ` +
      `each time within ${limits.campaignProvenMs / 1_000} s: it is not taken up again; the coordinators' logs say how ` +
      `they ended`,
  });
}

/** Its leader lasted, or lived to let go of it by an orderly stop or a lost lease: nothing is held against it. */
export async function layDown(records: Counter, id: CampaignId): Promise<void> {
  await records.countTakeUps(id, (before) => (before.times === 0 ? before : { ...before, times: 0 }));
}

/** Calls back once the leader has lasted `campaignProvenMs`, unless it is disposed of before. */
export function onceProven(isProven: () => void): Disposable {
  const timer = setTimeout(isProven, limits.campaignProvenMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
