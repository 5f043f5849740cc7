import type { Demonstration } from "@hindcast/shared";

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
