// The service's endpoints without a bus; on a real one in test/integration/retrieval-*.test.ts.
// Requirements: 4.7.service, 4.7.overload, 4.7.binary
import {
  decode,
  HindcastError,
  limits,
  RetrievalGetReply,
  RetrievalHealth,
  RetrievalReply,
  RetrievalStats,
  type RetrievalQuery,
  type RetrievalVerb,
} from "@hindcast/shared";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aDemonstrationOf } from "../../test/support/retrieval.ts";
import { aService, getOf, projection, question, searchOf } from "../../test/support/retrieval-service.ts";
import { aScriptedIndex, anAnswer } from "../../test/support/scripted-index.ts";
import type { RetrievalServiceOptions } from "./retrieval-service.ts";

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
  // 2 s where nothing else runs.
}, 60_000);

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
