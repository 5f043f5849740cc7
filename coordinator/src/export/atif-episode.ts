import type { EpisodeEnded, ModelCall, Trajectory } from "@hindcast/shared";
import {
  agentStep,
  openingSteps,
  toolDefinitionsOf,
  type AtifMetrics,
  type AtifStep,
  type AtifTrajectory,
} from "./atif.ts";
import { projectVersion } from "./project-version.ts";

/** A whole rollout with its terminal record: what really happened, whatever came of it. */
export interface EpisodeExport {
  environment: string;
  instruction: string;
  trajectory: Trajectory;
  ended: EpisodeEnded;
}

/**
 * An episode: the rollout's own instruction and words, with the tokens of every step. What its steps cost and how long
 * they took is of the run (`run-facts.ts`): an episode that was resumed elsewhere is still the same file.
 */
export function atifFromEpisode({ environment, instruction, trajectory, ended }: EpisodeExport): AtifTrajectory {
  const steps = openingSteps(environment, trajectory.initial.observation, instruction);
  for (const { turn, observed } of trajectory.steps) {
    const { observation, stateHash: state_hash } = observed;
    const step = agentStep(
      steps.length + 1,
      { reason: turn.reason, action: turn.action, observation },
      { state_hash, retrieved: turn.retrieved },
    );
    steps.push({ ...step, ...callFields(turn.calls) });
  }
  if (ended.closing !== null) {
    const { reason, action, retrieved, calls } = ended.closing;
    const step = agentStep(steps.length + 1, { reason, action, observation: null }, { retrieved });
    steps.push({ ...step, ...callFields(calls) });
  }
  return {
    schema_version: "ATIF-v1.8",
    session_id: ended.episodeId,
    trajectory_id: ended.episodeId,
    agent: {
      name: "hindcast",
      version: projectVersion(),
      tool_definitions: toolDefinitionsOf(
        environment,
        trajectory.steps.map(({ turn }) => turn.action),
      ),
    },
    steps,
    notes: `Episode of task ${ended.taskId}; ended: ${ended.reason}.`,
    final_metrics: {
      total_prompt_tokens: ended.usage.inputTokens + ended.usage.cacheReadTokens + ended.usage.cacheWriteTokens,
      total_completion_tokens: ended.usage.outputTokens,
      total_cached_tokens: ended.usage.cacheReadTokens,
      total_steps: steps.length,
    },
    extra: {
      hindcast: {
        campaign_id: ended.campaignId,
        task_id: ended.taskId,
        end_reason: ended.reason,
        evaluation: ended.evaluation,
        answer: ended.answer,
      },
    },
  };
}

/** Metrics over the language-model calls of one turn; ATIF allows none on a step that no such model took. */
function callFields(calls: readonly ModelCall[]): Pick<AtifStep, "llm_call_count" | "metrics" | "model_name"> {
  const paid = calls.filter((call) => !call.model.startsWith("offline:"));
  const last = paid.at(-1);
  if (last === undefined) return { llm_call_count: 0 };
  const sum = (tokens: (call: ModelCall) => number): number => paid.reduce((total, call) => total + tokens(call), 0);
  const metrics: AtifMetrics = {
    prompt_tokens: sum(({ usage }) => usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens),
    completion_tokens: sum(({ usage }) => usage.outputTokens),
    cached_tokens: sum(({ usage }) => usage.cacheReadTokens),
  };
  return { model_name: last.resolvedModel, llm_call_count: paid.length, metrics };
}
