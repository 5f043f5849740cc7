import { z } from "zod";
import { EndReason, Evaluation } from "../domain/episode.ts";
import { BlobRef, CampaignId, EpisodeId, Sha256, TaskId, Timestamp, WorkerId } from "../domain/ids.ts";
import { Turn } from "../domain/trajectory.ts";
import { Usage } from "../domain/usage.ts";
import { WireError } from "../errors.ts";

const head = {
  v: z.literal(1),
  campaignId: CampaignId,
  taskId: TaskId,
  workerId: WorkerId,
  endedAt: Timestamp,
  durationMs: z.number().nonnegative(),
};

/** The terminal record of a rollout: written once, for ever (the second write is refused by the stream). */
export const EpisodeEnded = z.strictObject({
  ...head,
  kind: z.literal("episode.ended"),
  episodeId: EpisodeId,
  attempt: z.int().positive(),
  fencingToken: z.int().positive(),
  reason: EndReason,
  /** The turn that stopped the episode, when one did. */
  closing: Turn.nullable(),
  answer: z.string().nullable(),
  /** Steps of the accepted trajectory, and the digest over their stored bytes in order. */
  steps: z.int().nonnegative(),
  digest: Sha256,
  evaluation: Evaluation.nullable(),
  usage: Usage,
  costUsd: z.number().nonnegative().nullable(),
  /** Set for `infrastructure` and `unavailable`. */
  error: WireError.nullable(),
});
export type EpisodeEnded = z.infer<typeof EpisodeEnded>;

/** The terminal record of a replay: how far it followed the recording. */
export const ReplayEnded = z.strictObject({
  ...head,
  kind: z.literal("replay.ended"),
  episodeId: EpisodeId,
  from: z.int().nonnegative(),
  outcome: z.enum(["completed", "not-replayable"]),
  /** Observation index up to which every state hash and exit code agreed; windows that end later diverged. */
  agreedTo: z.int().nonnegative(),
  detail: z.string().max(2_000),
});
export type ReplayEnded = z.infer<typeof ReplayEnded>;

/** The terminal record of a stage task. Being written once, it makes one of several attempts the one that counts. */
export const StageEnded = z.strictObject({
  ...head,
  kind: z.literal("stage.ended"),
  /** Token of the lease under which it was written. */
  fencingToken: z.int().positive(),
  outcome: z.enum(["completed", "failed", "cancelled"]),
  /** What was made and what it took, as gzip-compressed JSON; null where nothing was begun. */
  output: BlobRef.nullable(),
  /** Set when it failed. */
  error: WireError.nullable(),
});
export type StageEnded = z.infer<typeof StageEnded>;

export const TaskResult = z.discriminatedUnion("kind", [EpisodeEnded, ReplayEnded, StageEnded]);
export type TaskResult = z.infer<typeof TaskResult>;
