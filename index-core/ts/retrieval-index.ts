// What the service needs of an index: a `DemonstrationIndex`, or a scripted one in tests.
import type { Demonstration, Exclusions, Filter, RetrievalAnswer, RetrievalQuery, SearchMode } from "@hindcast/shared";
import type { DemonstrationIndexStats } from "./index-stats.ts";

export interface VectorsRequest {
  environment: string;
  embedder: string;
  /** One query after the other. */
  vectors: Float32Array;
  k: number;
  ef?: number | null;
  filter: Filter | null;
  exclude: Exclusions;
  mode?: SearchMode;
  /** What is not begun by then is given up: INDEX_NOT_READY. In the calling thread nothing is. @default without end */
  withinMs?: number;
}

export interface VectorsAnswer {
  /** Hits of all queries, one query after the other. */
  ids: string[];
  scores: Float32Array;
  /** Hits of each query. */
  counts: Uint32Array;
  passing: number;
  epoch: string;
  /** What the searches took, added up, wherever they ran. */
  microseconds: number;
}

export interface RetrievalIndex {
  /** Names every rule that influences an answer. */
  readonly version: string;
  /** What made its vectors: the index itself, or what hands them to it. */
  readonly embedder: EmbedderIdentity;
  /**
   * @param vectors `vectors[i]` is the vector of query i where the index does not compute it itself
   * @param withinMs what is not begun by then is given up: INDEX_NOT_READY. @default without end
   */
  search(
    queries: readonly RetrievalQuery[],
    vectors?: readonly (Float32Array | null)[],
    withinMs?: number,
  ): Promise<RetrievalAnswer[]>;
  searchVectors(request: VectorsRequest): Promise<VectorsAnswer>;
  /** The same in the calling thread, which waits. */
  searchVectorsHere(request: VectorsRequest): VectorsAnswer;
  get(ids: readonly Demonstration["id"][]): Promise<(Demonstration | null)[]>;
  stats(): Promise<DemonstrationIndexStats>;
}

/** What made the stored vectors. */
export interface EmbedderIdentity {
  name: string;
  dimensions: number;
}

/** Makes vectors outside of the index; without one the index computes `hash-v1` itself. */
export interface TextEmbedder extends EmbedderIdentity {
  embed(texts: string[], purpose: "document" | "query", signal: AbortSignal): Promise<Float32Array[]>;
}
