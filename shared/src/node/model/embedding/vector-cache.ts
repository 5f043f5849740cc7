// A vector that was paid for is never bought again: another process, a restarted one and an index that is built anew
// find it in the VECTORS bucket by the hash of embedder, purpose and text. Only vectors are kept, never errors.
import { z } from "zod";
import { HindcastError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { RecordStore } from "../../bus/bus.ts";
import { sha256Hex } from "../../derive-id.ts";
import { eachAtOnce, refuseEmpty } from "./batches.ts";
import type { BatchEmbedder, Embedder, EmbeddingPurpose } from "./embedder.ts";
import { VectorLru } from "./vector-lru.ts";

/** A value of the VECTORS bucket, under the key of `vectorKey`. */
export const StoredVector = z.strictObject({
  v: z.literal(1),
  /** The embedder's name; its end says how many dimensions there are. */
  embedder: z.string(),
  purpose: z.enum(["document", "query"]),
  /** Components as 32-bit floats, little-endian. */
  vector: z.base64(),
});
export type StoredVector = z.infer<typeof StoredVector>;

export type VectorStore = Pick<RecordStore<StoredVector>, "get" | "create">;

export interface VectorCacheOptions {
  /** Of what is kept in memory in front of the store. @default limits.vectorCacheBytesMax */
  bytesMax?: number;
}

/** SHA-256 of everything that decides a vector. */
export function vectorKey(embedder: string, purpose: EmbeddingPurpose, text: string): string {
  return sha256Hex(JSON.stringify([embedder, purpose, text]));
}

/**
 * Wraps an embedder with the cache. Equal texts at the same time are bought once; a caller that aborts leaves alone,
 * and what it asked for is given up when nobody else waits for it.
 * @throws HindcastError also when a vector cannot be stored: it is never used without a record of it.
 */
export function cachedEmbedder(
  embedder: BatchEmbedder,
  store: VectorStore,
  { bytesMax = limits.vectorCacheBytesMax }: VectorCacheOptions = {},
): Embedder {
  const cache = new VectorCache(embedder, store, bytesMax);
  return {
    name: embedder.name,
    dimensions: embedder.dimensions,
    embed: (texts, purpose, signal) => cache.embed(texts, purpose, signal),
  };
}

/** Texts that one caller missed and that are looked up and bought together. */
interface Purchase {
  waiting: number;
  controller: AbortController;
}

/** A text under way. */
interface Flight {
  vector: Promise<Float32Array>;
  purchase: Purchase;
}

interface Wanted {
  key: string;
  text: string;
  landed: PromiseWithResolvers<Float32Array>;
}

class VectorCache {
  readonly #embedder: BatchEmbedder;
  readonly #store: VectorStore;
  readonly #memory: VectorLru;
  readonly #flights = new Map<string, Flight>();

  constructor(embedder: BatchEmbedder, store: VectorStore, bytesMax: number) {
    this.#embedder = embedder;
    this.#store = store;
    this.#memory = new VectorLru(bytesMax);
  }

  async embed(texts: readonly string[], purpose: EmbeddingPurpose, signal: AbortSignal): Promise<Float32Array[]> {
    signal.throwIfAborted();
    refuseEmpty(texts, this.#embedder.name);
    const keys = texts.map((text) => vectorKey(this.#embedder.name, purpose, text));
    const vectors = new Map<string, Promise<Float32Array>>();
    const boarded = new Set<Purchase>();
    const wanted: Wanted[] = [];
    for (const [at, key] of keys.entries()) {
      if (vectors.has(key)) continue;
      const flight = this.#flights.get(key);
      const known = this.#memory.get(key);
      if (known !== undefined) vectors.set(key, Promise.resolve(known));
      else if (flight !== undefined) {
        boarded.add(flight.purchase);
        vectors.set(key, flight.vector);
      } else {
        const landed = Promise.withResolvers<Float32Array>();
        wanted.push({ key, text: texts[at] ?? "", landed });
        vectors.set(key, landed.promise);
      }
    }
    if (wanted.length > 0) boarded.add(this.#purchase(wanted, purpose));
    const all = Promise.all(keys.flatMap((key) => vectors.get(key) ?? []));
    return whileBoarded(all, boarded, signal);
  }

  #purchase(wanted: readonly Wanted[], purpose: EmbeddingPurpose): Purchase {
    const purchase: Purchase = { waiting: 0, controller: new AbortController() };
    const leave = (key: string): void => {
      if (this.#flights.get(key)?.purchase === purchase) this.#flights.delete(key);
    };
    for (const { key, landed } of wanted) {
      this.#flights.set(key, { vector: landed.promise, purchase });
      const keep = (vector: Float32Array): void => (this.#memory.set(key, vector), leave(key));
      landed.promise.then(keep, () => leave(key));
    }
    // A purchase that is given up makes room at once: who comes later must not wait for it.
    const giveUp = (): void => wanted.forEach(({ key }) => leave(key));
    purchase.controller.signal.addEventListener("abort", giveUp, { once: true });
    this.#fetchOrBuy(wanted, purpose, purchase.controller.signal).catch((error: unknown) => {
      // Those that have landed already ignore this.
      for (const { landed } of wanted) landed.reject(error);
    });
    return purchase;
  }

  async #fetchOrBuy(wanted: readonly Wanted[], purpose: EmbeddingPurpose, signal: AbortSignal): Promise<void> {
    const found = new Set<string>();
    await eachAtOnce(wanted, limits.vectorLookupsAtOnce, async ({ key, landed }) => {
      const vector = await this.#read(key);
      if (vector === null) return;
      found.add(key);
      landed.resolve(vector);
    });
    const missing = wanted.filter(({ key }) => !found.has(key));
    if (missing.length === 0) return;
    signal.throwIfAborted();
    const texts = missing.map(({ text }) => text);
    const keep = async (from: number, vectors: readonly Float32Array[]): Promise<void> => {
      const bought = vectors.flatMap((vector, at) => {
        const want = missing[from + at];
        return want === undefined ? [] : [{ ...want, vector }];
      });
      await eachAtOnce(bought, limits.vectorLookupsAtOnce, async ({ key, landed, vector }) => {
        landed.resolve(await this.#write(key, purpose, vector));
      });
    };
    await this.#embedder.embedBatches(texts, purpose, keep, signal);
  }

  async #read(key: string): Promise<Float32Array | null> {
    const entry = await this.#store.get(key);
    return entry === null ? null : vectorOf(entry.value, key, this.#embedder);
  }

  /**
   * Stores a vector and returns the one that everybody shall use: another process may have bought it at the same time,
   * and then the first one that was stored is the one that a later run will see.
   */
  async #write(key: string, purpose: EmbeddingPurpose, vector: Float32Array): Promise<Float32Array> {
    try {
      await this.#store.create(key, { v: 1, embedder: this.#embedder.name, purpose, vector: base64Of(vector) });
      return vector;
    } catch (error) {
      if (!(error instanceof HindcastError) || error.code !== "BUS_CONFLICT") throw error;
      const first = await this.#read(key);
      if (first === null) throw error;
      return first;
    }
  }
}

/** Waits for vectors on board of the purchases that bring them; the last one to leave a purchase takes it down. */
async function whileBoarded<T>(vectors: Promise<T>, boarded: ReadonlySet<Purchase>, signal: AbortSignal): Promise<T> {
  const { promise: left, reject } = Promise.withResolvers<never>();
  const leave = (): void => reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  for (const purchase of boarded) purchase.waiting += 1;
  try {
    return await Promise.race([vectors, left]);
  } finally {
    signal.removeEventListener("abort", leave);
    for (const purchase of boarded) {
      purchase.waiting -= 1;
      if (purchase.waiting === 0) purchase.controller.abort(signal.reason);
    }
  }
}

// Both directions take the platform's byte order: the native index is built for little-endian machines only.
function base64Of({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}

function vectorOf(stored: StoredVector, key: string, { name, dimensions }: BatchEmbedder): Float32Array {
  const bytes = Buffer.from(stored.vector, "base64");
  if (stored.embedder === name && bytes.length === dimensions * Float32Array.BYTES_PER_ELEMENT) {
    // A copy: small buffers lie in a pool at any offset.
    return new Float32Array(Uint8Array.from(bytes).buffer);
  }
  throw new HindcastError({
    code: "PROTOCOL_INVALID",
    boundary: "protocol",
    message: `The stored vector ${key} is of ${stored.embedder} with ${bytes.length} bytes and cannot be one of ${name}; delete it from the VECTORS bucket.`,
  });
}
