// The native index for values that a schema has accepted already, such as those that a message was decoded to: checking
// them a second time took as long as searching with them. For values of any other origin there is `DemonstrationIndex`.
import type {
  Demonstration,
  DemonstrationId,
  RetrievalAnswer,
  RetrievalHit,
  RetrievalQuery,
  VectorStorage,
} from "@hindcast/shared";
import { checkArray } from "./checked-arrays.ts";
import { demonstrationWindow } from "./demonstration-window.ts";
import type { LedIndex } from "./graph-log.ts";
import { indexError } from "./index-error.ts";
import { type DemonstrationIndexStats, toStats } from "./index-stats.ts";
import type {
  NativeAnswer,
  NativeGraphNews,
  NativeGraphOrder,
  NativeHit,
  NativeIndex,
  NativeVectorQuery,
} from "./native.d.ts";
import { fromNativeError, toNativeDemonstration, toNativeFilter, toNativeQuery } from "./native-values.ts";
import { Pieces } from "./pieces.ts";
import type { EmbedderIdentity, RetrievalIndex, VectorsAnswer, VectorsRequest } from "./retrieval-index.ts";

export class TrustingIndex implements RetrievalIndex, LedIndex {
  readonly #native: NativeIndex;
  readonly version: string;
  readonly embedder: EmbedderIdentity;
  readonly sequence: number;
  readonly #storage: VectorStorage;
  #closed: Promise<void> | null = null;

  constructor(native: NativeIndex) {
    this.#native = native;
    this.version = native.version;
    this.embedder = { name: native.embedder, dimensions: native.dimensions };
    this.sequence = native.sequence;
    this.#storage = native.storage;
  }

  /** One call at a time: the loop does other work in between, so a second one could overtake the first. */
  async upsert(
    demonstrations: readonly Demonstration[],
    vectors?: Float32Array,
    sequences?: readonly number[],
  ): Promise<void> {
    const pieces = new Pieces();
    const rows: string[] = [];
    for (const demonstration of demonstrations) {
      rows.push(rowsOf([demonstration]));
      await pieces.rest();
    }
    await this.#upsertRows(rows, vectors, sequences);
  }

  /** Holds the loop up for as long as it takes to hand all of them over; calls are applied in their order. */
  async upsertAtOnce(demonstrations: readonly Demonstration[], vectors?: Float32Array): Promise<void> {
    await this.#upsertRows([rowsOf(demonstrations)], vectors);
  }

  async #upsertRows(
    rows: string[],
    vectors: Float32Array = new Float32Array(),
    sequences: readonly number[] = [],
  ): Promise<void> {
    await this.call((native) => native.upsert(rows, vectors, [...sequences]));
  }

  async remove(ids: readonly DemonstrationId[]): Promise<number> {
    return await this.call((native) => native.remove([...ids]));
  }

  async search(
    queries: readonly RetrievalQuery[],
    vectors?: readonly (Float32Array | null)[],
    withinMs?: number,
  ): Promise<RetrievalAnswer[]> {
    if (vectors !== undefined && vectors.length !== queries.length) {
      throw indexError("INDEX_INVALID", `${vectors.length} vectors are not one for each of ${queries.length} queries`);
    }
    for (const [at, vector] of vectors?.entries() ?? []) {
      if (vector !== null) checkArray(`vectors[${at}]`, "Float32Array", vector);
    }
    const natives = queries.map((query, at) => toNativeQuery(query, vectors?.[at] ?? null));
    const answers = await this.call((native) => native.search(natives, withinMs));
    return answers.map((answer, at) => toAnswer(answer, queries[at]?.explain === true ? this.#storage : null));
  }

  async searchVectors(request: VectorsRequest): Promise<VectorsAnswer> {
    const query = this.#conditionsOf(request);
    const { environment, vectors, withinMs } = request;
    const answer = await this.call((native) => native.searchVectors(environment, vectors, query, withinMs));
    const { ids, scores, counts, passing, epoch, microseconds } = answer;
    return { ids, scores, counts, passing, epoch, microseconds };
  }

  searchVectorsHere(request: VectorsRequest): VectorsAnswer {
    const query = this.#conditionsOf(request);
    if (this.#closed !== null) throw closed();
    const startedAt = performance.now();
    const queries = request.vectors.length / this.embedder.dimensions;
    const scores = new Float32Array(queries * request.k);
    const counts = new Uint32Array(queries);
    try {
      const found = this.#native.searchVectorsHere(request.environment, request.vectors, query, scores, counts);
      const microseconds = (performance.now() - startedAt) * 1_000;
      return { ...found, scores: scores.subarray(0, found.ids.length), counts, microseconds };
    } catch (error) {
      throw fromNativeError(error);
    }
  }

  async get(ids: readonly DemonstrationId[]): Promise<(Demonstration | null)[]> {
    const payloads = await this.call((native) => native.get([...ids]));
    return payloads.map((payload) => (payload === null ? null : fromPayload(payload)));
  }

  async graphNews(): Promise<NativeGraphNews[]> {
    return await this.call((native) => native.graphNews());
  }

  async beginGraph(order: NativeGraphOrder, at: number): Promise<boolean> {
    return await this.call((native) => native.beginGraph(order, at));
  }

  async showGraph(
    environment: string,
    begunAt: number,
    fingerprint: string,
  ): Promise<"absent" | "awaited" | "searched"> {
    return await this.call((native) => native.showGraph(environment, begunAt, fingerprint));
  }

  async settle(): Promise<void> {
    await this.call((native) => native.settle());
  }

  async stats(): Promise<DemonstrationIndexStats> {
    const { rows, ...stats } = toStats(await this.call((native) => native.stats()));
    return { demonstrations: rows, ...stats };
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#native.close());
  }

  /** @throws INDEX_CLOSED, and what the native index refuses, under its code */
  async call<T>(work: (native: NativeIndex) => Promise<T>): Promise<T> {
    if (this.#closed !== null) throw closed();
    try {
      return await work(this.#native);
    } catch (error) {
      throw fromNativeError(error);
    }
  }

  #conditionsOf({ embedder, k, ef = null, filter, exclude, mode = "auto" }: VectorsRequest): NativeVectorQuery {
    if (embedder !== this.embedder.name) {
      const message = `the vectors are of ${embedder}, the index has those of ${this.embedder.name}`;
      throw indexError("INDEX_INVALID", message);
    }
    return { k, ef, exclude, mode, filter: filter === null ? null : toNativeFilter(filter) };
  }
}

const rowsOf = (demonstrations: readonly Demonstration[]): string =>
  JSON.stringify(demonstrations.map(toNativeDemonstration));

const closed = (): Error => indexError("INDEX_CLOSED", "the index is closed");

/** Explained where the storage is given. */
function toAnswer(native: NativeAnswer, storage: VectorStorage | null): RetrievalAnswer {
  const { hits, duplicate, perTrajectory, tokenBudget, passing, epoch, parts, microseconds } = native;
  return {
    hits: hits.map(toHit),
    dropped: { duplicate, perTrajectory, tokenBudget },
    passing,
    epoch,
    explain: storage === null ? null : { parts, microseconds, storage },
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

/** A payload is what `upsert` was given and stored. */
function fromPayload(payload: string): Demonstration {
  return JSON.parse(payload) as Demonstration;
}
