// The retrieval contract: what an agent in any language sends to `hindcast.retrieval.*`. Stable; exported as JSON Schema.
import { z } from "zod";
import { Demonstration } from "../domain/demonstration.ts";
import { DemonstrationId } from "../domain/ids.ts";
import { RetrievedReference } from "../domain/trajectory.ts";

const strings = z.array(z.string().min(1).max(256)).max(1_000);

/** Columns that can be filtered by equality or membership. */
export const FilterColumn = z.enum([
  "environment",
  "campaign",
  "document",
  "task",
  "episode",
  "kind",
  "replay",
  "model",
  "benchmark",
  "application",
  "split",
  "duplicateGroup",
]);
export type FilterColumn = z.infer<typeof FilterColumn>;

/** Columns that can be filtered by a range: number of steps, and usefulness from 0 to 1. */
export const FilterMeasure = z.enum(["length", "utility"]);
export type FilterMeasure = z.infer<typeof FilterMeasure>;

/** Both ends belong to the range; null: open. */
const Range = z.strictObject({ min: z.number().nullable(), max: z.number().nullable() });

export type Filter =
  | { eq: [FilterColumn, string] }
  | { in: [FilterColumn, string[]] }
  | { range: [FilterMeasure, z.infer<typeof Range>] }
  | { and: Filter[] }
  | { or: Filter[] }
  | { not: Filter };

export const Filter: z.ZodType<Filter> = z.lazy(() =>
  z.union([
    z.strictObject({ eq: z.tuple([FilterColumn, z.string().max(256)]) }),
    z.strictObject({ in: z.tuple([FilterColumn, strings]) }),
    z.strictObject({ range: z.tuple([FilterMeasure, Range]) }),
    z.strictObject({ and: z.array(Filter).max(32) }),
    z.strictObject({ or: z.array(Filter).max(32) }),
    z.strictObject({ not: Filter }),
  ]),
);

/** The leakage guard: what must not be shown, whatever it scores. */
export const Exclusions = z.strictObject({
  demonstrations: strings,
  tasks: strings,
  documents: strings,
  episodes: strings,
});
export type Exclusions = z.infer<typeof Exclusions>;

export const Ranking = z.strictObject({
  /** `paper`: the retrievers one after the other, as Algorithm 2 has them; `rrf`: reciprocal rank fusion of both. */
  fusion: z.enum(["paper", "rrf"]).default("paper"),
  /** Constant of reciprocal rank fusion: a list's place r counts 1 / (rrfK + r). */
  rrfK: z.int().min(1).max(1_000).default(60),
  /** Maximal marginal relevance: 1 is relevance alone, 0 is difference alone; null: off. */
  mmrLambda: z.number().min(0).max(1).nullable().default(null),
  /** Share of a demonstration's usefulness in its score. */
  utilityWeight: z.number().min(0).max(1).default(0),
});
export type Ranking = z.infer<typeof Ranking>;

/** Steps before and after the matched position that are returned. */
export const WindowSize = z.strictObject({ before: z.int().min(0).max(1_000), after: z.int().min(0).max(1_000) });
export type WindowSize = z.infer<typeof WindowSize>;

/** How vectors are compared: `auto` lets the planner choose, the others are for comparison and tests. */
export const SearchMode = z.enum(["auto", "exact", "graph"]);
export type SearchMode = z.infer<typeof SearchMode>;

/** One query: both of Algorithm 2's retrievers in one round trip. */
export const RetrievalQuery = z.strictObject({
  /** Routing: only demonstrations of this environment are searched. */
  environment: z.string().min(1).max(64),
  /** Observation-based: the current observation's text (`observationText`), searched exactly, then by BM25; null: off. */
  observation: z.string().max(200_000).nullable(),
  /** Model-based: the query that the model wrote, searched by the dense retriever; null: off. */
  query: z.string().max(20_000).nullable(),
  /** Upper bounds m1 and m2 of the paper. */
  observationBased: z.int().min(0).max(50),
  modelBased: z.int().min(0).max(50),
  filter: Filter.nullable(),
  exclude: Exclusions,
  perTrajectoryMax: z.int().min(1).max(50),
  /** Whole answer, by `estimateTokens` over `demonstrationText`; results that do not fit are dropped and counted. */
  tokenBudget: z.int().min(1).max(1_000_000),
  ranking: Ranking.prefault({}),
  /**
   * Where an observation matched, only the steps around it are returned and counted; at least one step. Null: the whole
   * demonstration. A demonstration that matched as a whole is returned whole.
   */
  window: WindowSize.nullable().default(null),
  /** Adds to the answer how it was found. */
  explain: z.boolean().default(false),
  mode: SearchMode.default("auto"),
});
export type RetrievalQuery = z.infer<typeof RetrievalQuery>;

const waiting = {
  /** Read-your-writes: answer only from an index that has applied this sequence of the demonstrations stream. */
  minSequence: z.int().nonnegative().nullable(),
  /** The service gives up with INDEX_NOT_READY when `minSequence` is not reached by then. */
  deadlineMs: z.int().min(1).max(60_000),
};

export const RetrievalRequest = z.strictObject({
  v: z.literal(1),
  kind: z.literal("retrieval.search"),
  queries: z.array(RetrievalQuery).min(1).max(100),
  ...waiting,
});
export type RetrievalRequest = z.infer<typeof RetrievalRequest>;

/** As a search with `explain` in every query. */
export const RetrievalExplainRequest = z.strictObject({
  v: z.literal(1),
  kind: z.literal("retrieval.explain"),
  queries: z.array(RetrievalQuery).min(1).max(10),
  ...waiting,
});
export type RetrievalExplainRequest = z.infer<typeof RetrievalExplainRequest>;

/** What a vector search is asked beside its vectors: the JSON tail of a vector frame (vector-frame.ts). */
export const VectorSearch = z.strictObject({
  environment: z.string().min(1).max(64),
  /** Name of what made the vectors; the index refuses those of another. */
  embedder: z.string().min(1).max(200),
  filter: Filter.nullable().default(null),
  exclude: Exclusions.prefault({ demonstrations: [], tasks: [], documents: [], episodes: [] }),
  minSequence: waiting.minSequence.default(null),
  deadlineMs: waiting.deadlineMs.default(10_000),
  mode: SearchMode.default("auto"),
  /** Candidates that a walk of the graph keeps; null: the index's own choice. */
  ef: z.int().min(1).max(10_000).nullable().default(null),
});
export type VectorSearch = z.infer<typeof VectorSearch>;

export const RetrievalHit = z.strictObject({
  demonstration: Demonstration,
  reference: RetrievedReference,
  /** Of what is returned: of the window where there is one. */
  tokens: z.int().nonnegative(),
  /** Observation indices, both inclusive, of the part that is returned; null: the whole. */
  window: z.strictObject({ from: z.int().nonnegative(), to: z.int().positive() }).nullable().default(null),
  /** What the hit was ordered by where lists were fused; null under the paper's ranking. */
  fused: z.number().nullable().default(null),
});
export type RetrievalHit = z.infer<typeof RetrievalHit>;

/** How an index keeps the rows that scores are made of: 4 bytes a component, or 2 and rounded. */
export const VectorStorage = z.enum(["f32", "bf16"]);
export type VectorStorage = z.infer<typeof VectorStorage>;

/** How an answer was found: for people, and for metrics. */
export const Explanation = z.strictObject({
  /** One entry per segment of the index that the dense retriever looked at or left out. */
  parts: z.array(
    z.strictObject({
      rows: z.int().nonnegative(),
      passing: z.int().nonnegative(),
      /** `fallback`: the graph's budget was spent first, so the rows were scanned. */
      strategy: z.enum(["exact", "graph", "fallback", "skip"]),
      visited: z.int().nonnegative(),
    }),
  ),
  microseconds: z.strictObject({
    filter: z.number().nonnegative(),
    exact: z.number().nonnegative(),
    lexical: z.number().nonnegative(),
    dense: z.number().nonnegative(),
    select: z.number().nonnegative(),
  }),
  /** Scores are exact with respect to rows kept so. */
  storage: VectorStorage.default("f32"),
});
export type Explanation = z.infer<typeof Explanation>;

export const RetrievalAnswer = z.strictObject({
  hits: z.array(RetrievalHit),
  /** Candidates that were left out, by reason. */
  dropped: z.strictObject({
    duplicate: z.int().nonnegative(),
    perTrajectory: z.int().nonnegative(),
    tokenBudget: z.int().nonnegative(),
  }),
  /** Demonstrations of the environment that pass the filter and the exclusions. */
  passing: z.int().nonnegative().default(0),
  /** Which graph segments took part: answers of one epoch and one sequence are equal. */
  epoch: z.string().default(""),
  explain: Explanation.nullable().default(null),
});
export type RetrievalAnswer = z.infer<typeof RetrievalAnswer>;

export const RetrievalReply = z.strictObject({
  v: z.literal(1),
  kind: z.literal("retrieval.found"),
  answers: z.array(RetrievalAnswer),
  /** Sequence of the demonstrations stream that the index had applied. */
  indexSequence: z.int().nonnegative(),
  /** Name and version of embedder and lexical rules; answers of different versions are not comparable. */
  indexVersion: z.string(),
  tokenizer: z.string(),
  tookMs: z.number().nonnegative(),
});
export type RetrievalReply = z.infer<typeof RetrievalReply>;

export const RetrievalGetRequest = z.strictObject({
  v: z.literal(1),
  kind: z.literal("retrieval.get"),
  ids: z.array(DemonstrationId).min(1).max(100),
});
export type RetrievalGetRequest = z.infer<typeof RetrievalGetRequest>;

export const RetrievalGetReply = z.strictObject({
  v: z.literal(1),
  kind: z.literal("retrieval.got"),
  demonstrations: z.array(Demonstration),
  missing: z.array(DemonstrationId),
});
export type RetrievalGetReply = z.infer<typeof RetrievalGetReply>;

export const RetrievalStatsRequest = z.strictObject({ v: z.literal(1), kind: z.literal("retrieval.stats") });
export type RetrievalStatsRequest = z.infer<typeof RetrievalStatsRequest>;

export const RetrievalStats = z.strictObject({
  v: z.literal(1),
  kind: z.literal("retrieval.statistics"),
  demonstrations: z.int().nonnegative(),
  byEnvironment: z.record(z.string(), z.int().nonnegative()),
  indexSequence: z.int().nonnegative(),
  /** Messages of the stream not yet applied. */
  lag: z.int().nonnegative(),
  indexVersion: z.string(),
  segments: z.int().nonnegative().default(0),
  /** Rows searched through a graph, rows scanned exactly, and rows replaced or retired but not yet merged away. */
  graphRows: z.int().nonnegative().default(0),
  scanRows: z.int().nonnegative().default(0),
  deadRows: z.int().nonnegative().default(0),
  epoch: z.string().default(""),
  residentBytes: z.int().nonnegative().default(0),
  mappedBytes: z.int().nonnegative().default(0),
  /** How rows are kept, and what they take of these bytes. */
  storage: VectorStorage.default("f32"),
  rowBytes: z.int().nonnegative().default(0),
});
export type RetrievalStats = z.infer<typeof RetrievalStats>;

export const RetrievalHealthRequest = z.strictObject({ v: z.literal(1), kind: z.literal("retrieval.health") });
export type RetrievalHealthRequest = z.infer<typeof RetrievalHealthRequest>;

export const RetrievalHealth = z.strictObject({
  v: z.literal(1),
  kind: z.literal("retrieval.condition"),
  ready: z.boolean(),
  /** Sequence of the demonstrations stream that is applied. */
  sequence: z.int().nonnegative(),
  /** Messages of the stream not yet applied; null: the stream could not be asked. */
  lag: z.int().nonnegative().nullable(),
  epoch: z.string(),
  /** Why it is not ready, or what is wrong nevertheless. */
  problem: z.string().max(4_000).nullable(),
});
export type RetrievalHealth = z.infer<typeof RetrievalHealth>;
