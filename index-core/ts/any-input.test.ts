// Whatever JavaScript hands over, each method answers or refuses with a typed error, and what is indexed stays as it was.
// Behind the facade, where types are checked no more, the native library throws, and the process goes on.
// Requirements: 4.fuzz, 4.bad-input, 4.1.binding
import { HindcastError } from "@hindcast/shared";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aDemonstrationOf, aRetrievalQuery } from "../../test/support/retrieval.ts";
import { forced } from "../../test/support/small-collection.ts";
import { Collection, type CollectionBatch, type VectorSearchRequest } from "./collection.ts";
import { DemonstrationIndex, type DemonstrationVectorSearch, embed } from "./demonstration-index.ts";
import { loadNative } from "./load-native.ts";

const north = Float32Array.of(1, 0, 0, 0);

/** Arrays without memory, with others' memory, and without being arrays. */
const oddArrays = (["Float32Array", "Uint32Array"] as const).flatMap((type) => {
  const make = globalThis[type];
  const detached = new make(4).fill(1);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const memory = new ArrayBuffer(16, { maxByteLength: 64 });
  const shrunk = new make(memory, 0, 4);
  memory.resize(4);
  const growing = new make(new ArrayBuffer(16, { maxByteLength: 64 })).fill(1);
  const shared = new make(forced<ArrayBuffer>(new SharedArrayBuffer(16))).fill(1);
  return [detached, shrunk, growing, shared, new Proxy(new make(4), {}), Object.create(make.prototype) as object];
});
const numbers = [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 32, 2 ** 53, Number.MAX_VALUE];
const texts = ["", "\ud800", "\u0000", "kind", "x".repeat(300)];

/** Anything that JavaScript has, but properties that throw when they are read: what those throw is the caller's. */
const anything = fc.oneof(
  fc.anything({
    maxDepth: 3,
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  }),
  fc.constantFrom<unknown>(...oddArrays, ...numbers, ...texts, Symbol("s"), () => 1, undefined, null),
);
const mixed = (good: unknown): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(good) }, { weight: 1, arbitrary: anything });
/** An object of good properties, some of which are replaced, or something else altogether. */
const like = (good: object): fc.Arbitrary<unknown> => {
  const fields = Object.fromEntries(Object.entries(good).map(([name, value]) => [name, mixed(value)]));
  return fc.oneof({ weight: 5, arbitrary: fc.record(fields) }, { weight: 1, arbitrary: anything });
};

type Call = () => unknown;

async function expectTyped(call: Call): Promise<void> {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(HindcastError);
    expect(error).toMatchObject({ code: "INDEX_INVALID", boundary: "index" });
  }
}

async function expectAllTyped(calls: fc.Arbitrary<Call>): Promise<void> {
  await fc.assert(fc.asyncProperty(calls, expectTyped), { numRuns: 1_500 });
}

describe("any arguments are answered or refused with INDEX_INVALID", () => {
  let collection: Collection;
  let index: DemonstrationIndex;
  const kept = { vectors: north, k: 10, filter: { eq: ["task", "kept"] } } satisfies VectorSearchRequest;
  const request = {
    environment: "shell",
    embedder: "other",
    vectors: north,
    k: 10,
    ef: 64,
    filter: { eq: ["document", "doc-kept"] },
    exclude: { demonstrations: [], tasks: [], documents: [], episodes: [] },
    mode: "auto",
  } satisfies DemonstrationVectorSearch;
  const options = { dimensions: 4, embedder: "test", field: "query", graphRowsMin: 1_000, storage: "f32" } as const;

  beforeAll(async () => {
    collection = await Collection.open({ ...options, columns: ["task"], numbers: ["length"] });
    await collection.upsert({
      ids: ["kept-1", "kept-2"],
      vectors: Float32Array.of(1, 0, 0, 0, 1, 1, 0, 0),
      columns: { task: ["kept", "kept"] },
      numbers: { length: [1, 2] },
    });
    index = await DemonstrationIndex.open({ embedder: { name: "other", dimensions: 4 } });
    await index.upsert([aDemonstrationOf("kept", { document: "doc-kept" })], north);
  });
  afterAll(async () => {
    const { rows, scores } = await collection.search(kept);
    expect(await collection.resolve(rows)).toEqual(["kept-1", "kept-2"]);
    expect(scores).toEqual(Float32Array.of(1, 0.707107));
    expect((await index.searchVectors(request)).ids).toEqual(["demo-kept"]);
    await collection.close();
    await index.close();
  });

  test("of a collection", { timeout: 60_000 }, async () => {
    const batch = { ids: ["other"], vectors: north, columns: { task: ["git"] }, numbers: { length: [1] } };
    const search = { ...kept, ef: 64, exclude: ["other"], mode: "auto" };
    const into = fc.tuple(mixed(north), mixed(64), mixed(new Uint32Array(2)), mixed(new Float32Array(2)));
    const opened = async (given: unknown): Promise<void> => await (await Collection.open(forced(given))).close();
    await expectAllTyped(
      fc.oneof(
        like(batch).map((given) => () => collection.upsert(forced<CollectionBatch>(given))),
        like(search).map((given) => () => collection.search(forced<VectorSearchRequest>(given))),
        into.map((given) => () => collection.searchInto(...forced<Parameters<Collection["searchInto"]>>(given))),
        mixed(["other"]).map((given) => () => collection.remove(forced<string[]>(given))),
        mixed(["other"]).map((given) => () => collection.vectors(forced<string[]>(given))),
        mixed(Uint32Array.of(0)).map((given) => () => collection.resolve(forced<Uint32Array>(given))),
        anything.map((given) => () => collection.checkpoint(forced<number>(given))),
        like(options).map((given) => () => opened(given)),
      ),
    );
  });

  test("of an index of demonstrations", { timeout: 60_000 }, async () => {
    const query = aRetrievalQuery({ query: "tag", observation: "seen", explain: true });
    const other = aDemonstrationOf("other");
    const open = { graphRowsMin: 1_000, embedder: "hash-v1", storage: "bf16" };
    const upserted = fc.tuple(mixed([other]), mixed(north));
    const asked = fc.tuple(
      like(query).map((one) => [one]),
      mixed([north]),
    );
    const opened = async (given: unknown): Promise<void> =>
      await (await DemonstrationIndex.open(forced(given))).close();
    await expectAllTyped(
      fc.oneof(
        upserted.map((given) => () => index.upsert(...forced<Parameters<DemonstrationIndex["upsert"]>>(given))),
        asked.map((given) => () => index.search(...forced<Parameters<DemonstrationIndex["search"]>>(given))),
        like(request).map((given) => () => index.searchVectors(forced<DemonstrationVectorSearch>(given))),
        mixed([other.id]).map((given) => () => index.remove(forced(given))),
        mixed([other.id]).map((given) => () => index.get(forced(given))),
        anything.map((given) => () => index.checkpoint(forced<number>(given))),
        mixed(["tag"]).map((given) => () => embed(forced<string[]>(given))),
        like(open).map((given) => () => opened(given)),
      ),
    );
  });
});

test("the native library throws for any arguments and goes on", { timeout: 60_000 }, async () => {
  const native = loadNative();
  const storage = "f32" as const;
  const common = { folder: null, graphRowsMin: 1_000, embedder: "other", dimensions: 4, storage };
  const fields = { field: "query", textColumns: [], numberColumns: [] };
  const collection = await native.openCollection({ ...common, ...fields });
  const index = await native.openIndex({ ...common, graphsFollowLog: false });
  const nothing = { demonstrations: [], tasks: [], documents: [], episodes: [] };
  const query = { k: 1, ef: null, filter: null, exclude: nothing, mode: "auto" as const };
  const methods = [collection, index].flatMap((object) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(object))
      .filter((name) => name !== "constructor" && name !== "close")
      .map((name) => ({ object, name })),
  );
  const argument = fc.oneof(
    anything,
    like(query),
    like(nothing),
    fc.constantFrom<unknown>(north, ["kept"], "shell", 3),
  );
  const call = fc.tuple(fc.constantFrom(...methods), fc.array(argument, { maxLength: 5 }));
  await fc.assert(
    fc.asyncProperty(call, async ([{ object, name }, given]) => {
      const method = forced<Record<string, unknown>>(object)[name];
      if (typeof method !== "function") return;
      try {
        await Reflect.apply(method, object, given);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
    { numRuns: 3_000 },
  );
  await collection.upsert(["new"], north, [], []);
  const { rows } = await collection.search(north, query);
  expect(await collection.resolve(rows)).toHaveLength(1);
  await collection.close();
  await index.close();
});
