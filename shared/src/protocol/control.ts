// Control of the coordinator over request/reply: `hindcast.control.<verb>`; the CLI is one client of it.
import { z } from "zod";
import { CampaignRecord, CampaignSettings } from "../domain/campaign.ts";
import { BlobRef, CampaignId } from "../domain/ids.ts";

export const StartCampaign = z.strictObject({
  v: z.literal(1),
  kind: z.literal("campaign.start"),
  name: z.string().min(1).max(200),
  settings: CampaignSettings,
  documents: BlobRef,
});
export type StartCampaign = z.infer<typeof StartCampaign>;

export const CancelCampaign = z.strictObject({
  v: z.literal(1),
  kind: z.literal("campaign.cancel"),
  campaignId: CampaignId,
});
export type CancelCampaign = z.infer<typeof CancelCampaign>;

export const ListCampaigns = z.strictObject({ v: z.literal(1), kind: z.literal("campaign.list") });
export type ListCampaigns = z.infer<typeof ListCampaigns>;

export const ControlRequest = z.discriminatedUnion("kind", [StartCampaign, CancelCampaign, ListCampaigns]);
export type ControlRequest = z.infer<typeof ControlRequest>;

export const CampaignReply = z.strictObject({ v: z.literal(1), kind: z.literal("campaign"), campaign: CampaignRecord });
export type CampaignReply = z.infer<typeof CampaignReply>;

export const CampaignListReply = z.strictObject({
  v: z.literal(1),
  kind: z.literal("campaigns"),
  campaigns: z.array(CampaignRecord),
});
export type CampaignListReply = z.infer<typeof CampaignListReply>;

export const ControlReply = z.discriminatedUnion("kind", [CampaignReply, CampaignListReply]);
export type ControlReply = z.infer<typeof ControlReply>;

/** One change of the funnel, for progress bars; lossy. `waiting` says in its note what the campaign waits for. */
export const Progress = z.strictObject({
  v: z.literal(1),
  kind: z.literal("progress"),
  campaignId: CampaignId,
  stage: z.enum([
    "self-instruct",
    "rollout",
    "backward-construction",
    "committee",
    "replay",
    "index",
    "evaluation",
    "finished",
    "waiting",
  ]),
  done: z.int().nonnegative(),
  total: z.int().nonnegative(),
  note: z.string().max(200),
});
export type Progress = z.infer<typeof Progress>;
