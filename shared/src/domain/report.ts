import { z } from "zod";
import { CampaignId } from "./ids.ts";
import { EndReason } from "./episode.ts";
import { Usage } from "./usage.ts";

/** One stage of the funnel; `counts` name where its items went and add up to `total`. */
export const FunnelStage = z.strictObject({
  name: z.string(),
  total: z.int().nonnegative(),
  counts: z.record(z.string(), z.int().nonnegative()),
});
export type FunnelStage = z.infer<typeof FunnelStage>;

/** Success of one arm on one kind of held-out task, with its 95 % Wilson interval. */
export const ArmResult = z.strictObject({
  successes: z.int().nonnegative(),
  decided: z.int().nonnegative(),
  /** Tasks whose episode was lost to infrastructure or whose evaluator could not decide: reported, never failed. */
  undecided: z.int().nonnegative(),
  rate: z.number().nullable(),
  interval: z.tuple([z.number(), z.number()]).nullable(),
  meanSteps: z.number().nullable(),
});
export type ArmResult = z.infer<typeof ArmResult>;

/** The measured gain on one kind of held-out task: the same tasks with retrieval off and on, paired. */
export const GainResult = z.strictObject({
  kind: z.enum(["instance-disjoint", "document-disjoint"]),
  tasks: z.int().nonnegative(),
  off: ArmResult,
  on: ArmResult,
  /** on − off over the tasks decided in both arms. */
  difference: z.number().nullable(),
  differenceInterval: z.tuple([z.number(), z.number()]).nullable(),
  /** Tasks that only one arm solved: the pairs that carry the evidence. */
  onlyOn: z.int().nonnegative(),
  onlyOff: z.int().nonnegative(),
});
export type GainResult = z.infer<typeof GainResult>;

export const PurposeCost = z.strictObject({
  purpose: z.string(),
  model: z.string(),
  calls: z.int().nonnegative(),
  journaled: z.int().nonnegative(),
  /** Of the calls, those bought through a batch endpoint; reports of earlier versions do not say. */
  batched: z.int().nonnegative().default(0),
  usage: Usage,
  costUsd: z.number().nonnegative().nullable(),
});
export type PurposeCost = z.infer<typeof PurposeCost>;

/** What a campaign came to: printed by `hindcast run`, kept with the campaign, copied into every export. */
export const CampaignReport = z.strictObject({
  v: z.literal(1),
  campaignId: CampaignId,
  /** True when no language model took part: every table must then say "offline rules, no LLM". */
  isOffline: z.boolean(),
  funnel: z.array(FunnelStage),
  outcomes: z.record(EndReason, z.int().nonnegative()),
  gain: z.array(GainResult),
  costs: z.array(PurposeCost),
  durationMs: z.number().nonnegative(),
  steps: z.int().nonnegative(),
  stepsPerSecond: z.number().nonnegative(),
  /** Demonstrations in the index when it ended, from all campaigns; null: the retrieval service did not answer. */
  indexed: z.int().nonnegative().nullable(),
  /** Things a reader must know, e.g. judges that abstained to the end. */
  warnings: z.array(z.string()),
});
export type CampaignReport = z.infer<typeof CampaignReport>;
