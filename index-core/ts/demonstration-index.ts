import {
  Demonstration,
  DemonstrationId,
  Exclusions,
  Filter,
  type RetrievalAnswer,
  type RetrievalHit,
  RetrievalQuery,
  SearchMode,
} from "@hindcast/shared";
import { z } from "zod";
import { checked } from "./checked.ts";
import { checkArray } from "./checked-arrays.ts";
import { defaultGraphRowsMin, SearchLimits } from "./collection.ts";
import { demonstrationWindow } from "./demonstration-window.ts";
import { indexError } from "./index-error.ts";
import { type CheckpointFiles, type DemonstrationIndexStats, toCheckpoint, toStats } from "./index-stats.ts";
import { loadNative } from "./load-native.ts";
import type { NativeAnswer, NativeHit, NativeIndex } from "./native.d.ts";
import { fromNativeError, toNativeDemonstration, toNativeFilter, toNativeQuery } from "./native-values.ts";

export interface DemonstrationIndexOptions {
  /** Where checkpoints are kept. @default in memory */
  folder?: string | undefined;
  /** Rows of one environment from which insertions get graphs; search is exact up to there. @default 131_072 */
  graphRowsMin?: number | undefined;
  /** `hash-v1`, `model2vec:<folder>`, or the name and dimensions of an embedder outside of the index. @default hash-v1 */
  embedder?: string | Readonly<{ name: string; dimensions: number }> | undefined;
}

export interface DemonstrationVectorSearch {
  environment: string;
  /** Must be the index's own: vectors of different embedders cannot be compared. */
  embedder: string;
  vectors: Float32Array;
  k: number;
  ef?: number | null;
  filter: Filter | null;
  exclude: Exclusions;
  mode?: "auto" | "exact" | "graph";
}

export interface DemonstrationVectorHits {
  /** Of all queries, one after the other. */
  ids: string[];
  scores: Float32Array;
  counts: Uint32Array;
  passing: number;
  epoch: string;
}

const Options = z.strictObject({
  folder: z.string().min(1).optional(),
  graphRowsMin: z
    .int()
    .min(1)
    .max(2 ** 31)
    .optional(),
  embedder: z
    .union([
      z.string().regex(/^(hash-v1|model2vec:.+)$/),
      z.strictObject({ name: z.string().min(1).max(200), dimensions: z.int().min(1).max(16_384) }),
    ])
    .optional(),
});

const VectorConditions = SearchLimits.extend({
  environment: z.string().min(1).max(64),
  filter: Filter.nullable(),
  exclude: Exclusions,
  mode: SearchMode,
});

/**
 * Demonstrations, searchable by the two retrievers of the paper's Algorithm 2.
 *
 * For each query, among the demonstrations of its environment that pass the filter and no exclusion list:
 * 1. *observation-exact*: those that contain the observation (equal after normalisation: terminal escapes, white space
 *    and empty lines aside), nearest to the query first;
 * 2. *observation-bm25*: those with the best-matching observation, until `observationBased` are found;
 * 3. *model-dense*: those whose instruction and step summaries are nearest to the query, until `modelBased` more are
 *    found. With `ranking.fusion: "rrf"` the three lists are fused instead.
 *
 * Left out on the way, each counted once: near-duplicates of one already taken (same actions, four fifths of the
 * instruction's words) and more than `perTrajectoryMax` of one episode. A retriever returns fewer than asked only when
 * it has no further candidate; what then does not fit the token budget is dropped. Scores are compared on a grid of
 * 10⁻⁶, ties go by id. An answer depends on the live demonstrations and, in environments beyond `graphRowsMin`, on the
 * graphs that `epoch` names; not on how they came about.
 *
 * Every method works off the event loop.
 */
export class DemonstrationIndex implements AsyncDisposable {
  readonly #native: NativeIndex;
  /** Names every rule that influences an answer, the embedder among them. */
  readonly version: string;
  /** Name of the embedder, and of what it makes. */
  readonly embedder: { name: string; dimensions: number };
  /** Sequence of the demonstrations stream that the opened checkpoint contains; 0 without one. */
  readonly sequence: number;
  #closed: Promise<void> | null = null;

  private constructor(native: NativeIndex) {
    this.#native = native;
    this.version = native.version;
    this.embedder = { name: native.embedder, dimensions: native.dimensions };
    this.sequence = native.sequence;
  }

  /**
   * @throws INDEX_LOCKED when another process has the folder; INDEX_CORRUPT, INDEX_FOREIGN and INDEX_NEWER for a folder
   * that cannot be read (`discard` empties it); INDEX_NOT_READY when the native library is not built.
   */
  static async open(options: DemonstrationIndexOptions = {}): Promise<DemonstrationIndex> {
    const { folder, graphRowsMin, embedder: given = "hash-v1" } = options;
    // An embedder may be more than its name.
    const { name, dimensions } = typeof given === "string" ? { name: given, dimensions: 0 } : given;
    const embedder = typeof given === "string" ? given : { name, dimensions };
    checked(Options, { folder, graphRowsMin, embedder });
    try {
      const native = await loadNative().openIndex({
        folder: folder ?? null,
        graphRowsMin: graphRowsMin ?? defaultGraphRowsMin,
        embedder: name,
        dimensions,
      });
      return new DemonstrationIndex(native);
    } catch (error) {
      throw fromNativeError(error);
    }
  }

  /** Deletes the index in a folder, and nothing else that is there. */
  static async discard(folder: string): Promise<void> {
    const path = checked(z.string().min(1), folder);
    try {
      await loadNative().discard(path);
    } catch (error) {
      throw fromNativeError(error);
    }
  }

  /**
   * Adds demonstrations. One whose id is known replaces the one before. `vectors`, where the embedder is outside of the
   * index: one after the other.
   * @throws INDEX_INVALID naming the first demonstration that is malformed: then none of them is added.
   */
  async upsert(demonstrations: readonly Demonstration[], vectors?: Float32Array): Promise<void> {
    const list = checked(z.array(Demonstration), demonstrations);
    const { dimensions } = this.embedder;
    if (vectors !== undefined) checkArray("vectors", "Float32Array", vectors);
    if (vectors !== undefined && vectors.length !== list.length * dimensions) {
      const message = `${vectors.length} numbers are not ${list.length} vectors of ${dimensions} dimensions`;
      throw indexError("INDEX_INVALID", message);
    }
    const rows = list.map((one, at) =>
      toNativeDemonstration(one, vectors?.subarray(at * dimensions, (at + 1) * dimensions) ?? null),
    );
    await this.#call(() => this.#native.upsert(rows));
  }

  /** Unknown ids are ignored. @returns how many there were. */
  async remove(ids: readonly DemonstrationId[]): Promise<number> {
    const list = checked(z.array(DemonstrationId), ids);
    return await this.#call(() => this.#native.remove(list));
  }

  /**
   * One answer per query, in order. `vectors`, where the embedder is outside of the index: that of each query's text.
   * @throws INDEX_INVALID, INDEX_CLOSED
   */
  async search(
    queries: readonly RetrievalQuery[],
    vectors?: readonly (Float32Array | null)[],
  ): Promise<RetrievalAnswer[]> {
    const list = checked(z.array(RetrievalQuery), queries);
    if (vectors !== undefined && vectors.length !== list.length) {
      throw indexError("INDEX_INVALID", `${vectors.length} vectors are not one for each of ${list.length} queries`);
    }
    for (const [at, vector] of vectors?.entries() ?? []) {
      if (vector !== null) checkArray(`vectors[${at}]`, "Float32Array", vector);
    }
    const natives = list.map((query, at) => toNativeQuery(query, vectors?.[at] ?? null));
    const answers = await this.#call(() => this.#native.search(natives));
    return answers.map((answer, at) => toAnswer(answer, list[at]?.explain ?? false));
  }

  /** Nearest demonstrations to vectors. @throws INDEX_INVALID for vectors of another embedder, naming both. */
  async searchVectors(request: DemonstrationVectorSearch): Promise<DemonstrationVectorHits> {
    if (request.embedder !== this.embedder.name) {
      const message = `the vectors are of ${request.embedder}, the index has those of ${this.embedder.name}`;
      throw indexError("INDEX_INVALID", message);
    }
    const { environment, vectors, k, ef = null, filter, exclude, mode = "auto" } = request;
    const { filter: valid, ...conditions } = checked(VectorConditions, { environment, k, ef, filter, exclude, mode });
    checkArray("vectors", "Float32Array", vectors);
    const query = { ...conditions, filter: valid === null ? null : toNativeFilter(valid) };
    const answer = await this.#call(() => this.#native.searchVectors(environment, vectors, query));
    const { ids, scores, counts, passing, epoch } = answer;
    return { ids, scores, counts, passing, epoch };
  }

  /** Null for an id that is not there. */
  async get(ids: readonly DemonstrationId[]): Promise<(Demonstration | null)[]> {
    const list = checked(z.array(DemonstrationId), ids);
    const payloads = await this.#call(() => this.#native.get(list));
    return payloads.map((payload) => (payload === null ? null : fromPayload(payload)));
  }

  /** Resolves when no merge and no build is pending. */
  async settle(): Promise<void> {
    await this.#call(() => this.#native.settle());
  }

  /**
   * Writes everything to the folder, as of `sequence` of the demonstrations stream.
   * @throws INDEX_IO, and then the checkpoint of before stays valid.
   */
  async checkpoint(sequence: number): Promise<CheckpointFiles> {
    return toCheckpoint(await this.#call(() => this.#native.checkpoint(sequence)));
  }

  async stats(): Promise<DemonstrationIndexStats> {
    const { rows, ...stats } = toStats(await this.#call(() => this.#native.stats()));
    return { demonstrations: rows, ...stats };
  }

  /** Frees memory and folder; every later call fails with INDEX_CLOSED. Closing again returns the same promise. */
  close(): Promise<void> {
    return (this.#closed ??= this.#native.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed !== null) throw indexError("INDEX_CLOSED", "the index is closed");
    try {
      return await work();
    } catch (error) {
      throw fromNativeError(error);
    }
  }
}

/**
 * The `hash-v1` vectors of texts, as demonstrations are stored: 1024 components each, one text after the other; zeros
 * for a text without words.
 */
export async function embed(texts: readonly string[]): Promise<Float32Array> {
  const list = checked(z.array(z.string()), texts);
  try {
    return await loadNative().embed(list);
  } catch (error) {
    throw fromNativeError(error);
  }
}

function toAnswer(native: NativeAnswer, isExplained: boolean): RetrievalAnswer {
  const { hits, duplicate, perTrajectory, tokenBudget, passing, epoch, parts, microseconds } = native;
  return {
    hits: hits.map(toHit),
    dropped: { duplicate, perTrajectory, tokenBudget },
    passing,
    epoch,
    explain: isExplained ? { parts, microseconds } : null,
  };
}

function toHit({ id, position, payload, tokens, retriever, rank, score, fused, window }: NativeHit): RetrievalHit {
  const [from, to] = window;
  const isWhole = from === undefined || to === undefined;
  const whole = fromPayload(payload);
  return {
    demonstration: isWhole ? whole : demonstrationWindow(whole, from, to),
    reference: {
      demonstrationId: id as DemonstrationId,
      position: position < 0 ? null : position,
      retriever,
      rank,
      score,
    },
    tokens,
    window: isWhole ? null : { from, to },
    fused,
  };
}

/** A payload is what `upsert` checked and stored. */
function fromPayload(payload: string): Demonstration {
  return JSON.parse(payload) as Demonstration;
}
