import { z } from "zod";
import { Action } from "../domain/action.ts";
import { Scene } from "../domain/campaign-world.ts";
import { CampaignSettings, RetrievalSettings } from "../domain/campaign.ts";
import { Document } from "../domain/document.ts";
import { EnvironmentSpec, EpisodeLimits } from "../domain/environment-spec.ts";
import { BlobRef, CampaignId, EpisodeId, Sha256, TaskId } from "../domain/ids.ts";
import { Instruction } from "../domain/instruction.ts";
import { TaskReference } from "../domain/task-reference.ts";

const head = {
  v: z.literal(1),
  taskId: TaskId,
  campaignId: CampaignId,
  pool: z.string().regex(/^[a-z][a-z0-9-]{0,30}$/),
  /** W3C trace context, where the sender has no other place for it; ours put it in the message's header. */
  traceparent: z.string().nullable(),
};

/** What a task needs that opens a world. */
const world = { environment: EnvironmentSpec, limits: EpisodeLimits };

/** One rollout: instruction + environment + limits + seed. One task is one episode; a lease of it is an attempt. */
export const RolloutTask = z.strictObject({
  ...head,
  ...world,
  kind: z.literal("rollout"),
  episodeId: EpisodeId,
  instruction: Instruction,
  /** `learn` episodes are constructed backwards; `evaluate` episodes are only judged. */
  use: z.enum(["learn", "evaluate"]),
  /** Model of the policy, `provider:model`. */
  model: z.string(),
  /** Null: retrieval off. */
  retrieval: RetrievalSettings.nullable(),
  /** Demonstrations from these tasks or documents are never shown (the leakage guard). */
  excludeFromRetrieval: z.strictObject({ taskIds: z.array(TaskId), documentIds: z.array(z.string()) }),
  /** What success is judged by; null: nothing to compare with, success stays unknown. */
  reference: TaskReference.nullable(),
  seed: z.int().nonnegative(),
  /** Only demonstrations of this benchmark are retrieved; null: of any in the same kind of environment. */
  benchmark: z.string().max(256).nullable().optional(),
});
export type RolloutTask = z.infer<typeof RolloutTask>;

/** Re-execution of recorded actions from a recorded start state, for all windows that start there. */
export const ReplayTask = z.strictObject({
  ...head,
  ...world,
  kind: z.literal("replay"),
  episodeId: EpisodeId,
  /** Observation index at which the replay starts. */
  from: z.int().nonnegative(),
  /** State to start from; null: the task's own start state (only for `from` 0). */
  snapshot: BlobRef.nullable(),
  startStateHash: Sha256,
  /** Actions `a_{from+1} …` and the state hash each must reach. */
  steps: z.array(z.strictObject({ action: Action, stateHash: Sha256, exitCode: z.int().nullable() })).min(1),
});
export type ReplayTask = z.infer<typeof ReplayTask>;

/** What the stages of a campaign are told of it. */
const stage = {
  settings: CampaignSettings,
  /** Dollars that the campaign had left when the task was queued; null: no limit. */
  leftUsd: z.number().nonnegative().nullable(),
};

/** `LLM.selfInstruct(d, N)` of Algorithm 1 for one document. Coordinators work on it, in a pool of their own. */
export const ProposeTask = z.strictObject({
  ...head,
  ...stage,
  kind: z.literal("propose"),
  document: Document,
  /** Where the tasks may begin; absent for the shell, whose tasks bring their own files. */
  scenes: z.array(Scene.pick({ id: true, description: true, statesGoal: true })).optional(),
});
export type ProposeTask = z.infer<typeof ProposeTask>;

/** The inner loops of Algorithm 1 for one finished episode: windows, backward construction, committee. */
export const ConstructTask = z.strictObject({
  ...head,
  ...stage,
  kind: z.literal("construct"),
  /** The episode's own task, whose terminal record names the trajectory. */
  rollout: TaskId,
  episodeId: EpisodeId,
  /** What the episode was asked to do. */
  instruction: Instruction,
});
export type ConstructTask = z.infer<typeof ConstructTask>;

/** A campaign's own work between its documents and its demonstrations, which any coordinator may do. */
export type StageTask = ProposeTask | ConstructTask;

/** The unit of work on the bus. */
export const Task = z.discriminatedUnion("kind", [RolloutTask, ReplayTask, ProposeTask, ConstructTask]);
export type Task = z.infer<typeof Task>;
