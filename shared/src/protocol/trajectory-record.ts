import { z } from "zod";
import { CampaignId, EpisodeId, TaskId, Timestamp, WorkerId } from "../domain/ids.ts";
import { NoticeObservation, ObservationContent, Observed, ShellObservation } from "../domain/observation.ts";
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

/** `Observed` as a stream holds it: large text is outside. Whoever reads the log gets it back inside. */
export const StoredObserved = Observed.extend({
  observation: z.discriminatedUnion("kind", [ShellObservation.extend({ text: ObservationContent }), NoticeObservation]),
});
export type StoredObserved = z.infer<typeof StoredObserved>;

/** What lies in TRAJECTORIES; a record without large text is the same as a `TrajectoryRecord`, byte for byte. */
export const StoredTrajectoryRecord = z.discriminatedUnion("kind", [
  EpisodeStarted.extend({ initial: StoredObserved }),
  StepRecorded.extend({ step: Step.extend({ observed: StoredObserved }) }),
]);
export type StoredTrajectoryRecord = z.infer<typeof StoredTrajectoryRecord>;
