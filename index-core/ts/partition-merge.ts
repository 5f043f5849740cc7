// Makes one answer of the answers of all partitions. What is compared across partitions is what can be: places for exact
// matches, scores for the others, of which BM25's rest on each partition's own statistics (shared/docs/protocol.md).
import {
  actionText,
  type Demonstration,
  type RetrievalAnswer,
  type RetrievalHit,
  type RetrievalQuery,
  type VectorAnswer,
  type WindowSize,
} from "@hindcast/shared";
import { demonstrationWindow, windowAround } from "./demonstration-window.ts";

type Retriever = RetrievalHit["reference"]["retriever"];

/** The queries that partitions are asked for one query; null where that way of searching is off. */
export interface PartitionQueries {
  observation: RetrievalQuery | null;
  dense: RetrievalQuery | null;
  /** Where another ranking than the paper's fuses the retrievers. */
  fused: RetrievalQuery | null;
}

const hitsMax = 50;
const budgetMax = 1_000_000;

/**
 * Under the paper's ranking each retriever is asked by itself: a demonstration that loses its place among the
 * observation's matches of all partitions must still be there for the dense retriever. The budget is spent at the end,
 * and windows are cut then: whether two demonstrations are alike is a matter of all their actions.
 */
export function partitionQueries(query: RetrievalQuery): PartitionQueries {
  const open = { ...query, tokenBudget: budgetMax, window: null };
  if (query.ranking.fusion !== "paper" || query.ranking.mmrLambda !== null) {
    return { observation: null, dense: null, fused: open };
  }
  const { observationBased, modelBased } = query;
  const hasObservation = query.observation !== null && observationBased > 0;
  const hasQuery = query.query !== null && modelBased > 0;
  const both = Math.min(hitsMax, modelBased + (hasObservation ? observationBased : 0));
  // Asked all the same: how many pass, and how far the index is, are answers too.
  if (!hasObservation && !hasQuery) return { observation: null, dense: null, fused: open };
  return {
    observation: hasObservation ? { ...open, modelBased: 0 } : null,
    dense: hasQuery ? { ...open, observation: null, observationBased: 0, modelBased: both } : null,
    fused: null,
  };
}

/** What the partitions said, in their order. */
export interface PartitionAnswers {
  observation: RetrievalAnswer[];
  dense: RetrievalAnswer[];
  fused: RetrievalAnswer[];
}

export function mergeAnswers(query: RetrievalQuery, answers: PartitionAnswers): RetrievalAnswer {
  const selection = new Selection(query.perTrajectoryMax);
  const { observationBased, modelBased } = query;
  // Without a query nothing says which of the exact matches is nearer; every index then orders them by id.
  const exactOrder = query.query === null ? byId : byPlace;
  selection.take(observationBased, rankedOf(answers.observation, "observation-exact", exactOrder));
  selection.take(observationBased, rankedOf(answers.observation, "observation-bm25", byScore));
  selection.take(selection.hits.length + modelBased, rankedOf(answers.dense, "model-dense", byScore));
  if (answers.fused.length > 0) {
    selection.take(
      observationBased + modelBased,
      answers.fused.flatMap(({ hits }) => hits.map((hit, place) => ({ hit, place }))).toSorted(byPlace),
    );
  }
  const all = [...answers.observation, ...answers.dense, ...answers.fused];
  const passing = [answers.fused, answers.dense, answers.observation].find((one) => one.length > 0) ?? [];
  const explained = all.flatMap(({ explain }) => explain ?? []);
  const { hits, dropped } = selection.packed(query);
  return {
    hits,
    dropped: {
      duplicate: sum(all.map((answer) => answer.dropped.duplicate)) + dropped.duplicate,
      perTrajectory: sum(all.map((answer) => answer.dropped.perTrajectory)) + dropped.perTrajectory,
      tokenBudget: sum(all.map((answer) => answer.dropped.tokenBudget)) + dropped.tokenBudget,
    },
    passing: sum(passing.map((answer) => answer.passing)),
    epoch: joinedEpoch(passing),
    explain: query.explain
      ? {
          parts: explained.flatMap(({ parts }) => parts),
          microseconds: {
            filter: sum(explained.map(({ microseconds }) => microseconds.filter)),
            exact: sum(explained.map(({ microseconds }) => microseconds.exact)),
            lexical: sum(explained.map(({ microseconds }) => microseconds.lexical)),
            dense: sum(explained.map(({ microseconds }) => microseconds.dense)),
            select: sum(explained.map(({ microseconds }) => microseconds.select)),
          },
          storage: explained[0]?.storage ?? "f32",
        }
      : null,
  };
}

/** The best `k` of all partitions for each query; equal scores by id. */
export function mergeVectors(k: number, answers: readonly VectorAnswer[]): VectorAnswer {
  const queries = answers[0]?.counts.length ?? 0;
  const starts = answers.map(() => 0);
  const ids: string[] = [];
  const scores: number[] = [];
  const counts = new Uint32Array(queries);
  for (let query = 0; query < queries; query += 1) {
    const found = answers.flatMap((answer, partition) => {
      const from = starts[partition] ?? 0;
      const to = from + (answer.counts[query] ?? 0);
      starts[partition] = to;
      return answer.ids.slice(from, to).map((id, at) => ({ id, score: answer.scores[from + at] ?? 0 }));
    });
    const best = found.toSorted((left, right) => right.score - left.score || compare(left.id, right.id)).slice(0, k);
    counts[query] = best.length;
    for (const { id, score } of best) {
      ids.push(id);
      scores.push(score);
    }
  }
  return {
    indexSequence: Math.min(...answers.map(({ indexSequence }) => indexSequence)),
    indexVersion: answers[0]?.indexVersion ?? "",
    epoch: joinedEpoch(answers),
    counts,
    scores: Float32Array.from(scores),
    ids,
  };
}

export const joinedEpoch = (answers: readonly { epoch: string }[]): string =>
  answers.map(({ epoch }) => epoch).join("|");

interface Ranked {
  hit: RetrievalHit;
  place: number;
}

class Selection {
  readonly hits: RetrievalHit[] = [];
  readonly #perTrajectoryMax: number;
  readonly #seen = new Set<string>();
  #duplicate = 0;
  #perTrajectory = 0;

  constructor(perTrajectoryMax: number) {
    this.#perTrajectoryMax = perTrajectoryMax;
  }

  take(most: number, ranked: readonly Ranked[]): void {
    for (const [rank, { hit }] of ranked.entries()) {
      if (this.hits.length >= most) return;
      const { id, lineage } = hit.demonstration;
      if (this.#seen.has(id)) continue;
      this.#seen.add(id);
      const kept = this.hits.map(({ demonstration }) => demonstration);
      const ofEpisode = kept.filter((other) => other.lineage.episodeId === lineage.episodeId).length;
      if (kept.some((other) => areAlike(other, hit.demonstration))) this.#duplicate += 1;
      else if (ofEpisode >= this.#perTrajectoryMax) this.#perTrajectory += 1;
      else this.hits.push({ ...hit, reference: { ...hit.reference, rank } });
    }
  }

  packed({ tokenBudget: budget, window }: RetrievalQuery): Pick<RetrievalAnswer, "hits" | "dropped"> {
    let left = budget;
    const cut = window === null ? this.hits : this.hits.map((hit) => windowed(hit, window));
    const hits = cut.filter(({ tokens }) => {
      if (tokens > left) return false;
      left -= tokens;
      return true;
    });
    const tokenBudget = this.hits.length - hits.length;
    return { hits, dropped: { duplicate: this.#duplicate, perTrajectory: this.#perTrajectory, tokenBudget } };
  }
}

function windowed(hit: RetrievalHit, size: WindowSize): RetrievalHit {
  const window = windowAround(hit.demonstration, hit.reference.position, size);
  if (window === null) return hit;
  const { from, to, tokens } = window;
  return { ...hit, demonstration: demonstrationWindow(hit.demonstration, from, to), tokens, window: { from, to } };
}

function rankedOf(
  answers: readonly RetrievalAnswer[],
  retriever: Retriever,
  order: (left: Ranked, right: Ranked) => number,
): Ranked[] {
  return answers
    .flatMap(({ hits }) => hits.filter(({ reference }) => reference.retriever === retriever))
    .map((hit) => ({ hit, place: hit.reference.rank }))
    .toSorted(order);
}

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);
const byId = (left: Ranked, right: Ranked): number => compare(left.hit.demonstration.id, right.hit.demonstration.id);
const byScore = (left: Ranked, right: Ranked): number =>
  right.hit.reference.score - left.hit.reference.score || byId(left, right);
const byPlace = (left: Ranked, right: Ranked): number => left.place - right.place || byScore(left, right);

/** As within a partition: the same actions, and four fifths of the instruction's words; here words are not stemmed. */
function areAlike(left: Demonstration, right: Demonstration): boolean {
  if (actionsOf(left) !== actionsOf(right)) return false;
  const [one, other] = [wordsOf(left), wordsOf(right)];
  const all = one.union(other).size;
  return all === 0 || one.intersection(other).size / all >= 0.8;
}

const actionsOf = ({ steps, answer }: Demonstration): string =>
  JSON.stringify([...steps.map(({ action }) => actionText(action)), answer]);
const wordsOf = ({ instruction }: Demonstration): Set<string> =>
  new Set(instruction.text.toLowerCase().match(/[\p{Alphabetic}\p{N}]+/gu));
const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
