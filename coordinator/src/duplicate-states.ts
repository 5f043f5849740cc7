import { actionText, observationText } from "@hindcast/shared";
import type { Step, Trajectory } from "@hindcast/shared";

/**
 * First filter of paper §2.3: a step whose action and observation equal the step before (an invalid action, an idle
 * environment) is removed. Kept steps keep their index, so gaps tell where something was taken out.
 */
export function withoutDuplicateStates(trajectory: Trajectory): Trajectory {
  const steps = trajectory.steps.filter((step, position) => {
    const before = trajectory.steps[position - 1];
    return before === undefined || !isSame(step, before);
  });
  return { ...trajectory, steps };
}

function isSame(a: Step, b: Step): boolean {
  return (
    actionText(a.turn.action) === actionText(b.turn.action) &&
    a.observed.stateHash === b.observed.stateHash &&
    observationText(a.observed.observation) === observationText(b.observed.observation)
  );
}
