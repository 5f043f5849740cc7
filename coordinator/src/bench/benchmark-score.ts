// What a benchmark's outcomes add up to: over tasks, and over the groups that its tasks fall into, with 95 % intervals.
// The same for every benchmark, so that their numbers can be set beside each other.
import { type MeanRate, meanOfSample, meanOfStrata } from "../statistics/mean-of-rates.ts";
import { wilsonInterval } from "../statistics/wilson.ts";

/** One task that counts. */
export interface Outcome {
  isSuccess: boolean;
  /** Where it plays: a site, several of them, a repository. */
  place: string;
  /** Tasks of one template differ in a name or a number; null: the benchmark has no templates. */
  template: string | null;
  /** Whether a model has a say in the verdict. */
  isJudgedByModel: boolean;
}

export interface Share {
  successes: number;
  tasks: number;
  /** Null without a task, as is the interval. */
  rate: number | null;
  /** Wilson's, 95 %. */
  interval: [low: number, high: number] | null;
}

export interface BenchmarkScore extends Share {
  /** Mean over templates; null where there are none. */
  byTemplate: MeanRate | null;
  /** Mean over places. */
  byPlace: MeanRate | null;
  /** In the order of their names. */
  places: ({ place: string } & Share)[];
  /** Of the tasks alone that no model judges; null where that is all of them. */
  withoutJudge: Share | null;
}

export function scoreOf(outcomes: readonly Outcome[]): BenchmarkScore {
  const places = [...Map.groupBy(outcomes, ({ place }) => place)]
    .map(([place, group]) => ({ place, ...shareOf(group) }))
    .toSorted((a, b) => (a.place < b.place ? -1 : 1));
  const templates = [...Map.groupBy(outcomes, ({ template }) => template)].flatMap(([template, group]) =>
    template === null ? [] : [group.filter(({ isSuccess }) => isSuccess).length / group.length],
  );
  const unjudged = outcomes.filter(({ isJudgedByModel }) => !isJudgedByModel);
  return {
    ...shareOf(outcomes),
    byTemplate: templates.length === 0 ? null : meanOfSample(templates),
    byPlace:
      places.length === 0 ? null : meanOfStrata(places.map(({ successes, tasks }) => ({ successes, trials: tasks }))),
    places,
    withoutJudge: unjudged.length === outcomes.length ? null : shareOf(unjudged),
  };
}

function shareOf(outcomes: readonly Outcome[]): Share {
  const successes = outcomes.filter(({ isSuccess }) => isSuccess).length;
  const tasks = outcomes.length;
  if (tasks === 0) return { successes, tasks, rate: null, interval: null };
  return { successes, tasks, rate: successes / tasks, interval: wilsonInterval(successes, tasks) };
}
