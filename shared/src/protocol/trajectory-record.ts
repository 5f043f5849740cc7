import { z } from "zod";
import { CampaignId, EpisodeId, TaskId, Timestamp, WorkerId } from "../domain/ids.ts";
import { Observed } from "../domain/observation.ts";
import { Step } from "../domain/trajectory.ts";

const head = {
  v: z.literal(1),
  campaignId: CampaignId,
  taskId: TaskId,
  episodeId: EpisodeId,
  /** From 1; a lease of the task that got as far as recording. */
  attempt: z.int().positive(),
  workerId: WorkerId,
  /** Revision of the episode's lease when this was written: the fencing token. */
  fencingToken: z.int().positive(),
  recordedAt: Timestamp,
};

/** First record of an attempt: `o_0`, or, when `resumedFrom` is set, the steps 1..resumedFrom of an earlier attempt stand. */
export const EpisodeStarted = z.strictObject({
  ...head,
  kind: z.literal("episode.started"),
  initial: Observed,
  resumedFrom: z
    .strictObject({ attempt: z.int().positive(), fencingToken: z.int().positive(), step: z.int().nonnegative() })
    .nullable(),
});
export type EpisodeStarted = z.infer<typeof EpisodeStarted>;

/** One step, published and acknowledged before the next action is chosen. */
export const StepRecorded = z.strictObject({ ...head, kind: z.literal("step.recorded"), step: Step });
export type StepRecorded = z.infer<typeof StepRecorded>;

export const TrajectoryRecord = z.discriminatedUnion("kind", [EpisodeStarted, StepRecorded]);
export type TrajectoryRecord = z.infer<typeof TrajectoryRecord>;
