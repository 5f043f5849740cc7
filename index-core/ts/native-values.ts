// Hindcast's records as the native index takes them, and its errors as HindcastErrors.
import {
  actionText,
  type Demonstration,
  demonstrationText,
  ErrorCode,
  estimateTokens,
  type Filter,
  HindcastError,
  messageOf,
  observationsOf,
  observationText,
  type RetrievalQuery,
} from "@hindcast/shared";
import type { NativeDemonstration, NativeFilter, NativeQuery } from "./native.d.ts";

export function toNativeDemonstration(demonstration: Demonstration): NativeDemonstration {
  const { lineage, instruction, steps, answer } = demonstration;
  const actions = steps.map((step) => actionText(step.action));
  if (answer !== null) actions.push(actionText({ kind: "stop", answer }));
  return {
    id: demonstration.id,
    environment: demonstration.environment,
    campaign: demonstration.campaignId,
    document: lineage.documentId,
    task: lineage.taskId,
    episode: lineage.episodeId,
    kind: instruction.kind,
    replay: demonstration.replay,
    models: [...new Set(Object.values(lineage.models))],
    instruction: instruction.text,
    actions,
    observations: observationsOf(demonstration).map(observationText),
    summaries: steps.map((step) => step.summary),
    tokens: estimateTokens(demonstrationText(demonstration)),
    payload: JSON.stringify(demonstration),
  };
}

/** The native index refuses deeper filters; checked before a recursion of its own reads them. */
const filterDepthMax = 32;

export function toNativeQuery(query: RetrievalQuery): NativeQuery {
  const { filter, ...rest } = query;
  return { ...rest, filter: filter === null ? null : toNativeFilter(filter, 1) };
}

/** @throws INDEX_INVALID for a filter that is nested too deeply. */
function toNativeFilter(filter: Filter, depth: number): NativeFilter {
  if (depth > filterDepthMax) {
    const message = `a filter is nested deeper than ${filterDepthMax}`;
    throw new HindcastError({ code: "INDEX_INVALID", boundary: "index", message });
  }
  const inner = (one: Filter): NativeFilter => toNativeFilter(one, depth + 1);
  const none = { column: "", values: [], filters: [] };
  if ("eq" in filter) return { ...none, operator: "in", column: filter.eq[0], values: [filter.eq[1]] };
  if ("in" in filter) return { ...none, operator: "in", column: filter.in[0], values: filter.in[1] };
  if ("and" in filter) return { ...none, operator: "and", filters: filter.and.map(inner) };
  if ("or" in filter) return { ...none, operator: "or", filters: filter.or.map(inner) };
  return { ...none, operator: "not", filters: [inner(filter.not)] };
}

/** Native errors read `CODE: sentence`. */
export function fromNativeError(error: unknown): HindcastError {
  if (error instanceof HindcastError) return error;
  const [, code, message] = /^([A-Z_]+): (.*)$/s.exec(messageOf(error)) ?? [];
  const known = ErrorCode.safeParse(code);
  return new HindcastError({
    code: known.success ? known.data : "INTERNAL",
    boundary: "index",
    message: known.success && message !== undefined ? message : messageOf(error),
    cause: error,
  });
}
