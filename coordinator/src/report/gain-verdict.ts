import type { GainResult } from "@hindcast/shared";
import { formatCount, formatCountOf, formatPoints } from "./format.ts";

export interface GainVerdict {
  verdict: "helped" | "hurt" | "no-difference" | "not-measured";
  /** For a reader who reads nothing else. */
  sentence: string;
}

/** What the measurement allows to say: a difference is one when its 95 % interval leaves out zero, and not before. */
export function gainVerdict(gain: GainResult): GainVerdict {
  const { difference, differenceInterval, onlyOn, onlyOff } = gain;
  if (difference === null || differenceInterval === null) {
    const why = gain.tasks === 0 ? "there was no held-out task of this kind" : "no task was decided in both arms";
    return { verdict: "not-measured", sentence: `Not measured: ${why}.` };
  }
  const [low, high] = differenceInterval;
  const numbers = `${formatPoints(difference)} points, 95 % interval ${formatPoints(low)} to ${formatPoints(high)}`;
  const pairs = `${formatCountOf(onlyOn, "task")} solved only with it, ${formatCount(onlyOff)} only without it`;
  if (low > 0) return { verdict: "helped", sentence: `Retrieval helped: ${numbers}; ${pairs}.` };
  if (high < 0) return { verdict: "hurt", sentence: `Retrieval hurt: ${numbers}; ${pairs}.` };
  return { verdict: "no-difference", sentence: `No measurable difference: ${numbers}, which includes zero; ${pairs}.` };
}

/** What became of tasks that could not be counted; null when all were decided. */
export function undecidedSentence({ off, on }: GainResult): string | null {
  if (off.undecided + on.undecided === 0) return null;
  return `Undecided: ${formatCount(off.undecided)} with retrieval off, ${formatCount(on.undecided)} with it on; neither solved nor failed.`;
}
