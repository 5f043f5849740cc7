import { VectorStorage } from "@hindcast/shared";
import { z } from "zod";
import { checked, WellFormed } from "./checked.ts";
import { checkArray, checkedNullableTexts, checkedTexts, checkObject, kindOf } from "./checked-arrays.ts";
import { indexError } from "./index-error.ts";
import { type CheckpointFiles, type IndexStats, toCheckpoint, toStats } from "./index-stats.ts";
import { loadNative } from "./load-native.ts";
import type { NativeCollection, NativePart } from "./native.d.ts";
import { fromNativeError, noExclusions, toNativeFilter } from "./native-values.ts";

/** What the vectors are. A folder remembers it, and vectors of anything else are refused. */
export interface CollectionOptions {
  dimensions: number;
  /** Name of the model that makes the vectors. */
  embedder: string;
  field: "observation" | "instruction" | "query";
  /** Where checkpoints are kept. @default in memory */
  folder?: string | undefined;
  /** Columns with one text per row, for filters. */
  columns?: readonly string[] | undefined;
  /** Columns with one finite number per row, for ranges. */
  numbers?: readonly string[] | undefined;
  /** Rows from which a range of insertions gets a graph, rounded up to a power of two; search is exact up to there. @default 131_072 */
  graphRowsMin?: number | undefined;
  /**
   * How rows are kept: `bf16` takes half the bytes of `f32`, rounded to nearest. Scores are then cosines with the rounded
   * rows, to the same precision. A folder remembers it. @default "f32"
   */
  storage?: VectorStorage | undefined;
}

/** A condition on columns. */
export type CollectionFilter =
  | { eq: [string, string] }
  | { in: [string, string[]] }
  | { range: [string, { min: number | null; max: number | null }] }
  | { and: CollectionFilter[] }
  | { or: CollectionFilter[] }
  | { not: CollectionFilter };

export interface CollectionBatch {
  ids: readonly string[];
  /** One after the other; any length but 0. Copied before this call returns. */
  vectors: Float32Array;
  /** Per column, one value per row; null: none. A column that is left out has none. */
  columns?: Record<string, readonly (string | null)[]>;
  /** Per column of numbers, one per row; none may be left out. */
  numbers?: Record<string, readonly number[]>;
}

export interface VectorSearchRequest {
  /** One query after the other, at most 10,000. */
  vectors: Float32Array;
  /** 1 to 1,000. */
  k: number;
  /** Candidates that a walk through a graph keeps; more find more. @default 64 */
  ef?: number;
  filter?: CollectionFilter;
  /** Ids that must not be found. */
  exclude?: readonly string[];
  /** @default "auto" */
  mode?: "auto" | "exact" | "graph";
}

/** Results of all queries, one after the other, each nearest first. */
export interface SearchHits {
  /** Handles for `resolve`: a row's number among all that were ever inserted, valid as long as the row lives. */
  readonly rows: Uint32Array;
  /** Cosines on a grid of 10⁻⁶. */
  readonly scores: Float32Array;
  /** How many results each query has: k, or all rows that pass where those are fewer. */
  readonly counts: Uint32Array;
  /** Rows that pass the filter. */
  readonly passing: number;
  /** Names the graphs that took part, empty without any; two collections with equal rows and equal epochs answer alike. */
  readonly epoch: string;
  /** How each segment was searched, for the first query. */
  readonly parts: readonly NativePart[];
}

const Options = z.strictObject({
  dimensions: z.int().min(1).max(16_384),
  embedder: WellFormed.min(1).max(200),
  field: z.enum(["observation", "instruction", "query"]),
  folder: WellFormed.min(1).optional(),
  columns: z.array(WellFormed.min(1).max(64)).max(64).readonly().optional(),
  numbers: z.array(WellFormed.min(1).max(64)).max(64).readonly().optional(),
  graphRowsMin: z
    .int()
    .min(1)
    .max(2 ** 31)
    .optional(),
  storage: VectorStorage.optional(),
});

const efMax = 10_000;
/** Integers, because Node-API takes a fraction, NaN and 2³² + 1 for some integer without a word. */
export const SearchLimits = z.strictObject({
  k: z.int().min(1).max(1_000),
  ef: z.int().min(1).max(efMax).nullable(),
});

/**
 * Vectors with ids and columns, searchable by cosine: the vector core by itself.
 *
 * Searches see a snapshot and wait for nobody; writes wait for each other. Up to `graphRowsMin` rows every search is
 * exact. Beyond, ranges of insertions get graphs in the background, whose results are scored exactly again, and a filter
 * that few rows pass is answered by scanning those. Malformed input is refused with INDEX_INVALID and changes nothing.
 */
export class Collection implements AsyncDisposable {
  readonly #native: NativeCollection;
  readonly #options: z.output<typeof Options>;
  #closed: Promise<void> | null = null;

  private constructor(native: NativeCollection, options: z.output<typeof Options>) {
    this.#native = native;
    this.#options = options;
  }

  /**
   * @throws INDEX_LOCKED when another process has the folder; INDEX_CORRUPT, INDEX_FOREIGN and INDEX_NEWER for a folder
   * that cannot be read; INDEX_NOT_READY when the native library is not built.
   */
  static async open(options: CollectionOptions): Promise<Collection> {
    const valid = checked(Options, options);
    try {
      const native = await loadNative().openCollection({
        folder: valid.folder ?? null,
        embedder: valid.embedder,
        dimensions: valid.dimensions,
        field: valid.field,
        textColumns: [...(valid.columns ?? [])],
        numberColumns: [...(valid.numbers ?? [])],
        graphRowsMin: valid.graphRowsMin ?? defaultGraphRowsMin,
        storage: valid.storage ?? "f32",
      });
      return new Collection(native, valid);
    } catch (error) {
      throw fromNativeError(error);
    }
  }

  /** Sequence of the checkpoint that was opened; 0 without one. */
  get sequence(): number {
    return this.#native.sequence;
  }

  /**
   * Adds rows; one whose id is known replaces the one before, and of equal ids the last wins.
   * @throws INDEX_INVALID naming the first row or column that is malformed: then none is added.
   */
  async upsert(batch: CollectionBatch): Promise<void> {
    checkObject("the batch", batch);
    const ids = checkedTexts("ids", batch.ids);
    checkArray("vectors", "Float32Array", batch.vectors);
    const { columns = [], numbers = [] } = this.#options;
    const text = valuesOf("columns", columns, batch.columns).map((values, at) =>
      values === undefined ? ids.map(() => null) : checkedNullableTexts(`columns.${columns[at]}`, values),
    );
    const numeric = valuesOf("numbers", numbers, batch.numbers).map((values, at) => {
      if (Array.isArray(values)) return [...(values as readonly number[])];
      throw indexError("INDEX_INVALID", `numbers.${numbers[at]} must be an array with a number for each row`);
    });
    await this.#call(() => this.#native.upsert(ids, batch.vectors, text, numeric));
  }

  /** Unknown ids are ignored. @returns how many there were. */
  async remove(ids: readonly string[]): Promise<number> {
    const list = checkedTexts("ids", ids);
    return await this.#call(() => this.#native.remove(list));
  }

  async search(request: VectorSearchRequest): Promise<SearchHits> {
    checkObject("the request", request);
    const { k, ef } = checked(SearchLimits, { k: request.k, ef: request.ef ?? null });
    checkArray("vectors", "Float32Array", request.vectors);
    const demonstrations = checkedTexts("exclude", request.exclude ?? []);
    const filter = request.filter === undefined ? null : toNativeFilter(request.filter);
    const mode = request.mode ?? "auto";
    if (typeof mode !== "string") throw indexError("INDEX_INVALID", `mode must be a text, not ${kindOf(mode)}`);
    const answer = await this.#call(() =>
      this.#native.search(request.vectors, {
        k,
        ef,
        filter,
        exclude: { ...noExclusions, demonstrations },
        mode,
      }),
    );
    const { rows, scores, counts, passing, epoch, parts } = answer;
    return { rows, scores, counts, passing, epoch, parts };
  }

  /**
   * One query in the calling thread, for hot loops: writes the `rows.length` nearest into `rows` and `scores` and makes
   * nothing for the garbage collector. Takes the event loop for as long as the search takes. The three arrays must not
   * overlap.
   * @returns how many were found.
   */
  searchInto(vector: Float32Array, ef: number, rows: Uint32Array, scores: Float32Array): number {
    checkArray("vector", "Float32Array", vector);
    checkArray("rows", "Uint32Array", rows);
    checkArray("scores", "Float32Array", scores);
    if (!Number.isInteger(ef) || ef < 1 || ef > efMax || rows.length === 0) {
      throw indexError(
        "INDEX_INVALID",
        `ef is ${shown(ef)} and k is ${rows.length}; an ef of 1 to ${efMax}, a k of 1 to 1000`,
      );
    }
    try {
      return this.#native.searchInto(vector, ef, rows, scores);
    } catch (error) {
      throw fromNativeError(error);
    }
  }

  /** Ids of rows; null for one that was removed or replaced since. */
  async resolve(rows: Uint32Array): Promise<(string | null)[]> {
    checkArray("rows", "Uint32Array", rows);
    return await this.#call(() => this.#native.resolve(rows));
  }

  /**
   * Vectors as they are stored, null for an id that is not there: scaled to length 1, and with `storage: "bf16"` rounded,
   * which changes the length by up to 0.4 %.
   */
  async vectors(ids: readonly string[]): Promise<(Float32Array | null)[]> {
    const list = checkedTexts("ids", ids);
    const { values, areThere } = await this.#call(() => this.#native.vectors(list));
    const { dimensions } = this.#options;
    let at = 0;
    return areThere.map((isThere) => (isThere ? values.subarray(at, (at += dimensions)) : null));
  }

  /** Resolves when no merge and no build is pending. */
  async settle(): Promise<void> {
    await this.#call(() => this.#native.settle());
  }

  /** Makes one segment with one graph of everything, whatever its size: for data that is loaded once. */
  async optimise(): Promise<void> {
    await this.#call(() => this.#native.optimise());
  }

  /**
   * Writes everything to the folder. `sequence` is the caller's: how far the log that it loads from is contained.
   * @throws INDEX_IO, and then the checkpoint of before stays valid.
   */
  async checkpoint(sequence: number): Promise<CheckpointFiles> {
    return toCheckpoint(await this.#call(() => this.#native.checkpoint(sequence)));
  }

  async stats(): Promise<IndexStats> {
    return toStats(await this.#call(() => this.#native.stats()));
  }

  /** Frees the memory and the folder; every later call fails with INDEX_CLOSED. */
  close(): Promise<void> {
    return (this.#closed ??= this.#native.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed !== null) throw indexError("INDEX_CLOSED", "the collection is closed");
    try {
      return await work();
    } catch (error) {
      throw fromNativeError(error);
    }
  }
}

/** 100,000 rows of 384 dimensions are scanned in about a millisecond. */
export const defaultGraphRowsMin = 131_072;

/** Values per column. @throws INDEX_INVALID for a column that the collection does not have. */
function valuesOf<T>(
  place: string,
  names: readonly string[],
  given: Record<string, readonly T[]> = {},
): (readonly T[] | undefined)[] {
  checkObject(place, given);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown === undefined) return names.map((name) => (Object.hasOwn(given, name) ? given[name] : undefined));
  const there = names.length === 0 ? "none" : names.join(", ");
  throw indexError("INDEX_INVALID", `${place}.${unknown} is no column of this collection; there are: ${there}`);
}

/** A text is what it says, anything else that is no number what kind of thing it is. */
const shown = (value: number | string): string =>
  typeof value === "number" || typeof value === "string" ? String(value).slice(0, 64) : kindOf(value);
