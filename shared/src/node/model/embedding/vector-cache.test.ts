// Requirements: 4.4.embedders
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HindcastError } from "../../../errors.ts";
import type { BatchEmbedder, EmbeddingPurpose } from "./embedder.ts";
import { cachedEmbedder, type StoredVector, vectorKey, type VectorStore } from "./vector-cache.ts";

const noAbort = new AbortController().signal;

class MemoryStore implements VectorStore {
  readonly values = new Map<string, StoredVector>();

  async get(key: string): Promise<{ value: StoredVector; revision: number } | null> {
    const value = this.values.get(key);
    return value === undefined ? null : { value, revision: 1 };
  }

  async create(key: string, value: StoredVector): Promise<number> {
    if (this.values.has(key)) throw new HindcastError({ code: "BUS_CONFLICT", boundary: "bus", message: "it exists" });
    this.values.set(key, value);
    return 1;
  }
}

/** Counts what is bought of it; two texts to a batch. `before` may hold a batch up or make it fail. */
function aSeller(before: (texts: readonly string[], signal: AbortSignal) => Promise<void> = async () => undefined) {
  const bought: string[] = [];
  const embedder: BatchEmbedder = {
    name: "test/seller@2",
    dimensions: 2,
    embed: () => Promise.reject(new Error("the cache takes batches")),
    embedBatches: async (texts, purpose, onBatch, signal) => {
      for (let from = 0; from < texts.length; from += 2) {
        const batch = texts.slice(from, from + 2);
        await before(batch, signal);
        signal.throwIfAborted();
        bought.push(...batch);
        await onBatch(
          from,
          batch.map((text) => vectorOf(text, purpose)),
        );
      }
    },
  };
  return { bought, embedder };
}

function vectorOf(text: string, purpose: EmbeddingPurpose): Float32Array {
  const angle = Buffer.from(`${purpose} ${text}`).reduce((sum, byte) => sum * 31 + byte, 7);
  return Float32Array.of(Math.cos(angle), Math.sin(angle));
}

describe("cachedEmbedder", () => {
  it("buys each text of a purpose once, whatever is asked for how often, in order and beside each other", async () => {
    const text = fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h");
    const call = fc.record({
      texts: fc.array(text),
      purpose: fc.constantFrom("document" as const, "query" as const),
      isWaitedFor: fc.boolean(),
      isAfterRestart: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call), fc.constantFrom(0, 500, 100_000), async (calls, bytesMax) => {
        const store = new MemoryStore();
        const { bought, embedder } = aSeller();
        let cache = cachedEmbedder(embedder, store, { bytesMax });
        const under: Promise<unknown>[] = [];
        for (const { texts, purpose, isWaitedFor, isAfterRestart } of calls) {
          if (isAfterRestart) {
            await Promise.all(under);
            cache = cachedEmbedder(embedder, store, { bytesMax });
          }
          const embedded = cache.embed(texts, purpose, noAbort).then((vectors) => {
            expect(vectors).toEqual(texts.map((each) => vectorOf(each, purpose)));
          });
          under.push(embedded);
          if (isWaitedFor) await embedded;
        }
        await Promise.all(under);
        const asked = new Set(calls.flatMap(({ texts, purpose }) => texts.map((each) => `${purpose} ${each}`)));
        expect(bought).toHaveLength(asked.size);
        expect(store.values.size).toBe(asked.size);
      }),
    );
  });

  it("tells embedders, purposes and texts apart", () => {
    const keys = [
      vectorKey("a", "query", "x"),
      vectorKey("b", "query", "x"),
      vectorKey("a", "document", "x"),
      vectorKey("a", "query", "y"),
      vectorKey('a","query', "query", "x"),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  it("keeps what earlier batches brought when a later one fails", async () => {
    let isBroken = true;
    const { bought, embedder } = aSeller(async (texts) => {
      if (isBroken && texts.includes("c")) throw new Error("sold out");
    });
    const cache = cachedEmbedder(embedder, new MemoryStore());
    await expect(cache.embed(["a", "b", "c", "d"], "query", noAbort)).rejects.toThrow("sold out");
    isBroken = false;
    expect(await cache.embed(["a", "b", "c", "d"], "query", noAbort)).toHaveLength(4);
    expect(bought).toEqual(["a", "b", "c", "d"]);
  });

  it("lets one caller leave while another waits, and stops buying when the last one leaves", async () => {
    const gate = Promise.withResolvers<void>();
    const signals: AbortSignal[] = [];
    const { bought, embedder } = aSeller(async (_, signal) => {
      signals.push(signal);
      await gate.promise;
    });
    const cache = cachedEmbedder(embedder, new MemoryStore());
    const [first, second] = [new AbortController(), new AbortController()];
    const leaving = cache.embed(["a"], "query", first.signal);
    const staying = cache.embed(["a"], "query", second.signal);
    first.abort(new Error("first left"));
    await expect(leaving).rejects.toThrow("first left");
    expect(signals.some(({ aborted }) => aborted)).toBe(false);
    second.abort(new Error("second left"));
    await expect(staying).rejects.toThrow("second left");
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
    // What was given up is bought for who comes later.
    const later = cache.embed(["a"], "query", noAbort);
    gate.resolve();
    expect(await later).toEqual([vectorOf("a", "query")]);
    expect(bought).toEqual(["a"]);
  });

  it("uses the vector that another process has stored first", async () => {
    const store = new MemoryStore();
    const other = aSeller();
    const { embedder } = aSeller(async () => {
      await cachedEmbedder(
        { ...other.embedder, embedBatches: (_texts, _purpose, onBatch) => onBatch(0, [Float32Array.of(0, 1)]) },
        store,
      ).embed(["a"], "query", noAbort);
    });
    expect(await cachedEmbedder(embedder, store).embed(["a"], "query", noAbort)).toEqual([Float32Array.of(0, 1)]);
  });

  it("uses no vector that could not be stored", async () => {
    const store = new MemoryStore();
    store.create = () => Promise.reject(new HindcastError({ code: "BUS_TIMEOUT", boundary: "bus", message: "slow" }));
    const cache = cachedEmbedder(aSeller().embedder, store);
    await expect(cache.embed(["a"], "query", noAbort)).rejects.toMatchObject({ code: "BUS_TIMEOUT" });
  });

  it("never misreads a stored vector of another embedder or size", async () => {
    const store = new MemoryStore();
    const stored: StoredVector = { v: 1, embedder: "test/seller@2", purpose: "query", vector: "AACAPw==" };
    store.values.set(vectorKey("test/seller@2", "query", "a"), stored);
    store.values.set(vectorKey("test/seller@2", "query", "b"), { ...stored, embedder: "x@2", vector: "AACAPwAAAAA=" });
    const cache = cachedEmbedder(aSeller().embedder, store);
    for (const text of ["a", "b"]) {
      await expect(cache.embed([text], "query", noAbort)).rejects.toMatchObject({ code: "PROTOCOL_INVALID" });
    }
  });

  it("refuses an empty text by its position and buys nothing", async () => {
    const { bought, embedder } = aSeller();
    const refused = cachedEmbedder(embedder, new MemoryStore()).embed(["a", "b", ""], "query", noAbort);
    await expect(refused).rejects.toMatchObject({ code: "MODEL_REQUEST_INVALID" });
    await expect(refused).rejects.toThrow(/^Text 2 /);
    expect(bought).toEqual([]);
  });
});
