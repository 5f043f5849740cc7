// Bad input at the border of a bare collection: each is a typed error that names the value, and afterwards the
// collection answers as before.
// Requirements: 4.1.binding, 4.bad-input
import { describe, expect, test } from "vitest";
import {
  aCollection,
  aFilledCollection,
  detached,
  forced,
  idsOf,
  invalid,
  north,
  options,
  shrunk,
  three,
} from "../../test/support/small-collection.ts";
import { Collection, type CollectionOptions } from "./collection.ts";

const shared = new Float32Array(new SharedArrayBuffer(16));

describe("a vector is refused on every way in", () => {
  test.each<[string, Float32Array, string]>([
    ["NaN", Float32Array.of(1, Number.NaN, 0, 0), "NaN"],
    ["infinity", Float32Array.of(1, 0, Number.POSITIVE_INFINITY, 0), "inf"],
    ["negative infinity", Float32Array.of(Number.NEGATIVE_INFINITY, 0, 0, 0), "-inf"],
    ["a double beyond f32", Float32Array.of(1e300, 0, 0, 0), "inf"],
    ["zeros", new Float32Array(4), "length"],
    ["too short", new Float32Array(3).fill(1), "3 "],
    ["too long", new Float32Array(5).fill(1), "5 "],
    ["detached", detached(), "transferred away"],
    ["shrunk", shrunk(), "made smaller"],
    ["shared", shared, "SharedArrayBuffer"],
    ["an imitation", forced(Object.create(Float32Array.prototype)), "not an imitation of one"],
    ["doubles", forced(Float64Array.of(1, 0, 0, 0)), "must be a Float32Array, not Float64Array"],
    ["bytes", forced(Buffer.alloc(16, 1)), "must be a Float32Array, not Buffer"],
    ["numbers", forced([1, 0, 0, 0]), "must be a Float32Array, not Array"],
    ["nothing", forced(undefined), "must be a Float32Array, not undefined"],
  ])("%s", async (_, vector, message) => {
    const collection = await aFilledCollection();
    const row = { ids: ["a"], vectors: vector, numbers: { length: [9] } };
    await expect(collection.upsert(row)).rejects.toMatchObject(invalid(message));
    await expect(collection.search({ vectors: vector, k: 1 })).rejects.toMatchObject(invalid(message));
    expect(() => collection.searchInto(vector, 64, new Uint32Array(1), new Float32Array(1))).toThrow(
      expect.objectContaining(invalid(message)),
    );
  });

  test("no vector at all: a search of nothing has no results, an upsert of nothing changes nothing", async () => {
    const collection = await aFilledCollection();
    const none = await collection.search({ vectors: new Float32Array(0), k: 3 });
    expect([none.rows, none.scores, none.counts].map((array) => array.length)).toEqual([0, 0, 0]);
    await collection.upsert({ ids: [], vectors: new Float32Array(0), numbers: { length: [] } });
  });

  test("the error of a batch names its first bad row, and no row of it is added", async () => {
    const collection = await aFilledCollection();
    const vectors = Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0);
    const batch = { ids: ["new", "zero"], vectors, numbers: { length: [1, 1] } };
    await expect(collection.upsert(batch)).rejects.toMatchObject(invalid("zero"));
  });

  test("the error of many queries names the first bad one", async () => {
    const collection = await aFilledCollection();
    const vectors = Float32Array.of(1, 0, 0, 0, 0, Number.NaN, 0, 0);
    await expect(collection.search({ vectors, k: 1 })).rejects.toMatchObject(invalid("NaN"));
  });

  test("10 MB: as one vector, and as more queries than a call may have", async () => {
    const collection = await aFilledCollection();
    const vectors = new Float32Array(2_621_440).fill(1);
    await expect(collection.search({ vectors: vectors.subarray(1), k: 1 })).rejects.toMatchObject(invalid("2621439"));
    await expect(collection.search({ vectors, k: 1 })).rejects.toMatchObject(invalid("at most 10000"));
    const most = await collection.search({ vectors: vectors.subarray(0, 40_000), k: 1 });
    expect(most.counts.length).toBe(10_000);
  });
});

describe("numbers are refused instead of being made to fit", () => {
  const bad = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e20, 2 ** 32 + 1, 4e9, 10_001, forced<number>("3")];
  test.each(bad)("k = %s", async (k) => {
    const collection = await aFilledCollection();
    await expect(collection.search({ vectors: north, k })).rejects.toMatchObject(invalid("k"));
  });

  test.each(bad)("ef = %s", async (ef) => {
    const collection = await aFilledCollection();
    await expect(collection.search({ vectors: north, k: 1, ef })).rejects.toMatchObject(invalid("ef"));
    expect(() => collection.searchInto(north, ef, new Uint32Array(1), new Float32Array(1))).toThrow(
      expect.objectContaining(invalid(`ef is ${ef}`)),
    );
  });

  test("a k beyond 1,000, and arrays for no result, for too many and of different lengths", async () => {
    const collection = await aFilledCollection();
    await expect(collection.search({ vectors: north, k: 1_001 })).rejects.toMatchObject(invalid("k"));
    for (const [rows, scores] of [
      [0, 0],
      [1_001, 1_001],
      [2, 3],
    ] as const) {
      expect(() => collection.searchInto(north, 64, new Uint32Array(rows), new Float32Array(scores))).toThrow(
        expect.objectContaining(invalid(String(rows))),
      );
    }
  });

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])("sequence %s", async (sequence) => {
    const collection = await aFilledCollection();
    await expect(collection.checkpoint(sequence)).rejects.toMatchObject(invalid("sequence"));
  });

  test.each([Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])("a column with %s", async (length) => {
    const collection = await aFilledCollection();
    const batch = { ids: ["a"], vectors: north, numbers: { length: [length] } };
    await expect(collection.upsert(batch)).rejects.toMatchObject(invalid("length"));
  });

  test.each<Partial<CollectionOptions>>([
    { dimensions: 0 },
    { dimensions: 1.5 },
    { dimensions: Number.NaN },
    { dimensions: 16_385 },
    { embedder: "" },
    { field: forced("title") },
    { folder: "" },
    { columns: ["x", "x"] },
    { columns: ["x"], numbers: ["x"] },
    { columns: [""] },
    { columns: ["half \ud800"] },
    { graphRowsMin: 0 },
    { graphRowsMin: 2 ** 32 },
  ])("options %o", async (changes) => {
    await expect(aCollection(changes)).rejects.toMatchObject({ code: "INDEX_INVALID", boundary: "index" });
  });
});

test("what is no object where one is expected is named", async () => {
  const collection = await aFilledCollection();
  const batch = { ids: ["a"], vectors: north, numbers: { length: [9] } };
  for (const wrong of [undefined, null, 7, "text", []]) {
    await expect(collection.upsert(forced(wrong))).rejects.toMatchObject(invalid("the batch must be an object, not "));
    await expect(collection.search(forced(wrong))).rejects.toMatchObject(
      invalid("the request must be an object, not "),
    );
    if (wrong === undefined) continue;
    const columns = collection.upsert({ ...batch, columns: forced(wrong) });
    await expect(columns).rejects.toMatchObject(invalid("columns must be an object, not "));
  }
});

describe("empty and closed", () => {
  test("an empty collection finds nothing", async () => {
    const collection = await aCollection();
    expect((await collection.search({ vectors: north, k: 5 })).counts).toEqual(Uint32Array.of(0));
    expect(collection.searchInto(north, 64, new Uint32Array(5), new Float32Array(5))).toBe(0);
    await collection.optimise();
    await collection.settle();
    expect(await collection.stats()).toMatchObject({ rows: 0, segments: 0, problem: null });
  });

  test("a collection in memory cannot be checkpointed", async () => {
    await expect((await aFilledCollection()).checkpoint(1)).rejects.toMatchObject(invalid("in memory"));
  });

  test("a closed one says so in every method; closing twice is fine", async () => {
    const collection = await aCollection();
    await collection.upsert(three);
    await Promise.all([collection.close(), collection.close()]);
    await collection.close();
    const calls = [
      collection.upsert(three),
      collection.remove(["a"]),
      collection.search({ vectors: north, k: 1 }),
      collection.resolve(Uint32Array.of(0)),
      collection.vectors(["a"]),
      collection.settle(),
      collection.optimise(),
      collection.checkpoint(1),
      collection.stats(),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "INDEX_CLOSED", boundary: "index" } });
    }
    expect(() => collection.searchInto(north, 64, new Uint32Array(1), new Float32Array(1))).toThrow(
      expect.objectContaining({ code: "INDEX_CLOSED" }),
    );
  });

  test("`await using` closes", async () => {
    let kept: Collection;
    {
      await using collection = await Collection.open(options);
      kept = collection;
    }
    await expect(kept.stats()).rejects.toMatchObject({ code: "INDEX_CLOSED" });
  });
});

describe("views and copies", () => {
  test("a view with an offset is read and written where it lies", async () => {
    const collection = await aFilledCollection();
    const buffer = new ArrayBuffer(64);
    const vector = new Float32Array(buffer, 12, 4);
    vector.set(north);
    const rows = new Uint32Array(buffer, 28, 2);
    const scores = new Float32Array(buffer, 36, 2);
    expect((await collection.search({ vectors: vector, k: 2 })).rows).toEqual(Uint32Array.of(0, 2));
    expect(collection.searchInto(vector, 64, rows, scores)).toBe(2);
    expect(rows).toEqual(Uint32Array.of(0, 2));
    expect(scores).toEqual(Float32Array.of(1, 0.707107));
    const bytes = new Uint8Array(buffer);
    expect([...bytes.subarray(0, 12), ...bytes.subarray(44)].every((byte) => byte === 0)).toBe(true);
  });

  test.each<[string, (buffer: ArrayBuffer) => [Float32Array, Uint32Array, Float32Array]]>([
    ["rows and scores", (b) => [north.slice(), new Uint32Array(b, 0, 2), new Float32Array(b, 4, 2)]],
    ["vector and scores", (b) => [new Float32Array(b, 0, 4).fill(1), new Uint32Array(2), new Float32Array(b, 12, 2)]],
    ["vector and rows", (b) => [new Float32Array(b, 4, 4).fill(1), new Uint32Array(b, 0, 2), new Float32Array(2)]],
  ])("searchInto refuses %s that overlap", async (_, views) => {
    const collection = await aFilledCollection();
    const [vector, rows, scores] = views(new ArrayBuffer(64));
    expect(() => collection.searchInto(vector, 64, rows, scores)).toThrow(expect.objectContaining(invalid("overlap")));
  });

  test("searchInto refuses results in shared or transferred memory", async () => {
    const collection = await aFilledCollection();
    const rows = Uint32Array.of(0);
    structuredClone(rows.buffer, { transfer: [rows.buffer] });
    const scores = new Float32Array(new SharedArrayBuffer(4));
    expect(() => collection.searchInto(north, 64, rows, new Float32Array(1))).toThrow(/rows was transferred away/);
    expect(() => collection.searchInto(north, 64, new Uint32Array(1), scores)).toThrow(/scores lies in a Shared/);
  });

  test("what is passed is copied before the call returns", async () => {
    const collection = await aFilledCollection();
    const vectors = north.slice();
    const searching = collection.search({ vectors, k: 1 });
    vectors.fill(Number.NaN);
    expect((await searching).scores).toEqual(Float32Array.of(1));
    const batch = { ids: ["d"], vectors: Float32Array.of(0, 0, 0, 1), numbers: { length: [1] } };
    const writing = collection.upsert(batch);
    batch.vectors.fill(Number.NaN);
    batch.ids[0] = "changed";
    await writing;
    expect(await idsOf(collection, { vectors: Float32Array.of(0, 0, 0, 1), k: 1 })).toEqual(["d"]);
    await collection.upsert(three);
    await collection.remove(["d"]);
    await collection.optimise();
  });
});
