// Borders of the facade; what it answers is compared with an oracle in test/conformance/retrieval.test.ts.
// Requirements: 3.8.index, 4.4.hash-v1, 4.7.overload, 4.2.bf16, 4.bad-input
import type { DemonstrationId, RetrievalQuery } from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import { describe, expect, onTestFinished, test } from "vitest";
import { aDemonstrationOf, aRetrievalQuery } from "../../test/support/retrieval.ts";
import { detached, shrunk } from "../../test/support/small-collection.ts";
import {
  DemonstrationIndex,
  type DemonstrationIndexOptions,
  type DemonstrationVectorSearch,
  embed,
} from "./demonstration-index.ts";

async function anIndex(options?: DemonstrationIndexOptions): Promise<DemonstrationIndex> {
  const index = await DemonstrationIndex.open(options);
  onTestFinished(async () => await index.close());
  return index;
}

function aVectorSearch(): DemonstrationVectorSearch {
  const { environment } = aDemonstrationOf(1);
  const exclude = { demonstrations: [], tasks: [], documents: [], episodes: [] };
  return { environment, embedder: "hash-v1", vectors: new Float32Array(1024).fill(1), k: 3, filter: null, exclude };
}

describe("malformed input is refused with INDEX_INVALID and changes nothing", () => {
  const bad: [string, Partial<Record<keyof RetrievalQuery, unknown>>][] = [
    ["k is NaN", { modelBased: Number.NaN }],
    ["k is infinite", { observationBased: Number.POSITIVE_INFINITY }],
    ["k is negative", { modelBased: -1 }],
    ["k is huge", { modelBased: 4e9 }],
    ["k is a fraction", { modelBased: 1.5 }],
    ["the budget is zero", { tokenBudget: 0 }],
    ["no hit per trajectory is allowed", { perTrajectoryMax: 0 }],
    ["the query is a vector", { query: new Float32Array(1024) }],
    ["the observation is missing", { observation: undefined }],
    ["the observation has 10 MB", { observation: "x".repeat(10_000_000) }],
    ["the query has 10 MB", { query: "word ".repeat(2_000_000) }],
    ["the mode is unknown", { mode: "fast" }],
    ["the filter is of an unknown column", { filter: { eq: ["colour", "red"] } }],
    ["the filter is unknown", { filter: { like: ["kind", "%"] } }],
  ];
  test.each(bad)("a query where %s", async (_, partial) => {
    const index = await anIndex();
    const query = { ...aRetrievalQuery(), ...partial } as RetrievalQuery;
    await expect(index.search([query])).rejects.toMatchObject({ code: "INDEX_INVALID", boundary: "index" });
  });

  test("a batch with one demonstration that breaks a rule of the native index", async () => {
    const index = await anIndex();
    const tooLong = aDemonstrationOf("long", { models: { act: "m".repeat(300) } });
    await expect(index.upsert([aDemonstrationOf(1), tooLong])).rejects.toMatchObject({
      code: "INDEX_INVALID",
      message: expect.stringContaining("demo-long") as string,
    });
    expect((await index.stats()).demonstrations).toBe(0);
  });

  const north = Float32Array.of(1, 0, 0, 0);
  const vectorsOfOthers: [string, Float32Array][] = [
    ["NaN", Float32Array.of(1, Number.NaN, 0, 0)],
    ["too short", new Float32Array(3)],
    ["shared", new Float32Array(new SharedArrayBuffer(16)).fill(1)],
    ["detached", detached()],
    ["shrunk", shrunk()],
    ["doubles", Float64Array.of(1, 0, 0, 0) as unknown as Float32Array],
  ];
  test.each(vectorsOfOthers)("a vector of an embedder outside of the index: %s", async (_, vector) => {
    const embedder = { name: "other", dimensions: 4 };
    const index = await anIndex({ embedder });
    await index.upsert([aDemonstrationOf(1)], north);
    const invalid = { code: "INDEX_INVALID", boundary: "index" };
    const query = aRetrievalQuery({ query: "tag", modelBased: 1 });
    const vectors = { ...aVectorSearch(), embedder: "other", vectors: vector };
    await expect(index.upsert([aDemonstrationOf(2)], vector)).rejects.toMatchObject(invalid);
    await expect(index.search([query], [vector])).rejects.toMatchObject(invalid);
    await expect(index.searchVectors(vectors)).rejects.toMatchObject(invalid);
    expect((await index.searchVectors({ ...vectors, vectors: north })).ids).toEqual(["demo-1"]);
  });

  test("zeros say that a demonstration has no vector, and are no query", async () => {
    const index = await anIndex({ embedder: { name: "other", dimensions: 4 } });
    await index.upsert([aDemonstrationOf(1), aDemonstrationOf(2)], Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0));
    const search = { ...aVectorSearch(), embedder: "other" };
    expect((await index.searchVectors({ ...search, vectors: north })).ids).toEqual(["demo-1"]);
    const query = aRetrievalQuery({ query: "tag", modelBased: 1 });
    for (const zeros of [
      index.searchVectors({ ...search, vectors: new Float32Array(4) }),
      index.search([query], [new Float32Array(4)]),
    ]) {
      await expect(zeros).rejects.toMatchObject({ code: "INDEX_INVALID" });
    }
  });

  test.each<object>([
    { k: 0 },
    { k: 1.5 },
    { k: 2 ** 32 + 1 },
    { k: Number.NaN },
    { ef: 0 },
    { ef: 1e20 },
    { embedder: "other" },
    { environment: "" },
    { mode: "fast" },
    { filter: { eq: ["colour", "red"] } },
    { exclude: { tasks: ["task-1"] } },
    { vectors: new Float32Array(1023).fill(1) },
  ])("a search by vectors with %o", async (changes) => {
    const index = await anIndex();
    await index.upsert([aDemonstrationOf(1, { instruction: "create a tag" })]);
    const search = index.searchVectors({ ...aVectorSearch(), ...changes });
    await expect(search).rejects.toMatchObject({ code: "INDEX_INVALID", boundary: "index" });
    expect((await index.searchVectors(aVectorSearch())).ids).toEqual(["demo-1"]);
  });

  test.each([{ graphRowsMin: 0 }, { graphRowsMin: 1.5 }, { embedder: "word2vec" }, { folder: "" }])(
    "options out of range: %o",
    async (options) => {
      await expect(DemonstrationIndex.open(options)).rejects.toMatchObject({ code: "INDEX_INVALID" });
    },
  );
});

test("a closed index says so, and closing twice is fine", async () => {
  const index = await anIndex();
  await index.upsert([aDemonstrationOf(1)]);
  await Promise.all([index.close(), index.close()]);
  const closed = { code: "INDEX_CLOSED", boundary: "index" };
  await expect(index.upsert([])).rejects.toMatchObject(closed);
  await expect(index.search([])).rejects.toMatchObject(closed);
  await expect(index.get([])).rejects.toMatchObject(closed);
  await expect(index.remove([])).rejects.toMatchObject(closed);
  await expect(index.stats()).rejects.toMatchObject(closed);
  await expect(index.settle()).rejects.toMatchObject(closed);
  await expect(index.searchVectors(aVectorSearch())).rejects.toMatchObject(closed);
  await expect(index.checkpoint(1)).rejects.toMatchObject(closed);
});

test("work under way when the index is closed ends in an answer or INDEX_CLOSED", async () => {
  const index = await anIndex();
  const work = Array.from({ length: 50 }, async (_, n) => await index.upsert([aDemonstrationOf(n)]));
  const outcomes = Promise.allSettled(work);
  await index.close();
  for (const outcome of await outcomes) {
    if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "INDEX_CLOSED" });
  }
});

test("what is not begun at its deadline is given up, and nobody else waits for it", async () => {
  const { trusting: index } = await anIndex();
  await index.upsertAtOnce([aDemonstrationOf(1)]);
  const late = { code: "INDEX_NOT_READY", boundary: "index", retryable: true };
  await expect(index.search([aRetrievalQuery({ query: "tag" })], undefined, 0)).rejects.toMatchObject(late);
  await expect(index.searchVectors({ ...aVectorSearch(), withinMs: 0 })).rejects.toMatchObject(late);
  expect(await index.search([aRetrievalQuery({ query: "tag" })], undefined, 60_000)).toHaveLength(1);
});

test("an empty index, an empty query and silence find nothing", async () => {
  const index = await anIndex();
  const dropped = { duplicate: 0, perTrajectory: 0, tokenBudget: 0 };
  const nothing = { hits: [], dropped, passing: 1, epoch: "", explain: null };
  const inEmptyIndex = await index.search([aRetrievalQuery({ query: "tag", observation: "x" })]);
  expect(inEmptyIndex).toEqual([{ ...nothing, passing: 0 }]);
  await index.upsert([aDemonstrationOf(1, { initial: " \n", instruction: "Tag", steps: [{ observation: "!!!" }] })]);
  expect(await index.search([aRetrievalQuery({ query: "", observation: "" })])).toEqual([nothing]);
  expect(await index.search([aRetrievalQuery({ query: "???", observation: "  \n\t" })])).toEqual([nothing]);
  expect(await index.search([])).toEqual([]);
});

test("text of any kind comes back as it was", async () => {
  const index = await anIndex();
  const odd = aDemonstrationOf("odd", { instruction: "\u0000 😀 \u202e文件 e\u0301", answer: "line\n\u2028" });
  await index.upsert([odd]);
  expect(await index.get([odd.id, "demo-none" as DemonstrationId])).toEqual([odd, null]);
});

test("half a surrogate pair comes back as it was, and is searched as U+FFFD", async () => {
  const index = await anIndex();
  const half = aDemonstrationOf("half", { initial: "cut \ud83d", instruction: "create \udc00 tag" });
  await index.upsert([half]);
  for (const observation of ["cut \ud83d", "cut \ufffd", "cut \udc01"]) {
    const query = aRetrievalQuery({ query: "tag \ud800", observation, observationBased: 1, modelBased: 1 });
    const [answer] = await index.search([query]);
    expect(answer?.hits[0]).toMatchObject({
      demonstration: half,
      reference: { position: 0, retriever: "observation-exact" },
    });
  }
});

test("a search of many queries leaves the event loop free", async () => {
  const index = await anIndex();
  const words = "git tag commit branch file folder create remove package install version log".split(" ");
  const text = (n: number): string =>
    Array.from({ length: 12 }, (_, at) => words[(n * (at + 3)) % words.length]).join(" ");
  await index.upsert(
    Array.from({ length: 2_000 }, (_, n) =>
      aDemonstrationOf(n, { initial: text(n), instruction: `${text(n)} ${n}`, steps: [{ command: `${n}` }] }),
    ),
  );
  const queries = Array.from({ length: 100 }, (_, n) =>
    aRetrievalQuery({ query: text(n), observation: text(n + 1), modelBased: 1, observationBased: 1 }),
  );
  const startedAt = performance.now();
  let turns = 0;
  const spinning = setInterval(() => (turns += 1), 1);
  await index.search(queries);
  clearInterval(spinning);
  // A blocked loop would have no turn at all between the call and its answer.
  expect(turns).toBeGreaterThan((performance.now() - startedAt) / 20);
});

test("embeddings are unit vectors, and zeros for a text without words", async () => {
  const vectors = await embed(["git", "..."]);
  expect(vectors.length).toBe(2 * 1024);
  expect(Math.hypot(...vectors.subarray(0, 1024))).toBeCloseTo(1, 6);
  // The same numbers as the golden vector of the Rust core: seven features of one word.
  expect(
    Array.from(vectors.subarray(0, 1024)).flatMap((value, at) => (value === 0 ? [] : [at * Math.sign(value)])),
  ).toEqual([183, -522, 714, -722, -747, 884, 924]);
  expect(vectors.subarray(1024).every((value) => value === 0)).toBe(true);
});

// What they must be is in test/support/retrieval-oracle.ts; that they stay so, here.
test.each([
  ["Create an annotated tag v1.0 for the last commit", 92, "c46e2ca5682cc35f"],
  ["parseHTTPServer snake_case größe 文件 committed commits", 107, "1293e14b681129e0"],
])("the embedding of %j never changes", async (text, features, digest) => {
  const millionths = Array.from(await embed([text]), (value) => Math.round(value * 1e6));
  expect(millionths.filter((value) => value !== 0)).toHaveLength(features);
  expect(sha256Hex(millionths.join()).slice(0, 16)).toBe(digest);
});

test("rows that are kept as bf16 are named in version, stats and explain, and score nearly the same", async () => {
  const indexes = [await anIndex(), await anIndex({ storage: "bf16" })] as const;
  const query = aRetrievalQuery({ query: "tag number 3", modelBased: 3, explain: true });
  const demonstrations = [1, 2, 3].map((n) => aDemonstrationOf(n, { instruction: `Tag number ${n}` }));
  for (const index of indexes) await index.upsert(demonstrations);
  const [whole, rounded] = indexes;
  expect(rounded.version).toBe(`${whole.version}+bf16`);
  expect(await whole.stats()).toMatchObject({ storage: "f32", rowBytes: 3 * 1024 * 4 });
  expect(await rounded.stats()).toMatchObject({ storage: "bf16", rowBytes: 3 * (1024 * 2 + 4) });
  const [[expected], [found]] = [await whole.search([query]), await rounded.search([query])];
  expect([expected?.explain?.storage, found?.explain?.storage]).toEqual(["f32", "bf16"]);
  const scores = new Map(expected!.hits.map(({ reference }) => [reference.demonstrationId, reference.score]));
  expect(found!.hits).toHaveLength(scores.size);
  for (const { reference } of found!.hits) {
    expect(Math.abs(reference.score - scores.get(reference.demonstrationId)!)).toBeLessThan(5e-3);
  }
});
