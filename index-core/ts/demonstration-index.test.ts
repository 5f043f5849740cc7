// Borders of the facade; what it answers is compared with an oracle in test/conformance/retrieval.test.ts.
// Requirements: 3.8.index
import type { DemonstrationId, RetrievalQuery } from "@hindcast/shared";
import { describe, expect, onTestFinished, test } from "vitest";
import { aDemonstrationOf, aRetrievalQuery } from "../../test/support/retrieval.ts";
import { DemonstrationIndex, embed } from "./demonstration-index.ts";
import { loadNative } from "./load-native.ts";

function anIndex(options?: ConstructorParameters<typeof DemonstrationIndex>[0]): DemonstrationIndex {
  const index = new DemonstrationIndex(options);
  onTestFinished(async () => await index.close());
  return index;
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
    ["the filter is unknown", { filter: { like: ["kind", "%"] } }],
  ];
  test.each(bad)("a query where %s", async (_, partial) => {
    const index = anIndex();
    const query = { ...aRetrievalQuery(), ...partial } as RetrievalQuery;
    await expect(index.search([query])).rejects.toMatchObject({ code: "INDEX_INVALID", boundary: "index" });
  });

  test("a batch with one demonstration that breaks a rule of the native index", async () => {
    const index = anIndex();
    const tooLong = aDemonstrationOf("long", { models: { act: "m".repeat(300) } });
    await expect(index.upsert([aDemonstrationOf(1), tooLong])).rejects.toMatchObject({
      code: "INDEX_INVALID",
      message: expect.stringContaining("demo-long") as string,
    });
    expect((await index.stats()).demonstrations).toBe(0);
  });

  test("options out of range", () => {
    expect(() => new DemonstrationIndex({ graphRowsMin: 0 })).toThrow(/graph|>=1/);
  });
});

test("a closed index says so, and closing twice is fine", async () => {
  const index = anIndex();
  await index.upsert([aDemonstrationOf(1)]);
  await Promise.all([index.close(), index.close()]);
  const closed = { code: "INDEX_CLOSED", boundary: "index" };
  await expect(index.upsert([])).rejects.toMatchObject(closed);
  await expect(index.search([])).rejects.toMatchObject(closed);
  await expect(index.get([])).rejects.toMatchObject(closed);
  await expect(index.remove([])).rejects.toMatchObject(closed);
  await expect(index.stats()).rejects.toMatchObject(closed);
  await expect(index.buildGraphs()).rejects.toMatchObject(closed);
});

test("work under way when the index is closed ends in an answer or INDEX_CLOSED", async () => {
  const index = anIndex();
  const work = Array.from({ length: 50 }, async (_, n) => await index.upsert([aDemonstrationOf(n)]));
  const outcomes = Promise.allSettled(work);
  await index.close();
  for (const outcome of await outcomes) {
    if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "INDEX_CLOSED" });
  }
});

test("an empty index, an empty query and silence find nothing", async () => {
  const index = anIndex();
  const nothing = { hits: [], dropped: { duplicate: 0, perTrajectory: 0, tokenBudget: 0 } };
  expect(await index.search([aRetrievalQuery({ query: "tag", observation: "x" })])).toEqual([nothing]);
  await index.upsert([aDemonstrationOf(1, { initial: " \n", instruction: "Tag", steps: [{ observation: "!!!" }] })]);
  expect(await index.search([aRetrievalQuery({ query: "", observation: "" })])).toEqual([nothing]);
  expect(await index.search([aRetrievalQuery({ query: "???", observation: "  \n\t" })])).toEqual([nothing]);
  expect(await index.search([])).toEqual([]);
});

test("text of any kind comes back as it was", async () => {
  const index = anIndex();
  const odd = aDemonstrationOf("odd", { instruction: "\u0000 😀 \u202e文件 e\u0301", answer: "line\n\u2028" });
  await index.upsert([odd]);
  expect(await index.get([odd.id, "demo-none" as DemonstrationId])).toEqual([odd, null]);
});

test("a search of many queries leaves the event loop free", async () => {
  const index = anIndex();
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

test("a missing native library is an error that names the command to build it", () => {
  expect(() => loadNative(new URL("file:///nowhere/"))).toThrow(/npm run build -w index-core/);
});
