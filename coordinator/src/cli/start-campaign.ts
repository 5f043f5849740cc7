// Asking for a campaign until somebody answers. A coordinator may die, or be frozen for minutes, between making a campaign
// and saying so. So the request has an id, derived from what is asked for: asked again, whoever answers gives the same
// campaign, and never makes a second one.
import { isDeepStrictEqual } from "node:util";
import {
  CampaignRecord,
  CampaignReply,
  type CampaignSettings,
  type BlobRef,
  ControlRequest,
  HindcastError,
  isOver,
  subjects,
} from "@hindcast/shared";
import { type Bus, canonicalJson, deriveId } from "@hindcast/shared/node";
import { whoAsks } from "./who-asks.ts";

/** Times that a request is made to whoever answers. */
const triesMax = 3;

export interface WantedCampaign {
  name: string;
  settings: CampaignSettings;
  documents: BlobRef;
}

/** The same campaign that an interrupted run left behind goes on; anything else is a new one. */
export async function startOrContinue(
  bus: Pick<Bus, "records" | "request">,
  wanted: WantedCampaign,
): Promise<{ campaign: CampaignRecord; isNew: boolean }> {
  // From the bucket: records are kept for ever, and the answer to `campaign.list` is one message.
  const campaigns = (await bus.records("CAMPAIGNS", CampaignRecord).entries()).map(({ value }) => value);
  const alike = campaigns.filter((each) => isAlike(each, wanted));
  const unfinished = alike.find(({ state }) => !isOver(state));
  if (unfinished !== undefined) return { campaign: unfinished, isNew: false };
  const requestId = requestIdOf(wanted, alike.length);
  const { campaign } = await untilAnswered(() =>
    bus.request({
      subject: subjects.control("start"),
      request: ControlRequest,
      reply: CampaignReply,
      value: { v: 1, kind: "campaign.start", ...wanted, requestId, by: whoAsks() },
    }),
  );
  return { campaign, isNew: true };
}

/** @param earlier campaigns that asked for the same and have ended: learning from it once more is another request. */
export function requestIdOf({ name, settings, documents }: WantedCampaign, earlier: number): string {
  return deriveId("start", name, canonicalJson(settings), documents.sha256, earlier);
}

function isAlike(record: CampaignRecord, { name, settings, documents }: WantedCampaign): boolean {
  return (
    record.name === name && record.documents.sha256 === documents.sha256 && isDeepStrictEqual(record.settings, settings)
  );
}

async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      // No answer in time, or the connection lost meanwhile.
      const isUnanswered = error instanceof HindcastError && error.boundary === "bus" && error.retryable;
      if (!isUnanswered || attempt >= triesMax) throw error;
    }
  }
}
