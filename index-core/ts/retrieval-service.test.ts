// The service's endpoints without a bus; on a real one in test/integration/retrieval-*.test.ts.
// Requirements: 4.7.service, 4.7.overload, 4.7.binary, 4.8.metrics
import {
  decode,
  decodeVectorAnswer,
  encodeVectorQuestion,
  HindcastError,
  limits,
  RetrievalGetReply,
  RetrievalHealth,
  type RetrievalQuery,
  RetrievalReply,
  RetrievalStats,
  type RetrievalVerb,
} from "@hindcast/shared";
import fc from "fast-check";
import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { aDemonstrationOf, aRetrievalQuery } from "../../test/support/retrieval.ts";
import { aScriptedIndex, anAnswer, type ScriptedIndex } from "../../test/support/scripted-index.ts";
import type { VectorsAnswer, VectorsRequest } from "./retrieval-index.ts";
import { RetrievalMetrics } from "./retrieval-metrics.ts";
import { RetrievalService, type RetrievalServiceOptions } from "./retrieval-service.ts";

const never = new AbortController().signal;
const projection: RetrievalServiceOptions["projection"] = {
  appliedSequence: 7,
  reached: (_, signal) =>
    new Promise((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }),
    ),
  lag: () => Promise.resolve(0),
};

function aService(partial: Partial<RetrievalServiceOptions> = {}): {
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

const searchOf = (queries: Partial<RetrievalQuery>[], more: object = {}): object => ({
  v: 1,
  kind: "retrieval.search",
  queries: queries.map(aRetrievalQuery),
  minSequence: null,
  deadlineMs: 1_000,
  ...more,
});
const vectors = (...firsts: number[]): Float32Array => {
  const all = new Float32Array(firsts.length * 1_024);
  for (const [query, first] of firsts.entries()) all[query * 1_024] = first;
  return all;
};
const question = (firsts: number[], search: object = {}): Uint8Array =>
  encodeVectorQuestion({
    dimensions: 1_024,
    k: 3,
    vectors: vectors(...firsts),
    search: { environment: "shell", embedder: "hash-v1", ...search },
  });

const getOf = (ids: readonly string[]): object => ({ v: 1, kind: "retrieval.get", ids });

describe("joined requests", () => {
  test("of one turn reach the index as one call, each with its own answers", async () => {
    const { index, ask } = aService();
    const replies = await Promise.all(
      ["a", "b", "c"].map((query) => ask("search", searchOf([{ query }, { query: `${query}2` }]))),
    );
    expect(index.searches.map((queries) => queries.length)).toEqual([6]);
    expect(replies.map((bytes) => decode(RetrievalReply, bytes).answers.map(({ epoch }) => epoch))).toEqual([
      ["a", "a2"],
      ["b", "b2"],
      ["c", "c2"],
    ]);
  });

  test("of which one is refused leave the others their answers", async () => {
    const refusal = new HindcastError({ code: "INDEX_INVALID", boundary: "index", message: "no such column" });
    const search = async (queries: readonly RetrievalQuery[]): Promise<ReturnType<typeof anAnswer>[]> =>
      queries.some(({ query }) => query === "bad") ? await Promise.reject(refusal) : queries.map(() => anAnswer());
    const { ask } = aService({ index: aScriptedIndex({ search }) });
    const outcomes = await Promise.allSettled(
      ["ok", "bad", "fine"].map((query) => ask("search", searchOf([{ query }]))),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(outcomes[1]).toMatchObject({ reason: { code: "INDEX_INVALID" } });
  });

  test("for vectors share a call only where they ask for the same", async () => {
    const { index, ask } = aService();
    const replies = await Promise.all([
      ask("vectors", question([1, 2])),
      ask("vectors", question([3])),
      ask("vectors", question([4], { environment: "web" })),
    ]);
    expect(index.vectorSearches.map(({ environment, vectors: { length } }) => [environment, length / 1_024])).toEqual([
      ["shell", 3],
      ["web", 1],
    ]);
    expect(replies.map((bytes) => decodeVectorAnswer(bytes).ids)).toEqual([
      ["demo-1", "demo-2"],
      ["demo-3"],
      ["demo-4"],
    ]);
  });
});

test("explain forces the explanation on; a search gets none that it did not ask for", async () => {
  const explain = {
    parts: [{ rows: 9, passing: 5, strategy: "graph" as const, visited: 3 }],
    microseconds: { filter: 1, exact: 2, lexical: 3, dense: 4, select: 5 },
    storage: "bf16" as const,
  };
  const search = (queries: readonly RetrievalQuery[]): Promise<ReturnType<typeof anAnswer>[]> =>
    Promise.resolve(queries.map((query) => anAnswer({ passing: 5, explain: query.explain ? explain : null })));
  const { ask, registry } = aService({ index: aScriptedIndex({ search }) });
  const plain = decode(RetrievalReply, await ask("search", searchOf([{ query: "q" }])));
  expect(plain.answers[0]).toMatchObject({ passing: 5, explain: null });
  const asked = decode(
    RetrievalReply,
    await ask("explain", { ...searchOf([{ query: "q" }]), kind: "retrieval.explain" }),
  );
  expect(asked.answers[0]?.explain).toEqual(explain);
  const eleven = searchOf(Array.from({ length: 11 }, () => ({})));
  await expect(ask("explain", { ...eleven, kind: "retrieval.explain" })).rejects.toMatchObject({
    code: "PROTOCOL_INVALID",
  });
  const text = await registry.metrics();
  expect(text).toMatch(/hindcast_retrieval_stage_seconds_count\{stage="dense",strategy="graph"\} 2/);
  expect(text).toMatch(/hindcast_retrieval_passing_rows_sum 10/);
});

test("vectors of another embedder or size are refused with both named, and counted", async () => {
  const { ask, registry } = aService();
  await expect(ask("vectors", question([1], { embedder: "gemini-embedding-2" }))).rejects.toMatchObject({
    code: "INDEX_INVALID",
    message: expect.stringMatching(/gemini-embedding-2 with 1024 dimensions .* hash-v1 with 1024/),
  });
  const short = encodeVectorQuestion({
    dimensions: 2,
    k: 1,
    vectors: Float32Array.of(1, 0),
    search: { environment: "shell", embedder: "hash-v1" },
  });
  await expect(ask("vectors", short)).rejects.toMatchObject({ message: expect.stringMatching(/with 2 dimensions/) });
  await expect(ask("vectors", Uint8Array.of(1, 1))).rejects.toMatchObject({ code: "PROTOCOL_INVALID" });
  const text = await registry.metrics();
  for (const reason of ["dimension", "embedder", "frame"]) {
    expect(text).toContain(`hindcast_retrieval_rejected_total{reason="${reason}"} 1\n`);
  }
});

test("a vector search is made on the event loop where the ones before were over soon", async () => {
  const took = { there: 10_000, here: 50 };
  const calls: string[] = [];
  const answered = (where: keyof typeof took, { vectors: asked }: VectorsRequest): VectorsAnswer => {
    calls.push(where);
    const queries = asked.length / 1_024;
    const scores = new Float32Array(queries);
    const ids = Array.from({ length: queries }, () => where);
    const counts = new Uint32Array(queries).fill(1);
    return { ids, scores, counts, passing: 1, epoch: "e", microseconds: took[where] * queries };
  };
  const searchVectors = (request: VectorsRequest): Promise<VectorsAnswer> =>
    Promise.resolve(answered("there", request));
  const searchVectorsHere = (request: VectorsRequest): VectorsAnswer => answered("here", request);
  const { ask } = aService({ index: aScriptedIndex({ searchVectors, searchVectorsHere }) });
  const where = async (firsts: number[], search: object = {}): Promise<string[]> =>
    decodeVectorAnswer(await ask("vectors", question(firsts, search))).ids;

  // Nothing is known, and then that they are long.
  expect(await where([1])).toEqual(["there"]);
  expect(await where([1])).toEqual(["there"]);
  took.there = 50;
  for (let n = 0; n < 60; n += 1) await where([1]);
  expect(calls.at(-1)).toBe("here");
  // Many are not over soon, and other kinds are not known.
  expect(await where([1, 2, 3])).toEqual(["here", "here", "here"]);
  expect(await where([1, 2, 3, 4, 5])).toEqual(Array.from({ length: 5 }, () => "there"));
  expect(await where([1], { environment: "web" })).toEqual(["there"]);
  expect(await where([1], { ef: 1_000 })).toEqual(["there"]);
  took.here = 5_000;
  expect(await where([1])).toEqual(["here"]);
  expect(await where([1])).toEqual(["there"]);
});

test("vectors whose hits fit no message are refused before all of them are searched; few hits are not", async () => {
  const [queries, k] = [200, limits.vectorHitsMax];
  let each: number = k;
  const index = aScriptedIndex({
    searchVectors: ({ vectors: { length } }) => {
      const asked = length / 1_024;
      const ids = Array.from({ length: asked * each }, (_, n) => `demo-${n}`);
      const counts = new Uint32Array(asked).fill(each);
      const scores = new Float32Array(ids.length);
      return Promise.resolve({ ids, scores, counts, passing: each, epoch: "e", microseconds: 1e6 });
    },
  });
  const { ask } = aService({ index });
  const search = { environment: "shell", embedder: "hash-v1" };
  const firsts = Array.from({ length: queries }, (_, n) => n + 1);
  const large = encodeVectorQuestion({ dimensions: 1_024, k, vectors: vectors(...firsts), search });
  const sizes = (): number[] => index.vectorSearches.splice(0).map((request) => request.vectors.length / 1_024);
  await expect(ask("vectors", large)).rejects.toMatchObject({
    code: "PROTOCOL_TOO_LARGE",
    message: expect.stringMatching(/^200 queries of 1000 hits each .* ask for fewer queries or hits at once$/),
  });
  expect(sizes()).toEqual([1]);
  each = 2;
  expect(decodeVectorAnswer(await ask("vectors", large)).ids).toHaveLength(queries * each);
  expect(sizes()).toEqual([1, queries]);
});

test("demonstrations that fit no reply are refused, with what to do about it", async () => {
  const long = aDemonstrationOf(1, { initial: "x".repeat(100_000) });
  const { ask } = aService({ index: aScriptedIndex({ get: (ids) => Promise.resolve(ids.map(() => long)) }) });
  const ids = Array.from({ length: 20 }, (_, n) => `demo-${n}`);
  await expect(ask("get", getOf(ids))).rejects.toMatchObject({
    code: "PROTOCOL_TOO_LARGE",
    message: expect.stringMatching(/^20 demonstrations take \d+ bytes, .* ask for fewer at once$/),
  });
  const { demonstrations } = decode(RetrievalGetReply, await ask("get", getOf(ids.slice(0, 2))));
  expect(demonstrations).toEqual([long, long]);
});

test("beyond the cap a search is refused at once, and accepted again when there is room", async () => {
  const gate = Promise.withResolvers<void>();
  const search = async (queries: readonly RetrievalQuery[]): Promise<ReturnType<typeof anAnswer>[]> => {
    await gate.promise;
    return queries.map(() => anAnswer());
  };
  const { ask } = aService({ index: aScriptedIndex({ search }) });
  const held = Array.from({ length: limits.retrievalInFlightMax }, () => ask("search", searchOf([{}])));
  await expect(ask("search", searchOf([{}]))).rejects.toMatchObject({ code: "INDEX_OVERLOADED", retryable: true });
  await expect(ask("vectors", question([1]))).rejects.toMatchObject({ code: "INDEX_OVERLOADED" });
  await expect(ask("get", getOf(["demo-1"]))).rejects.toMatchObject({ code: "INDEX_OVERLOADED" });
  gate.resolve();
  await Promise.all(held);
  await expect(ask("search", searchOf([{}]))).resolves.toBeDefined();
});

test("what waits for a sequence is answered when the replica stops, and when the deadline passes", async () => {
  const stop = new AbortController();
  const { ask } = aService({ stopping: stop.signal });
  const waiting = ask("search", searchOf([{}], { minSequence: 9, deadlineMs: 60_000 }));
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ code: "INDEX_NOT_READY", retryable: true });
  const { ask: other } = aService();
  await expect(other("search", searchOf([{}], { minSequence: 9, deadlineMs: 5 }))).rejects.toMatchObject({
    code: "INDEX_NOT_READY",
    message: expect.stringContaining("the index is at 7"),
  });
});

test("health says what is wrong; stats say what there is", async () => {
  const { ask } = aService();
  const request = { v: 1, kind: "retrieval.health" };
  expect(decode(RetrievalHealth, await ask("health", request))).toEqual({
    v: 1,
    kind: "retrieval.condition",
    ready: true,
    sequence: 7,
    lag: 0,
    epoch: "e1",
    problem: null,
  });
  const lost = { ...projection, lag: () => Promise.reject(new Error("no stream")) };
  const { ask: ill } = aService({ projection: lost });
  expect(decode(RetrievalHealth, await ill("health", request))).toMatchObject({
    ready: false,
    lag: null,
    problem: "the stream cannot be asked: no stream",
  });
  const behind = { ...projection, lag: () => Promise.resolve(limits.indexLagMax + 1) };
  const { ask: late } = aService({ projection: behind });
  expect(decode(RetrievalHealth, await late("health", request))).toMatchObject({ ready: false, lag: 10_001 });
  const stats = decode(RetrievalStats, await ask("stats", { v: 1, kind: "retrieval.stats" }));
  expect(stats).toMatchObject({ segments: 2, graphRows: 1, scanRows: 2, deadRows: 1, mappedBytes: 2_000, epoch: "e1" });
});

test("an external embedder makes the queries' vectors, each text once", async () => {
  const given: (readonly (Float32Array | null)[])[] = [];
  const texts: string[][] = [];
  const index = aScriptedIndex({
    search: (queries, made = []) => {
      given.push(made);
      return Promise.resolve(queries.map(() => anAnswer()));
    },
  });
  const { ask } = aService({
    index,
    embedder: {
      name: "scripted",
      dimensions: 2,
      embed: (asked) => {
        texts.push(asked);
        return Promise.resolve(asked.map((text) => Float32Array.of(text.length, 1)));
      },
    },
  });
  await ask(
    "search",
    searchOf([{ query: "aa" }, { query: null, observation: "seen" }, { query: "b" }, { query: "aa" }]),
  );
  expect(texts).toEqual([["aa", "b"]]);
  expect(given).toEqual([[Float32Array.of(2, 1), null, Float32Array.of(1, 1), Float32Array.of(2, 1)]]);
});

test("any bytes on any subject are answered or refused with a typed error, never with a fault of ours", async () => {
  const { ask } = aService();
  const verbs: RetrievalVerb[] = ["search", "get", "stats", "explain", "health", "vectors"];
  const envelope = fc
    .tuple(fc.constantFrom(...verbs), fc.json({ maxDepth: 4 }), fc.json({ maxDepth: 4 }))
    .map(([verb, queries, more]) => `{"v":1,"kind":"retrieval.${verb}","queries":${queries},"filter":${more}}`);
  const wild = fc
    .tuple(fc.constantFrom("environment", "observation", "filter", "exclude", "ranking", "window", "mode"), fc.json())
    .map(([field, value]) =>
      JSON.stringify(searchOf([{}])).replace(new RegExp(`"${field}":[^,]+`), () => `"${field}":${value}`),
    );
  const payloads = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .oneof(fc.string({ unit: "binary" }), fc.json(), envelope, wild)
      .map((text) => Uint8Array.from(Buffer.from(text))),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...verbs), payloads, async (verb, payload) => {
      const outcome = await ask(verb, payload).catch((error: unknown) => error);
      if (outcome instanceof Uint8Array) return;
      expect(outcome).toBeInstanceOf(HindcastError);
      expect((outcome as HindcastError).code).toMatch(/^PROTOCOL_/);
    }),
    { numRuns: 1_500 },
  );
});

test("metrics say how the index is, with bounded labels", async () => {
  const { ask, registry } = aService();
  await ask("search", searchOf([{ query: "q" }]));
  const text = await registry.metrics();
  for (const line of [
    "hindcast_retrieval_recall 0.97",
    "hindcast_retrieval_recall_sampled_total 10",
    "hindcast_retrieval_recall_wanted_total 100",
    "hindcast_retrieval_recall_found_total 97",
    'hindcast_retrieval_searches_total{strategy="graph"} 6',
    "hindcast_retrieval_repaired_links_total 4",
    "hindcast_retrieval_dead_ratio 0.25",
    "hindcast_retrieval_scan_rows 2",
    "hindcast_retrieval_resident_bytes 1000",
    "hindcast_retrieval_mapped_bytes 2000",
    "hindcast_retrieval_lag 0",
    'hindcast_retrieval_batch_requests_count{kind="search"} 1',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
  // Scraped again, what the index counts is not added twice.
  expect(await registry.metrics()).toContain('hindcast_retrieval_searches_total{strategy="graph"} 6\n');
});

test("two scrapes at once do not add to each other", async () => {
  const { registry } = aService();
  for (const text of await Promise.all([registry.metrics(), registry.metrics()])) {
    expect(text).toContain('hindcast_retrieval_searches_total{strategy="graph"} 6\n');
    expect(text).toContain("hindcast_retrieval_repaired_links_total 4\n");
  }
});

test("a lag that NATS does not tell holds up no scrape, and is asked for once", async () => {
  const registry = new Registry();
  const metrics = new RetrievalMetrics(registry);
  const answers: ((lag: number) => void)[] = [];
  const lag = (): Promise<number> => new Promise((resolve) => answers.push(resolve));
  metrics.observe(aScriptedIndex(), { appliedSequence: 7, lag }, 20);
  for (let scrape = 0; scrape < 3; scrape += 1) {
    const text = await registry.metrics();
    expect(text).toContain("hindcast_retrieval_lag Nan\n");
    expect(text).toContain("hindcast_retrieval_sequence 7\n");
  }
  expect(answers).toHaveLength(1);
  answers[0]?.(3);
  await expect.poll(async () => (await registry.metrics(), answers.length)).toBe(2);
});

test("searches whose embedding is given up may be tried again, and are not embedded twice", async () => {
  const stop = new AbortController();
  let calls = 0;
  const embedder: RetrievalServiceOptions["embedder"] = {
    name: "scripted",
    dimensions: 2,
    embed: (_texts, _purpose, signal) => {
      calls += 1;
      return new Promise((_, reject) => {
        if (signal.aborted) reject(signal.reason as Error);
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
    },
  };
  const { ask } = aService({ stopping: stop.signal, embedder });
  const asked = Promise.allSettled(["a", "b"].map((query) => ask("search", searchOf([{ query }]))));
  setTimeout(() => stop.abort(new Error("draining")), 20);
  for (const one of await asked) expect(one).toMatchObject({ reason: { code: "INDEX_NOT_READY", retryable: true } });
  expect(calls).toBe(1);
});
