// Hindcast's records as the native index takes them, and its errors as HindcastErrors.
import { inspect } from "node:util";
import {
  actionText,
  type Demonstration,
  ErrorCode,
  HindcastError,
  messageOf,
  observationsOf,
  observationText,
  type RetrievalQuery,
} from "@hindcast/shared";
import { z } from "zod";
import { checked, WellFormed } from "./checked.ts";
import type { CollectionFilter } from "./collection.ts";
import { tokensOf } from "./demonstration-tokens.ts";
import { indexError } from "./index-error.ts";
import type { NativeFilter, NativeQuery } from "./native.d.ts";

/** A row of `NativeIndex.upsert`, which takes them as JSON. */
export interface NativeDemonstration {
  id: string;
  environment: string;
  campaign: string;
  document: string;
  task: string;
  episode: string;
  kind: string;
  replay: string;
  models: string[];
  benchmark: string | null;
  application: string | null;
  split: string | null;
  utility: number;
  instruction: string;
  actions: string[];
  observations: string[];
  summaries: string[];
  tokens: number[];
  payload: string;
}

export function toNativeDemonstration(demonstration: Demonstration): NativeDemonstration {
  const { lineage, instruction, steps, answer } = demonstration;
  const actions = steps.map((step) => actionText(step.action));
  if (answer !== null) actions.push(actionText({ kind: "stop", answer }));
  return {
    id: demonstration.id,
    environment: demonstration.environment.toWellFormed(),
    campaign: demonstration.campaignId,
    document: lineage.documentId,
    task: lineage.taskId,
    episode: lineage.episodeId,
    kind: instruction.kind,
    replay: demonstration.replay,
    models: wellFormed([...new Set(Object.values(lineage.models))]),
    benchmark: demonstration.benchmark?.toWellFormed() ?? null,
    application: demonstration.application?.toWellFormed() ?? null,
    split: demonstration.split?.toWellFormed() ?? null,
    utility: demonstration.utility ?? (demonstration.score - 1) / 4,
    instruction: instruction.text.toWellFormed(),
    actions: wellFormed(actions),
    observations: wellFormed(observationsOf(demonstration).map(observationText)),
    summaries: wellFormed(steps.map((step) => step.summary)),
    tokens: tokensOf(demonstration),
    payload: JSON.stringify(demonstration),
  };
}

/** Half a surrogate pair, where a model's text was cut, must not keep a demonstration out: it is indexed as U+FFFD. */
const wellFormed = (texts: readonly string[]): string[] => texts.map((text) => text.toWellFormed());

export const noExclusions = { demonstrations: [], tasks: [], documents: [], episodes: [] };

export function toNativeQuery(query: RetrievalQuery, vector: Float32Array | null): NativeQuery {
  const { filter, ranking, explain: _, ...rest } = query;
  const { fusion, rrfK, mmrLambda, utilityWeight } = ranking;
  if (fusion === "paper" && (mmrLambda !== null || utilityWeight > 0)) {
    throw indexError("INDEX_INVALID", 'mmrLambda and utilityWeight re-order fused lists; set fusion to "rrf"');
  }
  return {
    ...rest,
    vector,
    ranking: { isFused: fusion === "rrf", rrfK, mmrLambda, utilityWeight },
    filter: filter === null ? null : toNativeFilter(filter),
  };
}

/** The native index refuses deeper filters; checked before a recursion of its own reads them. */
const filterDepthMax = 32;

const Bound = z.number().nullable();
const Eq = z.strictObject({ eq: z.tuple([WellFormed, WellFormed]) });
const In = z.strictObject({ in: z.tuple([WellFormed, z.array(WellFormed)]) });
const Range = z.strictObject({ range: z.tuple([WellFormed, z.strictObject({ min: Bound, max: Bound })]) });

/** @throws INDEX_INVALID for a filter that is nested too deeply or is none. */
export function toNativeFilter(filter: CollectionFilter, depth = 1): NativeFilter {
  if (depth > filterDepthMax) {
    throw indexError("INDEX_INVALID", `a filter is nested deeper than ${filterDepthMax}`);
  }
  const inner = (one: CollectionFilter): NativeFilter => toNativeFilter(one, depth + 1);
  const none = { column: "", values: [], min: null, max: null, filters: [] };
  if (typeof filter !== "object" || filter === null || Object.keys(filter).length !== 1) throw noFilter(filter);
  if ("and" in filter && Array.isArray(filter.and)) return { ...none, operator: "and", filters: filter.and.map(inner) };
  if ("or" in filter && Array.isArray(filter.or)) return { ...none, operator: "or", filters: filter.or.map(inner) };
  if ("not" in filter) return { ...none, operator: "not", filters: [inner(filter.not)] };
  if ("eq" in filter) {
    const [column, value] = checked(Eq, filter).eq;
    return { ...none, operator: "in", column, values: [value] };
  }
  if ("in" in filter) {
    const [column, values] = checked(In, filter).in;
    return { ...none, operator: "in", column, values };
  }
  if ("range" in filter) {
    const [column, { min, max }] = checked(Range, filter).range;
    return { ...none, operator: "range", column, min, max };
  }
  throw noFilter(filter);
}

function noFilter(filter: CollectionFilter): HindcastError {
  const shown = inspect(filter, { depth: 1, breakLength: Number.POSITIVE_INFINITY }).slice(0, 200);
  return indexError("INDEX_INVALID", `${shown} is no filter: one of eq, in, range, and, or, not`);
}

/** Native errors read `CODE: sentence`; what the border itself refuses is malformed input. */
export function fromNativeError(error: unknown): HindcastError {
  if (error instanceof HindcastError) return error;
  const [, code, message] = /^([A-Z_]+): (.*)$/s.exec(messageOf(error)) ?? [];
  const known = ErrorCode.safeParse(code);
  if (known.success && message !== undefined) return indexError(known.data, message, error);
  const isRefusal = error instanceof Error && "code" in error && refusals.has(String(error.code));
  return indexError(isRefusal ? "INDEX_INVALID" : "INTERNAL", messageOf(error), error);
}

/** Status names of Node-API for arguments of a wrong type. */
const refusals = new Set([
  "InvalidArg",
  "ObjectExpected",
  "StringExpected",
  "NumberExpected",
  "ArrayExpected",
  "BooleanExpected",
]);
