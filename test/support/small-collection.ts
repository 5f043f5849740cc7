// A collection of three rows, and checks at the end of a test that nothing of it has changed.
import { Collection, type CollectionOptions, type VectorSearchRequest } from "@hindcast/index-core";
import { expect, onTestFinished } from "vitest";

export const options = {
  dimensions: 4,
  embedder: "test",
  field: "instruction",
  columns: ["task", "site"],
  numbers: ["length"],
} satisfies CollectionOptions;

export async function aCollection(changes: Partial<CollectionOptions> = {}): Promise<Collection> {
  const collection = await Collection.open({ ...options, ...changes });
  onTestFinished(async () => await collection.close());
  return collection;
}

export const three = {
  ids: ["a", "b", "c"],
  vectors: Float32Array.of(1, 0, 0, 0, 0, 2, 0, 0, 1, 1, 0, 0),
  columns: { task: ["git", "files", "git"], site: [null, "x", "y"] },
  numbers: { length: [1, 2, 3] },
};
export const north = Float32Array.of(1, 0, 0, 0);

/** With rows a, b, c; checks at the end of the test that nothing of that has changed. */
export async function aFilledCollection(): Promise<Collection> {
  const collection = await aCollection();
  await collection.upsert(three);
  const before = await idsOf(collection, { vectors: north, k: 10 });
  expect(before).toEqual(["a", "c", "b"]);
  onTestFinished(async () => {
    expect(await idsOf(collection, { vectors: north, k: 10 })).toEqual(before);
    expect(await idsOf(collection, { vectors: north, k: 10, filter: { eq: ["task", "git"] } })).toEqual(["a", "c"]);
    expect(await collection.stats()).toMatchObject({ rows: 3, deadRows: 0, problem: null });
  });
  return collection;
}

export async function idsOf(collection: Collection, request: VectorSearchRequest): Promise<(string | null)[]> {
  return await collection.resolve((await collection.search(request)).rows);
}

export const invalid = (message: string): object => ({
  code: "INDEX_INVALID",
  boundary: "index",
  message: expect.stringContaining(message) as string,
});

/** Four numbers whose memory was given to another thread. */
export function detached(): Float32Array {
  const array = Float32Array.of(1, 0, 0, 0);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

/** Four numbers in memory of which only half is left. */
export function shrunk(): Float32Array {
  const memory = new ArrayBuffer(16, { maxByteLength: 16 });
  const array = new Float32Array(memory, 0, 4);
  memory.resize(8);
  return array;
}

/** What TypeScript would refuse. */
export const forced = <T>(value: unknown): T => value as T;
