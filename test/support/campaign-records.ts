// Records of campaigns as a coordinator stores them, and what campaigns have learned.
import type { CampaignId, CampaignRecord, Demonstration } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { packDocuments } from "../../coordinator/src/campaign-run.ts";
import { someSettings } from "./campaign-context.ts";
import { aDocument } from "./scripted-generator.ts";

const never = new AbortController().signal;

/** A campaign that was just begun: nobody leads it yet. */
export function aCampaignRecord(partial: Pick<CampaignRecord, "documents"> & Partial<CampaignRecord>): CampaignRecord {
  return {
    v: 1,
    id: "c-0001" as CampaignId,
    name: "test",
    settings: someSettings,
    state: "running",
    detail: null,
    report: null,
    startedAt: new Date().toISOString(),
    endedAt: null,
    leader: null,
    resumed: 0,
    tuning: {},
    forgottenAt: null,
    requestId: null,
    takenUp: { times: 0, newestResult: 0, newestRecord: 0 },
    ...partial,
  };
}

/** One over so many small documents. */
export async function aStoredCampaign(
  bus: Pick<Bus, "blobs">,
  documents: number,
  partial: Partial<CampaignRecord> = {},
): Promise<CampaignRecord> {
  const pages = Array.from({ length: documents }, (_, n) => aDocument(n + 1));
  return aCampaignRecord({ documents: await bus.blobs.put(packDocuments(pages)), ...partial });
}

/** Everything that was learned until now, by id. */
export async function demonstrationsOn(bus: Pick<Bus, "demonstrations">): Promise<Demonstration[]> {
  const last = await bus.demonstrations.lastSequence();
  const found: Demonstration[] = [];
  if (last === 0) return found;
  for await (const { sequence, demonstration } of bus.demonstrations.follow(1, never)) {
    if (demonstration !== null) found.push(demonstration);
    if (sequence >= last) break;
  }
  return found.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
