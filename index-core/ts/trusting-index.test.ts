// What the facade checks and this does not is in demonstration-index.test.ts.
// Requirements: 3.8.index, 4.bad-input
import { expect, onTestFinished, test } from "vitest";
import { aDemonstrationOf, aRetrievalQuery } from "../../test/support/retrieval.ts";
import { DemonstrationIndex, embed } from "./demonstration-index.ts";
import { loadNative } from "./load-native.ts";
import { toNativeDemonstration } from "./native-values.ts";
import type { VectorsRequest } from "./retrieval-index.ts";

const exclude = { demonstrations: [], tasks: [], documents: [], episodes: [] };

async function anIndex(demonstrations: number): Promise<DemonstrationIndex> {
  const index = await DemonstrationIndex.open();
  onTestFinished(async () => await index.close());
  await index.upsert(Array.from({ length: demonstrations }, (_, n) => aDemonstrationOf(n)));
  return index;
}

async function aRequest(partial: Partial<VectorsRequest> = {}): Promise<VectorsRequest> {
  const { environment } = aDemonstrationOf(1);
  const vectors = await embed(["list the files", "remove a folder", "count words"]);
  return { environment, embedder: "hash-v1", vectors, k: 4, filter: null, exclude, ...partial };
}

test.each([
  ["there are more hits than wanted", 20, {}],
  ["there are fewer", 2, {}],
  ["nothing passes", 5, { filter: { eq: ["environment", "none"] } }],
  ["the environment is unknown", 5, { environment: "none" }],
] as const)("a search in the calling thread finds the same where %s", async (_, demonstrations, partial) => {
  const { trusting } = await anIndex(demonstrations);
  const request = await aRequest(partial as Partial<VectorsRequest>);
  const { microseconds: _there, ...there } = await trusting.searchVectors(request);
  const { microseconds, ...here } = trusting.searchVectorsHere(request);
  expect(here).toEqual(there);
  expect(microseconds).toBeGreaterThan(0);
});

test("what the native index refuses has its code in the calling thread too", async () => {
  const index = await anIndex(1);
  const request = await aRequest();
  const refused = { code: "INDEX_INVALID", boundary: "index" };
  const here = (partial: Partial<VectorsRequest>) => () => index.trusting.searchVectorsHere({ ...request, ...partial });
  expect(here({ embedder: "another" })).toThrow(expect.objectContaining(refused));
  expect(here({ vectors: new Float32Array(1_024).fill(Number.NaN) })).toThrow(expect.objectContaining(refused));
  expect(here({ filter: { eq: ["model", "\ud800"] } })).toThrow(expect.objectContaining(refused));
  await index.close();
  expect(here({})).toThrow(expect.objectContaining({ code: "INDEX_CLOSED" }));
});

test("demonstrations over several turns are indexed as those at once, cut characters included", async () => {
  const demonstrations = Array.from({ length: 300 }, (_, n) =>
    aDemonstrationOf(n, { instruction: `cut ${n} \ud83d`, initial: `"\\ud83d" \u0000 \ud83d` }),
  );
  const [slowly, atOnce] = [await anIndex(0), await anIndex(0)];
  await slowly.trusting.upsert(demonstrations);
  await atOnce.upsert(demonstrations);
  const ids = demonstrations.map(({ id }) => id);
  expect(await slowly.get(ids)).toEqual(demonstrations);
  expect(await atOnce.get(ids)).toEqual(demonstrations);
  const query = aRetrievalQuery({ query: "cut 7", observation: null, observationBased: 0, modelBased: 10 });
  expect(await slowly.search([query])).toEqual(await atOnce.search([query]));
});

test("rows that are none of ours are refused, and none of their text is kept", async () => {
  const native = await loadNative().openIndex({
    folder: null,
    graphRowsMin: 1_000,
    embedder: "hash-v1",
    dimensions: 0,
    storage: "f32",
    graphsFollowLog: false,
  });
  onTestFinished(async () => await native.close());
  const none = new Float32Array();
  const row = toNativeDemonstration(aDemonstrationOf(1));
  for (const text of ["", "{}", "[1]", '[{"id":"a"}]', JSON.stringify([{ ...row, more: 1 }])]) {
    await expect(native.upsert([JSON.stringify([row]), text], none, [])).rejects.toThrow(
      /INDEX_INVALID: a row is malformed/,
    );
  }
  await expect(native.upsert([JSON.stringify([row])], new Float32Array(5), [])).rejects.toThrow(
    /5 numbers are not 1 vectors/,
  );
  expect((await native.stats()).rows).toBe(0);
  await native.upsert([], none, []);
  await native.upsert([JSON.stringify([row])], none, []);
  expect((await native.stats()).rows).toBe(1);
});

test("the native index writes into no arrays but those that fit", async () => {
  const options = {
    folder: null,
    graphRowsMin: 1_000,
    embedder: "hash-v1",
    dimensions: 0,
    graphsFollowLog: false,
    storage: "f32" as const,
  };
  const native = await loadNative().openIndex(options);
  onTestFinished(async () => await native.close());
  const { environment, vectors, k } = await aRequest();
  const query = { k, ef: null, filter: null, exclude, mode: "auto" as const };
  const search = (scores: number, counts: number) => () =>
    native.searchVectorsHere(environment, vectors, query, new Float32Array(scores), new Uint32Array(counts));
  expect(search(3 * k, 3)).not.toThrow();
  expect(search(3 * k - 1, 3)).toThrow(/arrays of 11 scores and 3 counts are not those of 3 queries for 4 hits/);
  expect(search(3 * k, 2)).toThrow(/INDEX_INVALID/);
});
