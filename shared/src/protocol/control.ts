// Control of the coordinator over request/reply: `hindcast.control.<verb>`; the CLI is one client of it.
import { z } from "zod";
import { CampaignRecord, CampaignSettings } from "../domain/campaign.ts";
import { BlobRef, CampaignId } from "../domain/ids.ts";
import { limits } from "../limits.ts";

/** `user@host` as the asking side tells it, for the audit log; nobody checks it. */
const By = z.string().max(200).nullable().optional();

/** What makes two requests one: whoever asks again, because no answer came, gives the same one. */
const RequestId = z.string().regex(/^[a-z]+-[0-9a-f]{20}$/, "expected an id such as start-0123456789abcdef0123");

export const StartCampaign = z.strictObject({
  v: z.literal(1),
  kind: z.literal("campaign.start"),
  name: z.string().min(1).max(200),
  settings: CampaignSettings,
  documents: BlobRef,
  /** Derived by the asker from what it asks for. Absent: every request is a new one. */
  requestId: RequestId.nullable().optional(),
  by: By,
});
export type StartCampaign = z.infer<typeof StartCampaign>;

export const CancelCampaign = z.strictObject({
  v: z.literal(1),
  kind: z.literal("campaign.cancel"),
  campaignId: CampaignId,
  by: By,
});
export type CancelCampaign = z.infer<typeof CancelCampaign>;

export const ListCampaigns = z.strictObject({ v: z.literal(1), kind: z.literal("campaign.list") });
export type ListCampaigns = z.infer<typeof ListCampaigns>;

/** What an operator may ask of a running cluster. */
export const CommandVerb = z.enum(["pause", "resume", "drain", "cancel", "retune", "requeue"]);
export type CommandVerb = z.infer<typeof CommandVerb>;

/** An operator's command. Who takes it and what its arguments mean is the coordinator's to say. */
export const Command = z.strictObject({
  v: z.literal(1),
  kind: z.literal("command"),
  verb: CommandVerb,
  /** A campaign, a worker, a task or the number of a dead letter; null: all that the verb can be said to. */
  target: z.string().min(1).max(200).nullable(),
  /** Of `retune`. */
  arguments: z.record(z.string().min(1).max(100), z.string().max(200)),
  by: By,
});
export type Command = z.infer<typeof Command>;

export const ControlRequest = z.discriminatedUnion("kind", [StartCampaign, CancelCampaign, ListCampaigns, Command]);
export type ControlRequest = z.infer<typeof ControlRequest>;

export const CampaignReply = z.strictObject({ v: z.literal(1), kind: z.literal("campaign"), campaign: CampaignRecord });
export type CampaignReply = z.infer<typeof CampaignReply>;

export const CampaignListReply = z.strictObject({
  v: z.literal(1),
  kind: z.literal("campaigns"),
  campaigns: z.array(CampaignRecord),
});
export type CampaignListReply = z.infer<typeof CampaignListReply>;

/** What became of one campaign, worker or dead letter. Equal `before` and `after`: it was so already, or `problem`. */
export const Change = z.strictObject({
  /** For people: `campaign c-0001`, `worker w-1`, `dead letter 7`. */
  what: z.string().max(300),
  campaignId: CampaignId.nullable(),
  before: z.string().max(300),
  after: z.string().max(300),
  /** Why it is not as was asked, where it is not. */
  problem: z.string().max(1_000).nullable(),
});
export type Change = z.infer<typeof Change>;

export const ChangesReply = z.strictObject({
  v: z.literal(1),
  kind: z.literal("changes"),
  changes: z.array(Change).max(limits.changesMax),
  /** The command's number in the audit log. */
  auditSequence: z.int().positive(),
});
export type ChangesReply = z.infer<typeof ChangesReply>;

export const ControlReply = z.discriminatedUnion("kind", [CampaignReply, CampaignListReply, ChangesReply]);
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
