// What can be asked of retrieval, without its codec: of one index (local-retrieval.ts) or of all partitions
// (partition-front.ts).
import type {
  Demonstration,
  RetrievalAnswer,
  RetrievalHealth,
  RetrievalQuery,
  RetrievalStats,
  VectorAnswer,
  VectorQuestion,
} from "@hindcast/shared";

export interface Call {
  /** Aborts when the service gives up on what it has accepted. */
  signal: AbortSignal;
  /** On the clock of `performance.now()`. */
  deadlineAt: number;
}

export interface SearchQuestion {
  queries: readonly RetrievalQuery[];
  minSequence: number | null;
}

export interface SearchAnswers {
  answers: RetrievalAnswer[];
  indexSequence: number;
  indexVersion: string;
}

export interface Retrieval {
  search(question: SearchQuestion, call: Call): Promise<SearchAnswers>;
  vectors(question: VectorQuestion, call: Call): Promise<VectorAnswer>;
  /** Null for an id that is not there. */
  get(ids: readonly Demonstration["id"][], call: Call): Promise<(Demonstration | null)[]>;
  stats(call: Call): Promise<RetrievalStats>;
  health(call: Call): Promise<RetrievalHealth>;
}
