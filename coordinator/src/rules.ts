// What is rejected before any model is asked: cheap, certain, and the strongest single signals known (a loop marks
// 93.5 % of failed runs in AgentRewardBench's annotations).
import { actionText, observationText } from "@hindcast/shared";
import type { Step, Trajectory } from "@hindcast/shared";

export type Rule = "no-effect" | "invalid-action" | "failed-end" | "back-and-forth";

/** Shells say 127 for a command that does not exist and 126 for one that cannot run. */
const invalidExitCodes = new Set([126, 127]);

/** The first rule that rejects the sub-trajectory, or null. */
export function rejectedByRule(window: Trajectory): Rule | null {
  const last = window.steps.at(-1);
  if (last === undefined) return "no-effect";
  if (window.steps.some(isInvalid)) return "invalid-action";
  if (hasFailed(last)) return "failed-end";
  if (revisits(window)) return "back-and-forth";
  return changesNothing(window, last) ? "no-effect" : null;
}

function isInvalid({ observed: { observation } }: Step): boolean {
  switch (observation.kind) {
    case "notice":
      return true;
    case "shell":
      return observation.killed !== null || invalidExitCodes.has(observation.exitCode ?? 0);
    case "page":
      return observation.error !== null;
    case "text":
      return false;
  }
}

function hasFailed({ observed: { observation } }: Step): boolean {
  if (observation.kind === "text") return observation.isError;
  return observation.kind === "shell" && observation.exitCode !== 0;
}

/** The same action from the same state twice: going back and forth, or trying again what already happened. */
function revisits(window: Trajectory): boolean {
  const states = [window.initial, ...window.steps.map(({ observed }) => observed)];
  const visits = window.steps.map(
    (step, position) => `${actionText(step.turn.action)}\n${states[position]?.stateHash}`,
  );
  return new Set(visits).size < visits.length;
}

/** The world ends as it began and nothing was shown: neither a change nor a piece of information. */
function changesNothing(window: Trajectory, last: Step): boolean {
  if (last.observed.stateHash !== window.initial.stateHash) return false;
  const { observation } = last.observed;
  const isSilent = observation.text.trim() === "" && (observation.kind === "notice" || observation.omittedBytes === 0);
  return isSilent || observationText(observation) === observationText(window.initial.observation);
}
