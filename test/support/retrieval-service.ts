// A retrieval service over a scripted index, asked without a bus.
import { encodeVectorQuestion, type RetrievalQuery, type RetrievalVerb } from "@hindcast/shared";
import { Registry } from "prom-client";
import { RetrievalMetrics } from "../../index-core/ts/retrieval-metrics.ts";
import { RetrievalService, type RetrievalServiceOptions } from "../../index-core/ts/retrieval-service.ts";
import { aRetrievalQuery } from "./retrieval.ts";
import { aScriptedIndex, type ScriptedIndex } from "./scripted-index.ts";

export const never = new AbortController().signal;
export const projection: RetrievalServiceOptions["projection"] = {
  appliedSequence: 7,
  reached: (_, signal) =>
    new Promise((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }),
    ),
  lag: () => Promise.resolve(0),
};

export function aService(partial: Partial<RetrievalServiceOptions> = {}): {
  index: ScriptedIndex;
  registry: Registry;
  ask: (verb: RetrievalVerb, payload: object | Uint8Array, signal?: AbortSignal) => Promise<Uint8Array>;
} {
  const index = (partial.index as ScriptedIndex | undefined) ?? aScriptedIndex();
  const registry = new Registry();
  const metrics = new RetrievalMetrics(registry);
  metrics.observe(index, projection);
  const { endpoints } = new RetrievalService({ index, projection, metrics, ...partial }).describe();
  return {
    index,
    registry,
    ask: async (verb, payload, signal = never) => {
      const bytes = payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload));
      return await endpoints.find(({ name }) => name === verb)!.handle(bytes, signal);
    },
  };
}

export const searchOf = (queries: Partial<RetrievalQuery>[], more: object = {}): object => ({
  v: 1,
  kind: "retrieval.search",
  queries: queries.map(aRetrievalQuery),
  minSequence: null,
  deadlineMs: 1_000,
  ...more,
});
export const vectors = (...firsts: number[]): Float32Array => {
  const all = new Float32Array(firsts.length * 1_024);
  for (const [query, first] of firsts.entries()) all[query * 1_024] = first;
  return all;
};
export const question = (firsts: number[], search: object = {}): Uint8Array =>
  encodeVectorQuestion({
    dimensions: 1_024,
    k: 3,
    vectors: vectors(...firsts),
    search: { environment: "shell", embedder: "hash-v1", ...search },
  });

export const getOf = (ids: readonly string[]): object => ({ v: 1, kind: "retrieval.get", ids });
