// When WebArena ends an episode early: an agent that repeats itself or cannot write actions will not recover. Its third
// rule, the most steps, is the episode's own limit.

/** One turn as the rules see it: its canonical text, or null where the text was no action. */
export type TakenAction = string | null;

export const earlyStop = {
  /** Parse failures in a row. */
  failuresMax: 3,
  /** Equal actions in a row; for `type`, anywhere in the episode. */
  repeatsMax: 3,
} as const;

/** @returns why an episode with these actions ends, or null. */
export function earlyStopReason(actions: readonly TakenAction[]): string | null {
  const { failuresMax, repeatsMax } = earlyStop;
  const isFailing = actions.length >= failuresMax && actions.slice(-failuresMax).every((call) => call === null);
  if (isFailing) return `${failuresMax} actions in a row could not be read`;
  const last = actions.at(-1);
  if (last === undefined || last === null) return null;
  if (last.startsWith("type ")) {
    const times = actions.filter((call) => call === last).length;
    return times >= repeatsMax ? `the same text was typed into the same element ${times} times` : null;
  }
  const tail = actions.slice(-repeatsMax);
  if (tail.length === repeatsMax && tail.every((call) => call === last)) {
    return `the same action was taken ${repeatsMax} times in a row`;
  }
  return null;
}
