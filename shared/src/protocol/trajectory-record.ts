import { z } from "zod";
import { CampaignId, EpisodeId, TaskId, Timestamp, WorkerId } from "../domain/ids.ts";
import {
  NoticeObservation,
  ObservationContent,
  Observed,
  PageObservation,
  ShellObservation,
  TextObservation,
} from "../domain/observation.ts";
import { Step } from "../domain/trajectory.ts";
import { WireError } from "../errors.ts";

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

/** A worker holds the task and is about to open its world: all that is left of an attempt that kills its worker. */
export const AttemptBegun = z.strictObject({
  ...head,
  kind: z.literal("attempt.begun"),
  /** Which delivery of the task's message this is, from 1. */
  delivery: z.int().positive(),
});
export type AttemptBegun = z.infer<typeof AttemptBegun>;

/**
 * The world behind the steps of an earlier attempt was rebuilt and differs from the record, so those steps are not
 * continued. What follows under this attempt starts afresh.
 */
export const AttemptDiverged = z.strictObject({
  ...head,
  kind: z.literal("attempt.diverged"),
  /** Whose steps could not be continued. */
  from: z.strictObject({ attempt: z.int().positive(), fencingToken: z.int().positive() }),
  /** Index of the observation that differs. */
  step: z.int().nonnegative(),
  /** What was recorded there and what was found. */
  detail: z.string().max(2_000),
});
export type AttemptDiverged = z.infer<typeof AttemptDiverged>;

/** An attempt ended without an end of its task, by a fault that another worker may not have. */
export const AttemptFailed = z.strictObject({
  ...head,
  kind: z.literal("attempt.failed"),
  delivery: z.int().positive(),
  error: WireError,
});
export type AttemptFailed = z.infer<typeof AttemptFailed>;

/** An attempt stopped in order, because its worker was drained or its campaign paused; the task goes on later. */
export const AttemptYielded = z.strictObject({ ...head, kind: z.literal("attempt.yielded") });
export type AttemptYielded = z.infer<typeof AttemptYielded>;

/** First evidence of an attempt: `o_0`, or, when `resumedFrom` is set, the steps 1..resumedFrom of an earlier attempt stand. */
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

export const TrajectoryRecord = z.discriminatedUnion("kind", [
  AttemptBegun,
  AttemptDiverged,
  AttemptFailed,
  AttemptYielded,
  EpisodeStarted,
  StepRecorded,
]);
export type TrajectoryRecord = z.infer<typeof TrajectoryRecord>;

/** `Observed` as a stream holds it: large text is outside. Whoever reads the log gets it back inside. */
export const StoredObserved = Observed.extend({
  observation: z.discriminatedUnion("kind", [
    ShellObservation.extend({ text: ObservationContent }),
    TextObservation.extend({ text: ObservationContent }),
    PageObservation.extend({ text: ObservationContent }),
    NoticeObservation,
  ]),
});
export type StoredObserved = z.infer<typeof StoredObserved>;

/** What lies in TRAJECTORIES; a record without large text is the same as a `TrajectoryRecord`, byte for byte. */
export const StoredTrajectoryRecord = z.discriminatedUnion("kind", [
  AttemptBegun,
  AttemptDiverged,
  AttemptFailed,
  AttemptYielded,
  EpisodeStarted.extend({ initial: StoredObserved }),
  StepRecorded.extend({ step: Step.extend({ observed: StoredObserved }) }),
]);
export type StoredTrajectoryRecord = z.infer<typeof StoredTrajectoryRecord>;
