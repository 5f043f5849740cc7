// An index that says what a test wants, for tests of the service alone.
import type { DemonstrationIndexStats, RetrievalIndex, VectorsAnswer, VectorsRequest } from "@hindcast/index-core";
import { type RetrievalAnswer, type RetrievalQuery } from "@hindcast/shared";

export const emptyStats: DemonstrationIndexStats = {
  demonstrations: 3,
  byEnvironment: { shell: 3 },
  segments: 2,
  graphRows: 1,
  scanRows: 2,
  deadRows: 1,
  pendingBuilds: 0,
  residentBytes: 1_000,
  mappedBytes: 2_000,
  storage: "f32",
  rowBytes: 1_500,
  epoch: "e1",
  repaired: 4,
  diverged: 0,
  searches: { exact: 5, graph: 6, fallback: 7 },
  recall: { sampled: 10, found: 97, wanted: 100 },
  problem: null,
};

export function anAnswer(partial: Partial<RetrievalAnswer> = {}): RetrievalAnswer {
  return {
    hits: [],
    dropped: { duplicate: 0, perTrajectory: 0, tokenBudget: 0 },
    passing: 0,
    epoch: "",
    explain: null,
    ...partial,
  };
}

export interface ScriptedIndex extends RetrievalIndex {
  /** Each call's queries. */
  searches: RetrievalQuery[][];
  vectorSearches: VectorsRequest[];
}

export function aScriptedIndex(partial: Partial<RetrievalIndex> = {}): ScriptedIndex {
  const searches: RetrievalQuery[][] = [];
  const vectorSearches: VectorsRequest[] = [];
  const answerOf = ({ vectors }: VectorsRequest): VectorsAnswer => {
    const queries = vectors.length / 1_024;
    const ids = Array.from({ length: queries }, (_, query) => `demo-${vectors[query * 1_024]}`);
    const counts = new Uint32Array(queries).fill(1);
    return { ids, scores: new Float32Array(queries), counts, passing: 1, epoch: "e", microseconds: 10_000 * queries };
  };
  return {
    version: "scripted",
    embedder: { name: "hash-v1", dimensions: 1_024 },
    get: (ids) => Promise.resolve(ids.map(() => null)),
    stats: () => Promise.resolve(emptyStats),
    ...partial,
    searches,
    vectorSearches,
    search: async (queries, vectors) => {
      searches.push([...queries]);
      if (partial.search !== undefined) return await partial.search(queries, vectors);
      // What was asked comes back, so that a mix-up shows.
      return queries.map(({ query }) => anAnswer({ epoch: query ?? "" }));
    },
    searchVectors: async (request): Promise<VectorsAnswer> => {
      vectorSearches.push(request);
      if (partial.searchVectors !== undefined) return await partial.searchVectors(request);
      return answerOf(request);
    },
    searchVectorsHere: (request): VectorsAnswer => {
      vectorSearches.push(request);
      return partial.searchVectorsHere?.(request) ?? answerOf(request);
    },
  };
}
