// Instructions → episodes: publishes a rollout task and gives back what really happened.
import { environmentKind, HindcastError, isUsableEnd } from "@hindcast/shared";
import type {
  CampaignId,
  CampaignSettings,
  EnvironmentSpec,
  EpisodeEnded,
  EpisodeId,
  Instruction,
  RolloutTask,
  Scene,
  TaskId,
  Trajectory,
} from "@hindcast/shared";
import { deriveId } from "@hindcast/shared/node";
import type { CampaignContext } from "./campaign-context.ts";
import type { ProposedInstruction } from "./self-instruct.ts";
import { collectTrajectory } from "./trajectory-collector.ts";

export interface Episode {
  task: RolloutTask;
  ended: EpisodeEnded;
  trajectory: Trajectory;
  /** Where it began; null in the shell. */
  scene: Scene | null;
}

/** What differs between the rollouts of a campaign; everything else follows from its settings. */
export type RolloutVariant = Pick<RolloutTask, "instruction" | "use" | "retrieval" | "reference" | "environment"> & {
  benchmark: string | null;
  /** Tells apart several rollouts of one instruction, e.g. the arms of an evaluation. */
  arm: string;
};

export function rolloutTask(context: CampaignContext, variant: RolloutVariant): RolloutTask {
  const { id, settings } = context;
  return {
    v: 1,
    kind: "rollout",
    ...rolloutIds(id, variant.instruction, variant),
    campaignId: id,
    pool: environmentKind(settings.environment),
    environment: reaching(variant.environment, settings.network),
    limits: settings.limits,
    traceparent: null,
    instruction: variant.instruction,
    use: variant.use,
    model: settings.models.policy,
    retrieval: variant.retrieval,
    excludeFromRetrieval: { taskIds: [], documentIds: [] },
    reference: variant.reference,
    seed: settings.seed,
    // Left out where there is none: agents of earlier versions know no such field.
    ...(variant.benchmark === null ? {} : { benchmark: variant.benchmark }),
  };
}

/** The same for whoever asks, so that the results of a campaign can be found again. */
export function rolloutIds(
  campaign: CampaignId,
  instruction: Pick<Instruction, "id">,
  { use, arm }: Pick<RolloutVariant, "use" | "arm">,
): Pick<RolloutTask, "taskId" | "episodeId"> {
  const parts = [campaign, instruction.id, use, arm];
  return { taskId: deriveId("task", ...parts) as TaskId, episodeId: deriveId("ep", ...parts) as EpisodeId };
}

/** Rolls an instruction out. @returns null when it ended in a way that shows nothing of the application. */
export async function rollOut(
  context: CampaignContext,
  { instruction, proposal, scene }: ProposedInstruction,
): Promise<Episode | null> {
  const { settings, funnel } = context;
  const task = rolloutTask(context, {
    instruction,
    use: "learn",
    arm: "learn",
    retrieval: settings.retrievalWhileLearning ? settings.retrieval : null,
    reference: null,
    environment: scene?.environment ?? { kind: "shell", files: proposal.files, setup: proposal.setup },
    benchmark: scene?.benchmark ?? null,
  });
  const ended = await runFitting(context, task);
  funnel.count("episodes", ended?.reason ?? "unavailable");
  context.report(
    "rollout",
    funnel.total("episodes"),
    funnel.stages().find(({ name }) => name === "tasks")?.counts["rolled-out"] ?? 0,
  );
  if (ended === null || !isUsableEnd(ended.reason)) return null;
  const trajectory = await collectAndCharge(context, ended);
  return trajectory === null ? null : { task, ended, trajectory, scene };
}

/** @throws CAMPAIGN_BUDGET_EXHAUSTED where an agent was told so: the campaign ends, as it does when its own call is. */
function paidFor(ended: EpisodeEnded): EpisodeEnded {
  if (ended.error?.code === "CAMPAIGN_BUDGET_EXHAUSTED") throw HindcastError.fromWire(ended.error);
  return ended;
}

/** Null for a task that is too large for a message: its world, or what judges it, cannot be brought to an agent. */
export async function runFitting(context: CampaignContext, task: RolloutTask): Promise<EpisodeEnded | null> {
  try {
    return paidFor(await context.tasks.run(task));
  } catch (error) {
    if (!(error instanceof HindcastError && error.code === "PROTOCOL_TOO_LARGE")) throw error;
    context.warnings.add(`tasks that do not fit a message were not run: ${error.message}`);
    return null;
  }
}

/**
 * The episode's trajectory, with its steps and model calls put on the campaign's account. Null when the stored steps
 * are not those of its terminal record: such an episode is no evidence, and the others still are.
 */
export async function collectAndCharge(context: CampaignContext, ended: EpisodeEnded): Promise<Trajectory | null> {
  context.funnel.addSteps(ended);
  try {
    const trajectory = await collectTrajectory(context.bus, ended);
    charge(context, ended, trajectory);
    return trajectory;
  } catch (error) {
    const isIncomplete =
      error instanceof HindcastError && (error.code === "BUS_CONFLICT" || error.code === "BUS_NOT_FOUND");
    if (!isIncomplete) throw error;
    context.warnings.add(`episodes whose stored steps are incomplete were left out: ${error.message}`);
    return null;
  }
}

function charge({ ledger, settings }: CampaignContext, ended: EpisodeEnded, { steps }: Trajectory): void {
  const calls = [...steps.flatMap(({ turn }) => turn.calls), ...(ended.closing?.calls ?? [])];
  ledger.add(calls);
  ledger.addRest({ purpose: "act", model: settings.models.policy }, ended, calls);
}

/** Only shells have a way out; a campaign in another world that names one was refused. */
function reaching(environment: EnvironmentSpec, network: CampaignSettings["network"]): EnvironmentSpec {
  return environment.kind !== "shell" || network === undefined ? environment : { ...environment, network };
}
