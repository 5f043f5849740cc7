// A request's way, cut at its stations into parts that follow one another without a gap.
import type { Passed } from "./hop-stamps.ts";
import { quantile } from "./statistics.ts";

/** Of one request; microseconds of one clock. */
export interface Milestones {
  start: number;
  made: number;
  /** Null where it is not sent, but answered in this process. */
  asker: Passed | null;
  answerer: Passed;
  end: number;
}

type Cut = (of: Milestones) => number | null;
/** A part of the way that only a request that is sent goes. */
const sent =
  (length: (asker: Passed, of: Milestones) => number): Cut =>
  (of) =>
    of.asker === null ? null : length(of.asker, of);

const cuts: Record<string, Cut> = {
  "client: a question is made": ({ start, made }) => made - start,
  "client: asked, until it is written": sent((asker, { made }) => asker.writing - made),
  "there: written, carried by the server, read": sent((asker, { answerer }) => answerer.read - asker.writing),
  "service: read, until its handler is called": sent((_, { answerer }) => answerer.begun - answerer.read),
  "service: the question is read and admitted": ({ answerer }) => answerer.searching - answerer.begun,
  "service: search": ({ answerer }) => answerer.searched - answerer.searching,
  "service: the answer is made and counted; an echo's work": ({ answerer }) => answerer.answered - answerer.searched,
  "service: answered, until it is written": sent((_, { answerer }) => answerer.writing - answerer.answered),
  "back: written, carried by the server, read": sent((asker, { answerer }) => asker.read - answerer.writing),
  "client: read, until the caller has it": sent((asker, { end }) => end - asker.read),
};

/** Medians in microseconds; of `parts` null where there is no such part. */
export interface RequestParts {
  parts: Record<string, number | null>;
  whole: number;
}

export function partsOf(requests: readonly Milestones[]): RequestParts {
  const median = (cut: Cut): number | null => {
    const lengths = requests.map(cut).filter((length) => length !== null);
    return lengths.length === 0 ? null : quantile(lengths, 0.5);
  };
  return {
    parts: Object.fromEntries(Object.entries(cuts).map(([name, cut]) => [name, median(cut)])),
    whole: quantile(
      requests.map(({ start, end }) => end - start),
      0.5,
    ),
  };
}

/** The median over rounds of each part, and of the whole. */
export function middleOf(rounds: readonly RequestParts[]): RequestParts {
  const middle = (samples: readonly (number | null)[]): number | null => {
    const found = samples.filter((sample) => sample !== null);
    return found.length === 0 ? null : quantile(found, 0.5);
  };
  return {
    parts: Object.fromEntries(
      Object.keys(cuts).map((name) => [name, middle(rounds.map(({ parts }) => parts[name] ?? null))]),
    ),
    whole: middle(rounds.map(({ whole }) => whole)) ?? Number.NaN,
  };
}
