// Retrieval as it is specified, by brute force and in another language than the index: no postings, no quantisation, no
// dictionaries. Slow and plain on purpose; the native index must agree with it hit for hit.
import {
  actionText,
  type Demonstration,
  demonstrationText,
  estimateTokens,
  type Filter,
  type FilterColumn,
  observationsOf,
  observationText,
  type RetrievalAnswer,
  type RetrievalHit,
  type RetrievalQuery,
} from "@hindcast/shared";

type Retriever = RetrievalHit["reference"]["retriever"];

interface Found {
  demonstration: Demonstration;
  position: number | null;
  score: number;
}

export function expectedAnswer(corpus: readonly Demonstration[], query: RetrievalQuery): RetrievalAnswer {
  const shard = corpus.filter((demonstration) => demonstration.environment === query.environment);
  const passing = shard.filter((demonstration) => passes(demonstration, query));
  const vector = query.query === null ? null : queryVector(query.query, shard);
  const taken = new Taken(query.perTrajectoryMax);
  if (query.observation !== null) {
    taken.take(query.observationBased, "observation-exact", exactly(query.observation, passing, vector));
    taken.take(query.observationBased, "observation-bm25", byBm25(query.observation, shard, passing));
  }
  if (vector !== null) {
    taken.take(taken.hits.length + query.modelBased, "model-dense", byNearness(vector, passing));
  }
  return taken.packed(query.tokenBudget, passing.length);
}

class Taken {
  readonly hits: RetrievalHit[] = [];
  readonly #perTrajectoryMax: number;
  readonly #refused = new Map<string, "duplicate" | "perTrajectory">();

  constructor(perTrajectoryMax: number) {
    this.#perTrajectoryMax = perTrajectoryMax;
  }

  take(most: number, retriever: Retriever, ranked: Found[]): void {
    for (const [rank, { demonstration, position, score }] of ranked.entries()) {
      if (this.hits.length >= most) return;
      const kept = this.hits.map((hit) => hit.demonstration);
      if (kept.includes(demonstration) || this.#refused.has(demonstration.id)) continue;
      const ofEpisode = kept.filter((other) => other.lineage.episodeId === demonstration.lineage.episodeId).length;
      if (kept.some((other) => areAlike(other, demonstration))) this.#refused.set(demonstration.id, "duplicate");
      else if (ofEpisode >= this.#perTrajectoryMax) this.#refused.set(demonstration.id, "perTrajectory");
      else {
        const reference = { demonstrationId: demonstration.id, position, retriever, rank, score };
        const tokens = estimateTokens(demonstrationText(demonstration));
        this.hits.push({ demonstration, reference, tokens, window: null, fused: null });
      }
    }
  }

  packed(budget: number, passing: number): RetrievalAnswer {
    let left = budget;
    const hits = this.hits.filter(({ tokens }) => {
      if (tokens > left) return false;
      left -= tokens;
      return true;
    });
    const refused = [...this.#refused.values()];
    return {
      hits,
      dropped: {
        duplicate: refused.filter((reason) => reason === "duplicate").length,
        perTrajectory: refused.filter((reason) => reason === "perTrajectory").length,
        tokenBudget: this.hits.length - hits.length,
      },
      passing,
      epoch: "",
      explain: null,
    };
  }
}

// Filters

function passes(demonstration: Demonstration, { filter, exclude }: RetrievalQuery): boolean {
  const { taskId, documentId, episodeId } = demonstration.lineage;
  return (
    (filter === null || fits(demonstration, filter)) &&
    !exclude.demonstrations.includes(demonstration.id) &&
    !exclude.tasks.includes(taskId) &&
    !exclude.documents.includes(documentId) &&
    !exclude.episodes.includes(episodeId)
  );
}

function fits(demonstration: Demonstration, filter: Filter): boolean {
  if ("eq" in filter) return valuesOf(demonstration, filter.eq[0]).includes(filter.eq[1]);
  if ("in" in filter) return valuesOf(demonstration, filter.in[0]).some((value) => filter.in[1].includes(value));
  if ("and" in filter) return filter.and.every((inner) => fits(demonstration, inner));
  if ("or" in filter) return filter.or.some((inner) => fits(demonstration, inner));
  if ("range" in filter) {
    const [measure, { min, max }] = filter.range;
    const utility = demonstration.utility ?? (demonstration.score - 1) / 4;
    const value = measure === "length" ? demonstration.steps.length : utility;
    return value >= (min ?? -Infinity) && value <= (max ?? Infinity);
  }
  return !fits(demonstration, filter.not);
}

function valuesOf(demonstration: Demonstration, column: FilterColumn): string[] {
  const { environment, campaignId, instruction, replay, lineage } = demonstration;
  switch (column) {
    case "environment":
      return [environment];
    case "campaign":
      return [campaignId];
    case "document":
      return [lineage.documentId];
    case "task":
      return [lineage.taskId];
    case "episode":
      return [lineage.episodeId];
    case "kind":
      return [instruction.kind];
    case "replay":
      return [replay];
    case "model":
      return Object.values(lineage.models);
    case "benchmark":
    case "application":
    case "split":
      return demonstration[column] === null ? [] : [demonstration[column]];
    case "duplicateGroup":
      return [];
  }
}

// Retrievers

function exactly(observation: string, passing: Demonstration[], vector: number[] | null): Found[] {
  const wanted = normalised(observation);
  if (wanted === "") return [];
  const found = passing.flatMap((demonstration) => {
    const position = textsOf(demonstration).findIndex((text) => normalised(text) === wanted);
    const own = documentVector(demonstration);
    const near = vector === null || own === null ? 0 : onGrid(dot(vector, own));
    return position < 0 ? [] : [{ demonstration, position, score: near }];
  });
  return ranked(found).map((one) => ({ ...one, score: 1 }));
}

function byBm25(observation: string, shard: Demonstration[], passing: Demonstration[]): Found[] {
  const units = shard.flatMap(textsOf).map(stems);
  const mean = Math.max(1, units.reduce((sum, words) => sum + words.length, 0) / units.length);
  const terms = [...new Set(stems(observation))]
    .map((term) => ({ term, frequency: units.filter((words) => words.includes(term)).length }))
    .filter(({ frequency }) => frequency > 0)
    .toSorted((left, right) => left.frequency - right.frequency || (left.term < right.term ? -1 : 1))
    .slice(0, 256);
  const scoreOf = (words: string[]): number => {
    let score = 0;
    for (const { term, frequency } of terms) {
      const count = words.filter((word) => word === term).length;
      const weight = Math.log(1 + (units.length - frequency + 0.5) / (frequency + 0.5));
      score += (weight * count * 2.2) / (count + 1.2 * (0.25 + (0.75 * words.length) / mean));
    }
    return onGrid(score);
  };
  return ranked(
    passing.flatMap((demonstration) => {
      const scores = textsOf(demonstration).map((text) => scoreOf(stems(text)));
      const score = Math.max(...scores);
      return score > 0 ? [{ demonstration, position: scores.indexOf(score), score }] : [];
    }),
  );
}

function byNearness(vector: number[], passing: Demonstration[]): Found[] {
  return ranked(
    passing.flatMap((demonstration) => {
      const own = documentVector(demonstration);
      return own === null ? [] : [{ demonstration, position: null, score: onGrid(dot(vector, own)) }];
    }),
  );
}

function ranked(found: Found[]): Found[] {
  return found.toSorted(
    (left, right) => right.score - left.score || (left.demonstration.id < right.demonstration.id ? -1 : 1),
  );
}

const onGrid = (score: number): number => Math.round(score * 1e6) / 1e6;

// Texts

const textsOf = (demonstration: Demonstration): string[] => observationsOf(demonstration).map(observationText);

const escape = "\u001b";
const bell = "\u0007";
const terminalSequence = new RegExp(
  `${escape}(?:\\[[^@-~]*(?:[@-~]|$)|\\][^]*?(?:${bell}|${escape}\\\\|$)|[^[\\]]|$)`,
  "gu",
);

function normalised(text: string): string {
  return text
    .replace(terminalSequence, "")
    .split(/[\r\n]/)
    .map((line) => line.split(/\s+/u).filter(Boolean).join(" "))
    .filter((line) => line !== "")
    .join("\n");
}

/** Same actions in the same order, and instructions that share four fifths of their words. */
function areAlike(left: Demonstration, right: Demonstration): boolean {
  const actions = ({ steps, answer }: Demonstration): string =>
    JSON.stringify([
      ...steps.map(({ action }) => actionText(action)),
      ...(answer === null ? [] : [`stop(${JSON.stringify(answer)})`]),
    ]);
  if (actions(left) !== actions(right)) return false;
  const [one, other] = [left, right].map(({ instruction }) => new Set(stems(instruction.text))) as [
    Set<string>,
    Set<string>,
  ];
  const all = one.union(other).size;
  return all === 0 || one.intersection(other).size / all >= 0.8;
}

interface Word {
  text: string;
  isCompound: boolean;
}

function words(text: string): Word[] {
  return (text.match(/[\p{Alphabetic}\p{N}]+/gu) ?? []).flatMap((long) => {
    const segment = Array.from(long).slice(0, 64).join("");
    const parts = segment.split(
      /(?<=\p{N})(?=\P{N})|(?<=\P{N})(?=\p{N})|(?<=\P{Lu})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u,
    );
    const found = parts.map((part) => ({ text: part.toLowerCase(), isCompound: false }));
    return parts.length > 1 ? [...found, { text: segment.toLowerCase(), isCompound: true }] : found;
  });
}

const stems = (text: string): string[] => words(text).map((word) => stem(word.text));

function stem(word: string): string {
  if (!/^[a-z]{4,}$/.test(word)) return word;
  let root = word;
  if (/[^ea]ies$/.test(root)) root = `${root.slice(0, -3)}y`;
  else if (/[^usi]s$/.test(root) && !root.endsWith("ies")) root = root.slice(0, -1);
  else if (/[ea]ies$/.test(root)) root = root.slice(0, -1);
  const suffix = /^(.{3,})ing$/.exec(root)?.[1] ?? null;
  const inflected = [suffix, /^(.{3,})ed$/.exec(root)?.[1] ?? null].find(
    (base) => base !== null && /[aeiouy]/.test(base),
  );
  if (inflected !== undefined && inflected !== null) {
    root = /([^aeioulsz])\1$/.test(inflected) ? inflected.slice(0, -1) : inflected;
  }
  return root.length >= 4 && /[^e]e$/.test(root) ? root.slice(0, -1) : root;
}

// hash-v1

const dimensions = 1024;
const mask = (1n << 64n) - 1n;

function hash64(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & mask;
  hash = ((hash ^ (hash >> 33n)) * 0xff51afd7ed558ccdn) & mask;
  hash = ((hash ^ (hash >> 33n)) * 0xc4ceb9fe1a85ec53n) & mask;
  return hash ^ (hash >> 33n);
}

const hashes = new Map<string, bigint>();

function featuresOf(text: string): Map<bigint, number> {
  const counts = new Map<bigint, number>();
  const count = (feature: string): void => {
    const hash = hashes.get(feature) ?? hash64(feature);
    hashes.set(feature, hash);
    counts.set(hash, (counts.get(hash) ?? 0) + 1);
  };
  for (const { text: word, isCompound } of words(text)) {
    count(`w${stem(word)}`);
    const padded = Array.from(` ${word} `);
    for (let length = 3; length <= 5 && !isCompound; length += 1) {
      for (let at = 0; at + length <= padded.length; at += 1) count(`g${padded.slice(at, at + length).join("")}`);
    }
  }
  return counts;
}

/** Sums run over features in the order of their hashes, in f64, as specified; components are f32. */
function project(features: Map<bigint, number>, weight: (hash: bigint) => number | null): number[] | null {
  const sums = Array.from({ length: dimensions }, () => 0);
  for (const [hash, count] of [...features].toSorted(([left], [right]) => (left < right ? -1 : 1))) {
    const factor = weight(hash);
    if (factor === null) continue;
    const value = (1 + Math.log(count)) * factor;
    const dimension = Number(hash % BigInt(dimensions));
    sums[dimension] = (sums[dimension] ?? 0) + (hash >> 63n === 0n ? value : -value);
  }
  const norm = Math.sqrt(sums.reduce((sum, value) => sum + value * value, 0));
  return norm < 1e-12 ? null : sums.map((value) => Math.fround(value / norm));
}

const denseText = ({ instruction, steps }: Demonstration): string =>
  [instruction.text, ...steps.map((step) => step.summary)].join("\n");
const documentVector = (demonstration: Demonstration): number[] | null =>
  project(featuresOf(denseText(demonstration)), () => 1);

function queryVector(query: string, shard: Demonstration[]): number[] | null {
  const stored = shard.map((demonstration) => featuresOf(denseText(demonstration)));
  return project(featuresOf(query), (hash) => {
    const frequency = stored.filter((features) => features.has(hash)).length;
    return frequency === 0 ? null : (Math.log((stored.length + 1) / (frequency + 1)) + 1) ** 2;
  });
}

/** Eight interleaved lanes, added at the end: one order of summation, one result. */
function dot(left: number[], right: number[]): number {
  const lanes = Array.from({ length: 8 }, () => 0);
  for (const [at, value] of left.entries()) lanes[at % 8] = (lanes[at % 8] ?? 0) + value * (right[at] ?? 0);
  return lanes.reduce((sum, lane) => sum + lane, 0);
}
