import { z } from "zod";
import { Purpose } from "./usage.ts";
import { CampaignEnvironment } from "./campaign-world.ts";
import { EpisodeLimits } from "./environment-spec.ts";
import { BlobRef, CampaignId, Timestamp, WorkerId } from "./ids.ts";
import { NetworkPolicy } from "./network-policy.ts";

/** Which demonstrations a policy may see (paper §2.4; m1 and m2 are upper bounds, 5 and 5 in the paper). */
export const RetrievalSettings = z.strictObject({
  observationBased: z.int().nonnegative().max(20),
  modelBased: z.int().nonnegative().max(20),
  tokenBudget: z.int().positive(),
  /** Windows of one run resemble each other and would fill the answer; the paper has no such cap. */
  perTrajectoryMax: z.int().positive(),
});
export type RetrievalSettings = z.infer<typeof RetrievalSettings>;

/** How sub-trajectories are chosen: `faithful` is every window, `bounded` samples them to a cap (method.md §10). */
export const WindowPolicy = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("faithful") }),
  z.strictObject({ kind: z.literal("bounded"), windowsMax: z.int().positive() }),
]);
export type WindowPolicy = z.infer<typeof WindowPolicy>;

/** What a campaign may buy through the providers' batch endpoints. Episodes never: each step waits for an answer. */
export const BatchPurpose = Purpose.extract([
  "self-instruct",
  "summarise-transition",
  "new-task-instruction",
  "rewrite-reason",
  "judge",
  "evaluation-task",
]);

/** Before campaigns of a lower one on every lane of a provider. */
const Priority = z.enum(["high", "normal", "low"]);
/** Share of a lane beside other campaigns of the same priority. */
const Weight = z.int().min(1).max(100);

export const BatchSettings = z.strictObject({
  /** Empty: nothing. */
  purposes: z.array(BatchPurpose),
  /** What a request comes to that its batches have not answered (expired, cancelled, failed): asked alone, or an error. */
  fallback: z.enum(["interactive", "error"]),
});
export type BatchSettings = z.infer<typeof BatchSettings>;

/** Everything that decides what a campaign does; stored with it, hashed into every id below it. */
export const CampaignSettings = z.strictObject({
  environment: CampaignEnvironment,
  documentsMax: z.int().positive(),
  tasksPerDocument: z.int().positive().max(20),
  seed: z.int().nonnegative(),
  limits: EpisodeLimits,
  windowPolicy: WindowPolicy,
  instructionKinds: z.array(z.enum(["new-task", "replicate"])).min(1),
  retrieval: RetrievalSettings,
  /** Whether learning episodes already see what earlier campaigns learned. */
  retrievalWhileLearning: z.boolean(),
  models: z.strictObject({ generator: z.string(), policy: z.string(), judges: z.array(z.string()).min(1) }),
  evaluation: z.strictObject({
    /** Documents held out of learning, in percent. */
    documentDisjointPercent: z.int().min(0).max(50),
    tasksPerKindMax: z.int().nonnegative(),
  }),
  costUsdMax: z.number().positive().nullable(),
  priority: Priority.default("normal"),
  weight: Weight.default(1),
  verifyByReplay: z.boolean(),
  /** Campaigns of earlier versions do not say. */
  batch: BatchSettings.default({ purposes: [], fallback: "interactive" }),
  /** What its episodes may reach; nothing where it is left out, as campaigns of earlier versions do. */
  network: NetworkPolicy.optional(),
});
export type CampaignSettings = z.infer<typeof CampaignSettings>;

/** The coordinator that runs a campaign, and the token of the lease under which it took it up. */
export const CampaignLeader = z.strictObject({ workerId: WorkerId, token: z.int().positive() });
export type CampaignLeader = z.infer<typeof CampaignLeader>;

export const CampaignState = z.enum(["running", "paused", "finished", "cancelled", "failed"]);
export type CampaignState = z.infer<typeof CampaignState>;

/** Whether nothing will be done for the campaign any more. */
export function isOver(state: CampaignState): boolean {
  return state !== "running" && state !== "paused";
}

/**
 * What of a campaign may change while it runs: nothing here decides an id. It stands beside the settings, which stay
 * what the campaign was started with; a key that is absent is as the settings say.
 */
export const CampaignTuning = z.strictObject({
  /** Dollars after which the campaign stops buying; null: no limit. */
  costUsdMax: z.number().positive().nullable().optional(),
  /** Episodes that are queued or worked on at once; null: as many as the coordinator's own cap. */
  episodesInFlightMax: z.int().positive().nullable().optional(),
  priority: Priority.optional(),
  weight: Weight.optional(),
});
export type CampaignTuning = z.infer<typeof CampaignTuning>;

/** A campaign as stored: enough to start it again from the beginning on any coordinator and arrive at the same end. */
export const CampaignRecord = z.strictObject({
  v: z.literal(1),
  id: CampaignId,
  name: z.string(),
  settings: CampaignSettings,
  /** A JSON array of `Document`, gzip-compressed. */
  documents: BlobRef,
  state: CampaignState,
  /** One sentence on why it failed or was cancelled. */
  detail: z.string().nullable(),
  /** The JSON of `CampaignReport`, gzip-compressed, once finished. */
  report: BlobRef.nullable(),
  startedAt: Timestamp,
  endedAt: Timestamp.nullable(),
  /** Who took it up last; only that one may end it by having run it. Records of earlier versions name nobody. */
  leader: CampaignLeader.nullable().default(null),
  /** How often it was resumed: a leader that began at a lower count starts over, because its queue was emptied since. */
  resumed: z.int().nonnegative().default(0),
  tuning: CampaignTuning.default({}),
  /** The request that it was started by: asked again, that one is answered with this campaign. Earlier records name none. */
  requestId: z.string().nullable().default(null),
  /** When its steps and terminal records were removed on request. */
  forgottenAt: Timestamp.nullable().default(null),
  /**
   * How often in a row it was taken up by a leader that did not last, while the newest result and the newest record of
   * an attempt stayed the ones at these sequences of their streams. One that ends its coordinator is found out by this.
   */
  takenUp: z
    .strictObject({
      times: z.int().nonnegative(),
      newestResult: z.int().nonnegative(),
      newestRecord: z.int().nonnegative().default(0),
    })
    .default({ times: 0, newestResult: 0, newestRecord: 0 }),
});
export type CampaignRecord = z.infer<typeof CampaignRecord>;

/** The settings of a campaign as they hold now: what was tuned while it ran, else what it was started with. */
export function tunedSettings({ settings, tuning }: Pick<CampaignRecord, "settings" | "tuning">): CampaignSettings {
  const { costUsdMax = settings.costUsdMax, priority = settings.priority, weight = settings.weight } = tuning;
  return { ...settings, costUsdMax, priority, weight };
}
