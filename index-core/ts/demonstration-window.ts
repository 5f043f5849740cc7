import type { Demonstration, WindowSize } from "@hindcast/shared";
import { tokensOf } from "./demonstration-tokens.ts";

/**
 * The steps from observation `from` to observation `to`, which is after it. A closing answer belongs to the end of the
 * whole and is left out of a window that ends earlier; the lineage stays that of the whole.
 */
export function demonstrationWindow(demonstration: Demonstration, from: number, to: number): Demonstration {
  const { steps, answer } = demonstration;
  const before = from === 0 ? undefined : steps[from - 1];
  return {
    ...demonstration,
    initial: before?.observation ?? demonstration.initial,
    initialStateHash: before?.stateHash ?? demonstration.initialStateHash,
    steps: steps.slice(from, to),
    answer: to >= steps.length ? answer : null,
  };
}

/**
 * The window around the match at observation `position` and what it counts, as the native index says it (`window_of`);
 * null: the whole, where nothing matched or all of it lies within.
 */
export function windowAround(
  demonstration: Demonstration,
  position: number | null,
  { before, after }: WindowSize,
): { from: number; to: number; tokens: number } | null {
  if (position === null) return null;
  const steps = demonstration.steps.length;
  const at = Math.min(position, steps);
  let from = Math.max(0, at - before);
  let to = Math.min(steps, at + after);
  // A window has an action at least.
  if (from === to) {
    if (to < steps) to += 1;
    else from = Math.max(0, from - 1);
  }
  if (from === 0 && to === steps) return null;
  const [, fixed = 0, ...parts] = tokensOf(demonstration);
  const counted = [...parts.slice(from, to + 1), ...parts.slice(steps + 1 + from, steps + 1 + to)];
  return { from, to, tokens: counted.reduce((sum, tokens) => sum + tokens, fixed) };
}
