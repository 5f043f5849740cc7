// Rates that are averaged over groups instead of over tasks, so that a group with many tasks counts no more than
// another. Both intervals are made of Wilson's and need no random numbers.
import { wilsonInterval } from "./wilson.ts";

export interface MeanRate {
  /** How many groups. */
  groups: number;
  rate: number;
  /** 95 %. */
  interval: [low: number, high: number];
}

/** @throws RangeError without a rate, or for one outside [0, 1]. */
function meanOf(rates: readonly number[]): number {
  const wrong = rates.find((rate) => !(rate >= 0 && rate <= 1));
  if (rates.length === 0 || wrong !== undefined) throw new RangeError(`no mean of rates: ${wrong ?? "there is none"}`);
  return Math.min(1, rates.reduce((sum, rate) => sum + rate, 0) / rates.length);
}

/**
 * The groups are a sample, e.g. templates: others could have been drawn, and tasks of one succeed and fail together. So
 * each group counts as one trial. A rate in [0, 1] with mean p varies by p(1 − p) at most, as a coin does; Wilson's
 * interval for as many coins as there are groups is therefore never too narrow for it, and, unlike a bootstrap's or
 * Student's, it keeps a width where all groups agree.
 *
 * @throws RangeError without a rate, or for one outside [0, 1].
 */
export function meanOfSample(rates: readonly number[]): MeanRate {
  const rate = meanOf(rates);
  return { groups: rates.length, rate, interval: wilsonInterval(rate * rates.length, rates.length) };
}

/**
 * The groups are all that there are, e.g. the sites of a benchmark: only the tasks within them are a sample. Square and
 * add of their Wilson intervals (Zou and Donner 2008, Stat. Med. 27:1693–1702), as for a difference of two rates.
 *
 * @throws RangeError without a group, or for counts that are none.
 */
export function meanOfStrata(strata: readonly { successes: number; trials: number }[]): MeanRate {
  const parts = strata.map(({ successes, trials }) => {
    const rate = successes / trials;
    const [low, high] = wilsonInterval(successes, trials);
    return { rate, below: rate - low, above: high - rate };
  });
  const rate = meanOf(parts.map((part) => part.rate));
  const spread = (of: "below" | "above"): number =>
    Math.sqrt(parts.reduce((sum, part) => sum + part[of] * part[of], 0)) / parts.length;
  return {
    groups: strata.length,
    rate,
    interval: [Math.max(0, rate - spread("below")), Math.min(1, rate + spread("above"))],
  };
}
