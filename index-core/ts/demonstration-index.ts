import {
  Demonstration,
  DemonstrationId,
  HindcastError,
  type RetrievalAnswer,
  type RetrievalHit,
  RetrievalQuery,
} from "@hindcast/shared";
import { z } from "zod";
import type { NativeAnswer, NativeHit, NativeIndex } from "./native.d.ts";
import { fromNativeError, toNativeDemonstration, toNativeQuery } from "./native-values.ts";
import { loadNative } from "./load-native.ts";

export interface DemonstrationIndexOptions {
  /**
   * Demonstrations of one environment from which `buildGraphs` gives it a graph. Below it search is exact.
   * @default 100_000
   */
  graphRowsMin?: number;
}

export interface DemonstrationIndexStats {
  demonstrations: number;
  byEnvironment: Record<string, number>;
  /** Demonstrations that are searched through a graph instead of exactly. */
  graphRows: number;
}

/**
 * Demonstrations in memory, searchable by the two retrievers of the paper's Algorithm 2.
 *
 * For each query, among the demonstrations of its environment that pass the filter and no exclusion list:
 * 1. *observation-exact*: those that contain the observation (equal after normalisation: terminal escapes, white space
 *    and empty lines aside), nearest to the query first;
 * 2. *observation-bm25*: those with the best-matching observation, until `observationBased` are found;
 * 3. *model-dense*: those whose instruction and step summaries are nearest to the query, until `modelBased` more are
 *    found.
 *
 * Left out on the way, each counted once: near-duplicates of one already taken (same actions, four fifths of the
 * instruction's words) and more than `perTrajectoryMax` of one episode. A retriever returns fewer than asked only when
 * it has no further candidate; what then does not fit the token budget is dropped. Scores are compared on a grid of
 * 10⁻⁶, ties go by id. An answer depends on the live demonstrations only, not on the order in which they came.
 *
 * Every method works off the event loop.
 */
export class DemonstrationIndex implements AsyncDisposable {
  readonly #native: NativeIndex;
  readonly version: string;
  #closed: Promise<void> | null = null;

  /** @throws INDEX_NOT_READY when the native library is not built. */
  constructor(options: DemonstrationIndexOptions = {}) {
    const native = loadNative();
    this.#native = new native.NativeIndex(checked(GraphRowsMin, options.graphRowsMin ?? 100_000));
    this.version = native.version();
  }

  /**
   * Adds demonstrations. One whose id is known replaces the one before.
   * @throws INDEX_INVALID naming the first demonstration that is malformed: then none of them is added.
   */
  async upsert(demonstrations: readonly Demonstration[]): Promise<void> {
    const rows = checked(z.array(Demonstration), demonstrations).map(toNativeDemonstration);
    await this.#call(() => this.#native.upsert(rows));
  }

  /** Unknown ids are ignored. @returns how many there were. */
  async remove(ids: readonly DemonstrationId[]): Promise<number> {
    const list = checked(z.array(DemonstrationId), ids);
    return await this.#call(() => this.#native.remove(list));
  }

  /** One answer per query, in order. @throws INDEX_INVALID, INDEX_CLOSED */
  async search(queries: readonly RetrievalQuery[]): Promise<RetrievalAnswer[]> {
    const list = checked(z.array(RetrievalQuery), queries).map(toNativeQuery);
    const answers = await this.#call(() => this.#native.search(list));
    return answers.map(toAnswer);
  }

  /** Null for an id that is not there. */
  async get(ids: readonly DemonstrationId[]): Promise<(Demonstration | null)[]> {
    const list = checked(z.array(DemonstrationId), ids);
    const payloads = await this.#call(() => this.#native.get(list));
    return payloads.map((payload) => (payload === null ? null : fromPayload(payload)));
  }

  /** Builds graphs for environments that have outgrown the exact scan. Minutes of one core for large ones. */
  async buildGraphs(): Promise<number> {
    return await this.#call(() => this.#native.buildGraphs());
  }

  async stats(): Promise<DemonstrationIndexStats> {
    const { demonstrations, environments, counts, graphRows } = await this.#call(() => this.#native.stats());
    const byEnvironment = Object.fromEntries(environments.map((name, index) => [name, counts[index] ?? 0]));
    return { demonstrations, byEnvironment, graphRows };
  }

  /** Frees the memory; every later call fails with INDEX_CLOSED. Closing again returns the same promise. */
  close(): Promise<void> {
    return (this.#closed ??= this.#native.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed !== null) {
      throw new HindcastError({ code: "INDEX_CLOSED", boundary: "index", message: "the index is closed" });
    }
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

const GraphRowsMin = z
  .int()
  .min(1)
  .max(2 ** 31);

function checked<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const message = `the index was given a malformed value: ${z.prettifyError(parsed.error).slice(0, 2_000)}`;
  throw new HindcastError({ code: "INDEX_INVALID", boundary: "index", message });
}

function toAnswer(native: NativeAnswer): RetrievalAnswer {
  const { hits, duplicate, perTrajectory, tokenBudget } = native;
  return { hits: hits.map(toHit), dropped: { duplicate, perTrajectory, tokenBudget } };
}

function toHit({ id, position, payload, tokens, retriever, rank, score }: NativeHit): RetrievalHit {
  return {
    demonstration: fromPayload(payload),
    reference: {
      demonstrationId: id as DemonstrationId,
      position: position < 0 ? null : position,
      retriever,
      rank,
      score,
    },
    tokens,
  };
}

/** A payload is what `upsert` checked and stored. */
function fromPayload(payload: string): Demonstration {
  return JSON.parse(payload) as Demonstration;
}
