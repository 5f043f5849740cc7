/** Vectors by key up to a number of bytes; the one that was not asked for the longest goes first. */
export class VectorLru {
  readonly #bytesMax: number;
  readonly #vectors = new Map<string, Float32Array>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(key: string): Float32Array | undefined {
    const vector = this.#vectors.get(key);
    if (vector === undefined) return undefined;
    // A map lists its keys in the order in which they were set.
    this.#vectors.delete(key);
    this.#vectors.set(key, vector);
    return vector;
  }

  set(key: string, vector: Float32Array): void {
    this.#delete(key);
    this.#vectors.set(key, vector);
    this.#bytes += bytesOf(key, vector);
    for (const oldest of this.#vectors.keys()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#delete(oldest);
    }
  }

  get bytes(): number {
    return this.#bytes;
  }

  #delete(key: string): void {
    const vector = this.#vectors.get(key);
    if (vector === undefined) return;
    this.#vectors.delete(key);
    this.#bytes -= bytesOf(key, vector);
  }
}

/** About what the objects of one entry take besides key and components. */
const entryBytes = 200;

function bytesOf(key: string, vector: Float32Array): number {
  return key.length + vector.byteLength + entryBytes;
}
