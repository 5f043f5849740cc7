// Searches for vectors: what they share, where they run and what is refused.
// Requirements: 4.7.binary, 4.7.service
import { decodeVectorAnswer, encodeVectorQuestion, limits } from "@hindcast/shared";
import { expect, test } from "vitest";
import { aService, question, vectors } from "../../test/support/retrieval-service.ts";
import { aScriptedIndex } from "../../test/support/scripted-index.ts";
import type { VectorsAnswer, VectorsRequest } from "./retrieval-index.ts";

test("joined requests for vectors share a call only where they ask for the same", async () => {
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
  expect(replies.map((bytes) => decodeVectorAnswer(bytes).ids)).toEqual([["demo-1", "demo-2"], ["demo-3"], ["demo-4"]]);
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
