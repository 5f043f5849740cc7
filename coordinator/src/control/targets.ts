// Who a command is for. A name that nobody has is answered with the nearest that somebody has.
import {
  type Change,
  type CampaignRecord,
  HindcastError,
  type WorkerRecord,
  WorkerRecord as Worker,
} from "@hindcast/shared";
import { type Bus, nearestName } from "@hindcast/shared/node";
import type { CampaignRecords } from "../campaign-records.ts";

/** What a cluster has that can be commanded, newest state as stored. */
export interface Fleet {
  campaigns: CampaignRecord[];
  workers: WorkerRecord[];
}

export async function readFleet(bus: Pick<Bus, "records">, records: CampaignRecords): Promise<Fleet> {
  const [campaigns, workers] = await Promise.all([records.list(), bus.records("WORKERS", Worker).entries()]);
  return { campaigns, workers: workers.map(({ value }) => value) };
}

/** @throws CAMPAIGN_NOT_FOUND or BUS_NOT_FOUND with the nearest name that there is */
export function unknownTarget(target: string, kinds: string, known: readonly string[]): HindcastError {
  const nearest = nearestName(target, known);
  const remedy =
    nearest === null
      ? "`hindcast status` lists what there is"
      : `did you mean ${nearest}? \`hindcast status\` lists all`;
  return new HindcastError({
    code: kinds === "campaign" ? "CAMPAIGN_NOT_FOUND" : "BUS_NOT_FOUND",
    boundary: "campaign",
    message: `there is no ${kinds} "${target}"; ${remedy}`,
  });
}

/** A change that was not made because of an error: the others of the same command still are. */
export function unchanged(what: Pick<Change, "what" | "campaignId">, state: string, problem: string): Change {
  return { ...what, before: state, after: state, problem: problem.slice(0, 1_000) };
}
