// Accepted candidates → demonstrations on the stream that the index is made of.
import {
  environmentKind,
  HindcastError,
  type Demonstration,
  type DemonstrationId,
  type ReplayVerdict,
} from "@hindcast/shared";
import {
  actIn,
  actionLanguage,
  deriveId,
  inSpan,
  judge,
  newTask,
  rewriteReasons,
  selfInstruct,
  selfInstructIn,
  type SpanOptions,
  summariseTransition,
} from "@hindcast/shared/node";
import type { CampaignContext } from "./campaign-context.ts";
import { endIndex, startIndex } from "./replay-verification.ts";
import type { JudgedCandidate } from "./stage/construct.ts";

/**
 * Writes a demonstration; the same candidate always has the same id, so a second time replaces the first.
 * @returns false when it does not fit a message and was left out.
 */
export async function storeDemonstration(
  context: CampaignContext,
  accepted: JudgedCandidate,
  replay: ReplayVerdict,
): Promise<boolean> {
  const demonstration = toDemonstration(context, accepted, replay);
  try {
    await inSpan("demonstration", traceOf(demonstration, accepted), () =>
      context.bus.demonstrations.put(demonstration),
    );
  } catch (error) {
    if (!(error instanceof HindcastError && error.code === "PROTOCOL_TOO_LARGE")) throw error;
    context.funnel.count("demonstrations", "too large for a message");
    context.warnings.add(`demonstrations that do not fit a message were left out: ${error.message}`);
    return false;
  }
  context.funnel.count("demonstrations", "indexed");
  context.metrics?.demonstrationStored();
  return true;
}

/** A child of the document, that the episode and the construction led to. */
function traceOf({ id, replay }: Demonstration, { episode, constructedBy }: JudgedCandidate): SpanOptions {
  const { taskId, episodeId, fencingToken } = episode.ended;
  return {
    attributes: {
      "hindcast.demonstration.id": id,
      "hindcast.demonstration.replay": replay,
      "hindcast.episode.id": episodeId,
    },
    causes: [{ taskId, fencingToken }, ...(constructedBy === null ? [] : [constructedBy])],
  };
}

function toDemonstration(context: CampaignContext, accepted: JudgedCandidate, replay: ReplayVerdict): Demonstration {
  const { episode, trajectory, summaries, instruction, answer, ruling, reasons } = accepted;
  const { task, ended } = episode;
  const scores = ruling.verdicts.flatMap(({ score }) => (score === null ? [] : [score]));
  return {
    v: 1,
    id: deriveId("demo", instruction.id) as DemonstrationId,
    campaignId: context.id,
    environment: task.environment.kind,
    instruction,
    initial: trajectory.initial.observation,
    initialStateHash: trajectory.initial.stateHash,
    steps: trajectory.steps.map(({ turn, observed }, position) => ({
      reason: reasons[position] ?? "",
      action: turn.action,
      observation: observed.observation,
      stateHash: observed.stateHash,
      summary: summaries[position] ?? "",
    })),
    answer,
    replay,
    score: scores.length === 0 ? 1 : scores.reduce((sum, score) => sum + score, 0) / scores.length,
    lineage: lineageOf(context, accepted),
    // Of the episode's end, not of this moment: the same campaign run again must write the same bytes.
    createdAt: ended.endedAt,
    benchmark: episode.scene?.benchmark ?? null,
    application: episode.scene?.application ?? null,
    split: null,
    utility: null,
  };
}

function lineageOf(context: CampaignContext, accepted: JudgedCandidate): Demonstration["lineage"] {
  const { task, ended } = accepted.episode;
  const { generator, judges, settings } = context;
  return {
    documentId: task.instruction.documentId ?? ("doc-unknown" as Demonstration["lineage"]["documentId"]),
    documentSource: context.sourceOf(task.instruction.documentId),
    taskId: task.taskId,
    taskInstruction: task.instruction.text,
    episodeId: task.episodeId,
    attempt: ended.attempt,
    from: startIndex(accepted),
    to: endIndex(accepted),
    keptSteps: accepted.trajectory.steps.map(({ index }) => index),
    models: {
      generator: generator.id,
      policy: settings.models.policy,
      ...Object.fromEntries(judges.map(({ id }, i) => [`judge-${i + 1}`, id])),
    },
    promptHashes: Object.fromEntries(
      [
        settings.environment === "shell" ? selfInstruct : selfInstructIn(actionLanguage(settings.environment.kind)),
        actIn(actionLanguage(environmentKind(settings.environment))),
        summariseTransition,
        newTask,
        judge,
        rewriteReasons,
      ].map(({ purpose, hash }) => [purpose, hash]),
    ),
    verdicts: accepted.ruling.verdicts,
    costUsd: ended.costUsd,
    isOffline: context.isOffline,
  };
}
