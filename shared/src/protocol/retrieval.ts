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
]);
export type FilterColumn = z.infer<typeof FilterColumn>;

export type Filter =
  | { eq: [FilterColumn, string] }
  | { in: [FilterColumn, string[]] }
  | { and: Filter[] }
  | { or: Filter[] }
  | { not: Filter };

export const Filter: z.ZodType<Filter> = z.lazy(() =>
  z.union([
    z.strictObject({ eq: z.tuple([FilterColumn, z.string().max(256)]) }),
    z.strictObject({ in: z.tuple([FilterColumn, strings]) }),
    z.strictObject({ and: z.array(Filter).max(32) }),
    z.strictObject({ or: z.array(Filter).max(32) }),
    z.strictObject({ not: Filter }),
  ]),
);

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
  /** The leakage guard. */
  exclude: z.strictObject({ demonstrations: strings, tasks: strings, documents: strings, episodes: strings }),
  perTrajectoryMax: z.int().min(1).max(50),
  /** Whole answer, by `estimateTokens` over `demonstrationText`; results that do not fit are dropped and counted. */
  tokenBudget: z.int().min(1).max(1_000_000),
});
export type RetrievalQuery = z.infer<typeof RetrievalQuery>;

export const RetrievalRequest = z.strictObject({
  v: z.literal(1),
  kind: z.literal("retrieval.search"),
  queries: z.array(RetrievalQuery).min(1).max(100),
  /** Read-your-writes: answer only from an index that has applied this sequence of the demonstrations stream. */
  minSequence: z.int().nonnegative().nullable(),
  /** The service gives up with INDEX_NOT_READY when `minSequence` is not reached by then. */
  deadlineMs: z.int().min(1).max(60_000),
});
export type RetrievalRequest = z.infer<typeof RetrievalRequest>;

export const RetrievalHit = z.strictObject({
  demonstration: Demonstration,
  reference: RetrievedReference,
  tokens: z.int().nonnegative(),
});
export type RetrievalHit = z.infer<typeof RetrievalHit>;

export const RetrievalAnswer = z.strictObject({
  hits: z.array(RetrievalHit),
  /** Candidates that were left out, by reason. */
  dropped: z.strictObject({
    duplicate: z.int().nonnegative(),
    perTrajectory: z.int().nonnegative(),
    tokenBudget: z.int().nonnegative(),
  }),
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
});
export type RetrievalStats = z.infer<typeof RetrievalStats>;
