// Instructions → episodes: publishes a rollout task and gives back what really happened.
import { isUsableEnd } from "@hindcast/shared";
import type { EpisodeEnded, EpisodeId, RolloutTask, ShellSpec, TaskId, Trajectory } from "@hindcast/shared";
import { deriveId } from "@hindcast/shared/node";
import type { CampaignContext } from "./campaign-context.ts";
import type { ProposedInstruction } from "./self-instruct.ts";
import { collectTrajectory } from "./trajectory-collector.ts";

export interface Episode {
  task: RolloutTask;
  ended: EpisodeEnded;
  trajectory: Trajectory;
}

/** What differs between the rollouts of a campaign; everything else follows from its settings. */
export type RolloutVariant = Pick<RolloutTask, "instruction" | "use" | "retrieval" | "reference"> & {
  environment: ShellSpec;
  /** Tells apart several rollouts of one instruction, e.g. the arms of an evaluation. */
  arm: string;
};

export function rolloutTask(context: CampaignContext, variant: RolloutVariant): RolloutTask {
  const { id, settings } = context;
  const parts = [id, variant.instruction.id, variant.use, variant.arm];
  return {
    v: 1,
    kind: "rollout",
    taskId: deriveId("task", ...parts) as TaskId,
    episodeId: deriveId("ep", ...parts) as EpisodeId,
    campaignId: id,
    pool: settings.environment,
    environment: variant.environment,
    limits: settings.limits,
    traceparent: null,
    instruction: variant.instruction,
    use: variant.use,
    model: settings.models.policy,
    retrieval: variant.retrieval,
    excludeFromRetrieval: { taskIds: [], documentIds: [] },
    reference: variant.reference,
    seed: settings.seed,
  };
}

/** Rolls an instruction out. @returns null when it ended in a way that shows nothing of the application. */
export async function rollOut(
  context: CampaignContext,
  { instruction, proposal }: ProposedInstruction,
): Promise<Episode | null> {
  const { settings, funnel } = context;
  const task = rolloutTask(context, {
    instruction,
    use: "learn",
    arm: "learn",
    retrieval: settings.retrievalWhileLearning ? settings.retrieval : null,
    reference: null,
    environment: { kind: "shell", files: proposal.files, setup: proposal.setup },
  });
  const ended = await context.tasks.run(task);
  funnel.count("episodes", ended.reason);
  context.report(
    "rollout",
    funnel.total("episodes"),
    funnel.stages().find(({ name }) => name === "tasks")?.counts["rolled-out"] ?? 0,
  );
  if (!isUsableEnd(ended.reason)) return null;
  const trajectory = await collectTrajectory(context.bus, ended);
  chargeEpisode(context, ended, trajectory);
  return { task, ended, trajectory };
}

/** Puts an episode's model calls on the campaign's account. */
export function chargeEpisode(context: CampaignContext, ended: EpisodeEnded, trajectory: Trajectory): void {
  for (const step of trajectory.steps) context.ledger.add(step.turn.calls);
  if (ended.closing !== null) context.ledger.add(ended.closing.calls);
}
