// Texts at the border of a bare collection: ids, values of columns and filters, each refused by name or taken as it is.
// Requirements: 4.1.binding, 4.bad-input
import { describe, expect, test } from "vitest";
import { aCollection, aFilledCollection, forced, idsOf, invalid, north } from "../../test/support/small-collection.ts";
import type { CollectionFilter } from "./collection.ts";

describe("texts", () => {
  test.each<[string, string]>([
    ["", "id of 0 bytes"],
    ["x".repeat(257), "id of 257 bytes"],
    ["x".repeat(10_000_000), "id of 10000000 bytes"],
    ["half \ud83d", "half a surrogate pair"],
    [forced(7), "ids[0] is a number"],
    [forced(null), "ids[0] is null"],
    [forced(undefined), "ids[0] is undefined"],
  ])("an id is refused (%#)", async (id, message) => {
    const collection = await aFilledCollection();
    const batch = { ids: [id], vectors: north, numbers: { length: [1] } };
    await expect(collection.upsert(batch)).rejects.toMatchObject(invalid(message));
  });

  test("half a surrogate pair is refused wherever a text goes in, so two ids never become one", async () => {
    const collection = await aFilledCollection();
    const half = "\udc00 half";
    const wrong = invalid("half a surrogate pair");
    const numbers = { length: [1] };
    const row = { ids: ["d"], vectors: north, numbers, columns: { task: [half] } };
    await expect(collection.upsert(row)).rejects.toMatchObject(wrong);
    await expect(collection.remove([half])).rejects.toMatchObject(wrong);
    await expect(collection.search({ vectors: north, k: 1, exclude: [half] })).rejects.toMatchObject(wrong);
    const filter: CollectionFilter = { eq: ["task", half] };
    await expect(collection.search({ vectors: north, k: 1, filter })).rejects.toMatchObject(wrong);
  });

  test("any other text comes back as it was", async () => {
    const collection = await aCollection({ columns: [], numbers: [] });
    const ids = ["\u0000", "😀", "e\u0301", "é", "文件", "a\u2028b", "\ufffd", "x".repeat(256)];
    await collection.upsert({ ids, vectors: new Float32Array(4 * ids.length).fill(1) });
    expect(new Set(await idsOf(collection, { vectors: north, k: 100 }))).toEqual(new Set(ids));
    expect(await collection.remove(ids)).toBe(ids.length);
  });
});

describe("columns and filters", () => {
  test.each<[string, object]>([
    ["columns.page is no column of this collection; there are: task, site", { columns: { page: ["x"] } }],
    ["numbers.width is no column", { numbers: { length: [1], width: [1] } }],
    ["numbers.length must be an array", { numbers: {} }],
    ["2 values for 1 rows", { columns: { task: ["x", "y"] } }],
    ["0 values for 1 rows", { columns: { task: [] } }],
    ["0 values for 1 rows", { numbers: { length: [] } }],
    ["columns.task must be an array", { columns: { task: "git" } }],
    ["columns.task[0] is a number", { columns: { task: [7] } }],
    ["task of 0 bytes", { columns: { task: [""] } }],
    ["task of 257 bytes", { columns: { task: ["x".repeat(257)] } }],
  ])("a batch: %s", async (message, changes) => {
    const collection = await aFilledCollection();
    const batch = { ids: ["a"], vectors: north, numbers: { length: [1] }, ...changes };
    await expect(collection.upsert(batch)).rejects.toMatchObject(invalid(message));
  });

  const deep = (depth: number): CollectionFilter => (depth === 0 ? { and: [] } : { not: deep(depth - 1) });
  const cyclic: { not: unknown } = { not: null };
  cyclic.not = cyclic;
  test.each<[string, unknown]>([
    ['"page" is not a text column that can be filtered; there are: task, site', { eq: ["page", "x"] }],
    ['"length" is not a text column', { in: ["length", ["1"]] }],
    ['"task" is not a number column', { range: ["task", { min: 0, max: null }] }],
    ["is no filter", { like: ["task", "%"] }],
    ["is no filter", {}],
    ["is no filter", null],
    ["is no filter", "task"],
    ["is no filter", { eq: ["task", "git"], not: { and: [] } }],
    ["is no filter", { not: 7 }],
    ["is no filter", { and: "task" }],
    ["eq", { eq: ["task"] }],
    ["eq", { eq: ["task", 7] }],
    ["in", { in: ["task", "git"] }],
    ["range", { range: ["length", { min: Number.NaN, max: null }] }],
    ["range", { range: ["length", 1] }],
    ["nested deeper than 32", deep(40)],
    ["nested deeper than 32", deep(2_000)],
    ["nested deeper than 32", cyclic],
  ])("a filter: %s (%#)", async (message, filter) => {
    const collection = await aFilledCollection();
    const request = { vectors: north, k: 1, filter: forced<CollectionFilter>(filter) };
    await expect(collection.search(request)).rejects.toMatchObject(invalid(message));
  });

  test("an unknown mode", async () => {
    const collection = await aFilledCollection();
    const mode = forced<"auto">("fast");
    await expect(collection.search({ vectors: north, k: 1, mode })).rejects.toMatchObject(invalid('"fast"'));
  });

  test.each<[CollectionFilter, string[]]>([
    [{ and: [] }, ["a", "c", "b"]],
    [{ or: [] }, []],
    [{ in: ["task", []] }, []],
    [{ eq: ["task", "nobody"] }, []],
    [{ not: { eq: ["site", "x"] } }, ["a", "c"]],
    [{ range: ["length", { min: 2, max: null }] }, ["c", "b"]],
    [{ range: ["length", { min: 3, max: 2 }] }, []],
    [{ or: [{ eq: ["site", "y"] }, { range: ["length", { min: null, max: 1 }] }] }, ["a", "c"]],
  ])("an odd but good filter: %o", async (filter, ids) => {
    const collection = await aFilledCollection();
    expect(await idsOf(collection, { vectors: north, k: 10, filter })).toEqual(ids);
  });
});

describe("ids", () => {
  test("of equal ids in one batch the last wins, and one that is known is replaced", async () => {
    const collection = await aCollection({ columns: [], numbers: [] });
    await collection.upsert({ ids: ["x", "y", "x"], vectors: Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0) });
    const up = Float32Array.of(0, 0, 1, 0);
    expect(await collection.search({ vectors: up, k: 9 })).toMatchObject({ passing: 2 });
    expect((await collection.search({ vectors: up, k: 1 })).scores[0]).toBe(1);
    await collection.upsert({ ids: ["x"], vectors: north });
    expect((await collection.search({ vectors: north, k: 1 })).scores[0]).toBe(1);
    expect((await collection.stats()).rows).toBe(2);
  });

  test("those that are missing are ignored by remove, exclude and resolve", async () => {
    const collection = await aFilledCollection();
    expect(await collection.remove(["nobody", "nobody"])).toBe(0);
    expect(await idsOf(collection, { vectors: north, k: 9, exclude: ["nobody", "c"] })).toEqual(["a", "b"]);
    expect(await collection.resolve(Uint32Array.of(0, 3, 4_294_967_295))).toEqual(["a", null, null]);
  });

  test("a handle of a row that was replaced is null", async () => {
    const collection = await aCollection({ columns: [], numbers: [] });
    await collection.upsert({ ids: ["x"], vectors: north });
    const { rows } = await collection.search({ vectors: north, k: 1 });
    await collection.upsert({ ids: ["x"], vectors: north });
    expect(await collection.resolve(rows)).toEqual([null]);
  });

  test("resolve refuses what is no plain Uint32Array", async () => {
    const collection = await aFilledCollection();
    const inShared = new Uint32Array(new SharedArrayBuffer(4));
    await expect(collection.resolve(inShared)).rejects.toMatchObject(invalid("SharedArrayBuffer"));
    await expect(collection.resolve(forced([0]))).rejects.toMatchObject(invalid("must be a Uint32Array, not Array"));
  });
});
