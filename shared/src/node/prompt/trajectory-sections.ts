import { actionText } from "../../domain/action.ts";
import { observationText, type Effect, type Observation, type Observed } from "../../domain/observation.ts";
import type { Trajectory } from "../../domain/trajectory.ts";
import { estimateTokens } from "../../tokens.ts";
import { budgets, clip } from "./budgets.ts";
import { group, leaf } from "./sections.ts";

export function observationSection(observation: Observation, tokensMax: number): string {
  return leaf("observation", clip(observationText(observation), tokensMax));
}

/**
 * What an action changed in the world, file by file, up to a budget. Shown to the models that look back on a
 * trajectory; never to the policy, which sees only what the environment shows.
 */
export function effectsSection(observed: Observed, tokensMax: number = budgets.effects): string {
  let tokens = 0;
  const shown: string[] = [];
  // Of many changed files a little each says more than all of the first.
  const fileTokensMax = Math.min(budgets.fileText, Math.floor(tokensMax / 4));
  for (const effect of observed.effects) {
    const text = effectSection(effect, fileTokensMax);
    tokens += estimateTokens(text);
    if (tokens > tokensMax) break;
    shown.push(text);
  }
  const omitted = observed.effectsOmitted + observed.effects.length - shown.length;
  return group("effects", shown, omitted > 0 ? { omitted } : {});
}

function effectSection(effect: Effect, tokensMax: number): string {
  const texts = [
    ...(effect.before === null ? [] : [leaf("before", clip(effect.before, tokensMax))]),
    ...(effect.after === null ? [] : [leaf("after", clip(effect.after, tokensMax))]),
  ];
  return group("effect", texts, { change: effect.change, path: effect.path });
}

/** A window as the paper's Table 30 has it: observation, action, observation, …; with effects and summaries per step. */
export function trajectorySection(trajectory: Trajectory, summaries: readonly string[]): string {
  const share = Math.floor(budgets.window / Math.max(1, trajectory.steps.length));
  const steps = trajectory.steps.map((step, index) =>
    group(
      "step",
      [
        leaf("action", clip(actionText(step.turn.action), Math.floor(share / 4))),
        observationSection(step.observed.observation, Math.min(budgets.pastObservation, Math.floor(share / 4))),
        effectsSection(step.observed, Math.min(budgets.effects, Math.floor((share * 3) / 8))),
        ...(summaries[index] === undefined ? [] : [leaf("summary", clip(summaries[index], Math.floor(share / 8)))]),
      ],
      { number: index + 1 },
    ),
  );
  return group("trajectory", [observationSection(trajectory.initial.observation, budgets.pastObservation), ...steps]);
}
