import {
  Demonstration,
  DemonstrationId,
  Exclusions,
  Filter,
  type RetrievalAnswer,
  RetrievalQuery,
  SearchMode,
  VectorStorage,
} from "@hindcast/shared";
import { z } from "zod";
import { checked, WellFormed } from "./checked.ts";
import { checkArray, checkObject, kindOf } from "./checked-arrays.ts";
import { defaultGraphRowsMin, SearchLimits } from "./collection.ts";
import { indexError } from "./index-error.ts";
import { type CheckpointFiles, type DemonstrationIndexStats, toCheckpoint } from "./index-stats.ts";
import { loadNative } from "./load-native.ts";
import { fromNativeError } from "./native-values.ts";
import { TrustingIndex } from "./trusting-index.ts";

export interface DemonstrationIndexOptions {
  /** Where checkpoints are kept. @default in memory */
  folder?: string | undefined;
  /** Rows of one environment from which insertions get graphs; search is exact up to there. @default 131_072 */
  graphRowsMin?: number | undefined;
  /** `hash-v1`, `model2vec:<folder>`, or the name and dimensions of an embedder outside of the index. @default hash-v1 */
  embedder?: string | Readonly<{ name: string; dimensions: number }> | undefined;
  /** How rows are kept, as in `Collection`; `version` names it unless it is f32. @default "f32" */
  storage?: VectorStorage | undefined;
  /** Whether entries of the log say when graphs begin and are searched, instead of the index itself. @default false */
  graphsFollowLog?: boolean | undefined;
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

const Folder = WellFormed.min(1);
const Options = z.strictObject({
  folder: Folder.optional(),
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
  storage: VectorStorage.optional(),
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
  /** For what has come through a schema already; shares everything with this, closing included. */
  readonly trusting: TrustingIndex;
  /** Names every rule that influences an answer, the embedder among them. */
  readonly version: string;
  /** Name of the embedder, and of what it makes. */
  readonly embedder: { name: string; dimensions: number };
  /** Sequence of the demonstrations stream that the opened checkpoint contains; 0 without one. */
  readonly sequence: number;

  private constructor(trusting: TrustingIndex) {
    this.trusting = trusting;
    this.version = trusting.version;
    this.embedder = trusting.embedder;
    this.sequence = trusting.sequence;
  }

  /**
   * @throws INDEX_LOCKED when another process has the folder; INDEX_CORRUPT, INDEX_FOREIGN and INDEX_NEWER for a folder
   * that cannot be read (`discard` empties it); INDEX_NOT_READY when the native library is not built.
   */
  static async open(options: DemonstrationIndexOptions = {}): Promise<DemonstrationIndex> {
    checkObject("options", options);
    const { folder, graphRowsMin, embedder: given = "hash-v1", storage, graphsFollowLog = false } = options;
    // An embedder may be more than its name.
    const isNamed = typeof given === "object" && given !== null;
    const embedder = isNamed ? { name: given.name, dimensions: given.dimensions } : given;
    checked(Options, { folder, graphRowsMin, embedder, storage });
    const { name, dimensions } = typeof embedder === "string" ? { name: embedder, dimensions: 0 } : embedder;
    try {
      const native = await loadNative().openIndex({
        folder: folder ?? null,
        graphRowsMin: graphRowsMin ?? defaultGraphRowsMin,
        graphsFollowLog,
        embedder: name,
        dimensions,
        storage: storage ?? "f32",
      });
      return new DemonstrationIndex(new TrustingIndex(native));
    } catch (error) {
      throw fromNativeError(error);
    }
  }

  /** Deletes the index in a folder, and nothing else that is there. */
  static async discard(folder: string): Promise<void> {
    const path = checked(Folder, folder);
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
    await this.trusting.upsertAtOnce(list, vectors);
  }

  /** Unknown ids are ignored. @returns how many there were. */
  async remove(ids: readonly DemonstrationId[]): Promise<number> {
    return await this.trusting.remove(checked(z.array(DemonstrationId), ids));
  }

  /**
   * One answer per query, in order. `vectors`, where the embedder is outside of the index: that of each query's text.
   * @throws INDEX_INVALID, INDEX_CLOSED
   */
  async search(
    queries: readonly RetrievalQuery[],
    vectors?: readonly (Float32Array | null)[],
  ): Promise<RetrievalAnswer[]> {
    if (vectors !== undefined && !Array.isArray(vectors)) {
      throw indexError("INDEX_INVALID", `vectors must be an array with one for each query, not ${kindOf(vectors)}`);
    }
    return await this.trusting.search(checked(z.array(RetrievalQuery), queries), vectors);
  }

  /** Nearest demonstrations to vectors. @throws INDEX_INVALID for vectors of another embedder, naming both. */
  async searchVectors(request: DemonstrationVectorSearch): Promise<DemonstrationVectorHits> {
    checkObject("the request", request);
    if (checked(z.string(), request.embedder) !== this.embedder.name) {
      const message = `the vectors are of ${request.embedder}, the index has those of ${this.embedder.name}`;
      throw indexError("INDEX_INVALID", message);
    }
    const { embedder, vectors, environment, k, ef = null, filter, exclude, mode = "auto" } = request;
    const conditions = checked(VectorConditions, { environment, k, ef, filter, exclude, mode });
    checkArray("vectors", "Float32Array", vectors);
    const found = await this.trusting.searchVectors({ ...conditions, embedder, vectors });
    const { ids, scores, counts, passing, epoch } = found;
    return { ids, scores, counts, passing, epoch };
  }

  /** Null for an id that is not there. */
  async get(ids: readonly DemonstrationId[]): Promise<(Demonstration | null)[]> {
    return await this.trusting.get(checked(z.array(DemonstrationId), ids));
  }

  /** Resolves when no merge and no build is pending. */
  async settle(): Promise<void> {
    await this.trusting.settle();
  }

  /**
   * Writes everything to the folder, as of `sequence` of the demonstrations stream.
   * @throws INDEX_IO, and then the checkpoint of before stays valid.
   */
  async checkpoint(sequence: number): Promise<CheckpointFiles> {
    return toCheckpoint(await this.trusting.call((native) => native.checkpoint(sequence)));
  }

  async stats(): Promise<DemonstrationIndexStats> {
    return await this.trusting.stats();
  }

  /** Frees memory and folder; every later call fails with INDEX_CLOSED. Closing again returns the same promise. */
  close(): Promise<void> {
    return this.trusting.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
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
