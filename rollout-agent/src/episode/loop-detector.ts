import { actionText, type Step } from "@hindcast/shared";

/** Same action with the same outcome this many times in a row ends the episode (NNetNav stops at three). */
const repeatsMax = 3;
/** A cycle of 2 to `cycleLengthMax` steps that was gone through this many times. */
const cyclesMax = 3;
const cycleLengthMax = 4;

/** Equal exactly when action, visible result and state are equal: such a step taught the policy nothing new. */
function signature(step: Step): string {
  const observation = step.observed.observation;
  const shown = observation.kind === "shell" ? [observation.exitCode, observation.text] : [observation.text];
  return JSON.stringify([actionText(step.turn.action), step.observed.stateHash, ...shown]);
}

/**
 * Finds exact repeats and cycles at the end of an episode.
 * @returns one sentence on what repeats, or null.
 */
export function findLoop(steps: readonly Step[]): string | null {
  const tail = steps.slice(-cycleLengthMax * cyclesMax).map(signature);
  if (isPeriodic(tail, 1, repeatsMax)) return `the same action had the same result ${repeatsMax} times in a row`;
  for (let length = 2; length <= cycleLengthMax; length += 1) {
    if (isPeriodic(tail, length, cyclesMax)) return `a cycle of ${length} steps was gone through ${cyclesMax} times`;
  }
  return null;
}

function isPeriodic(signatures: readonly string[], period: number, times: number): boolean {
  const window = signatures.slice(-period * times);
  return window.length === period * times && window.every((value, index) => value === window[index % period]);
}
