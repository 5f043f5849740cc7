// Which sub-trajectories T' = (o_i, a_{i+1}, …, a_j, o_j) are constructed from: Algorithm 1's two inner loops. The
// printed slice `T[i:j]` would end on an action; its text and Table 30 include o_j, and so does this.
import { observedAt } from "@hindcast/shared";
import type { Trajectory, WindowPolicy } from "@hindcast/shared";
import { type SeededRandom, stratifiedSample } from "./sampling.ts";

/** Positions of the first and the last observation, 0 ≤ from < to ≤ n, inclusive at both ends. */
export interface Window {
  from: number;
  to: number;
}

/** Up to this many steps every window is kept by the bounded policy (method: all windows if n ≤ 6). */
const allWindowsUpToSteps = 6;
/** Granularities of the paper's §4.3: short < 5 steps, medium 5–9, long ≥ 10. */
const granularity = ({ from, to }: Window): string => (to - from < 5 ? "short" : to - from < 10 ? "medium" : "long");

/** All n(n+1)/2 windows, shorter ones first from each start. */
export function allWindows(steps: number): Window[] {
  return Array.from({ length: steps }, (_, from) =>
    Array.from({ length: steps - from }, (__, length) => ({ from, to: from + length + 1 })),
  ).flat();
}

/**
 * The windows that the policy chooses: `faithful` takes all of them; `bounded` takes all of a short trajectory, and
 * of a longer one the full run and a sample over the granularities up to the cap.
 */
export function chooseWindows(trajectory: Trajectory, policy: WindowPolicy, random: SeededRandom): Window[] {
  const steps = trajectory.steps.length;
  const windows = allWindows(steps);
  if (policy.kind === "faithful") return windows;
  const isFull = ({ from, to }: Window): boolean => from === 0 && to === steps;
  const cap = policy.windowsMax;
  if (windows.length <= cap && steps <= allWindowsUpToSteps) return windows;
  const rest = stratifiedSample(
    windows.filter((window) => !isFull(window)),
    cap - 1,
    granularity,
    random,
  );
  return windows.filter((window) => isFull(window) || rest.includes(window));
}

/** T' as a trajectory of its own; steps keep the index that they have in the episode. */
export function subTrajectory(trajectory: Trajectory, { from, to }: Window): Trajectory {
  return { initial: observedAt(trajectory, from), steps: trajectory.steps.slice(from, to) };
}
