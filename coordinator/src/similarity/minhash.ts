// Jaccard similarity of sets, estimated from signatures (Broder 1997) to find candidates fast, and computed exactly to
// decide. Nothing here depends on chance: the hash functions are fixed, so the same sets always give the same answer.

/** Signature length; the estimate's standard error is at most 1 / (2·√128) ≈ 0.044. */
const signatureLength = 128;
/**
 * 32 bands of 4 rows: two sets of similarity s share a band with probability 1 − (1 − s⁴)³². At 0.8 that misses one
 * pair in 20 million, at 0.7 one in 6,000; candidates below the threshold cost one exact comparison each.
 */
const bands = 32;
const rows = signatureLength / bands;

/** 32-bit FNV-1a over UTF-16 code units, with a final mix (MurmurHash3's) so that close texts are far apart. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** Share of common elements among all: |A ∩ B| / |A ∪ B|; 1 for two empty sets. Both arrays are sorted and distinct. */
export function jaccard(a: Uint32Array, b: Uint32Array): number {
  let common = 0;
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const x = a[i] ?? 0;
    const y = b[j] ?? 0;
    if (x === y) common += 1;
    if (x <= y) i += 1;
    if (y <= x) j += 1;
  }
  const union = a.length + b.length - common;
  return union === 0 ? 1 : common / union;
}

/** Distinct hashes of the features, sorted. */
export function featureSet(features: Iterable<string>): Uint32Array {
  const hashes = new Set<number>();
  for (const feature of features) hashes.add(hash32(feature));
  return Uint32Array.from(hashes).sort();
}

/** @param signature is overwritten and returned */
export function minHash(set: Uint32Array, signature = new Uint32Array(signatureLength)): Uint32Array {
  signature.fill(0xffffffff);
  for (const element of set) {
    for (let k = 0; k < signatureLength; k += 1) {
      const value = mix(element ^ (seeds[k] ?? 0));
      if (value < (signature[k] ?? 0)) signature[k] = value;
    }
  }
  return signature;
}

/** Elements of the first page of sets and of the largest: 256 KiB, which the system gets back at once when it is let go. */
const [pageMin, pageMax] = [1_024, 65_536];

/**
 * Finds the most similar of the sets added so far, if any is at least `threshold` similar. The sets lie behind one another
 * in pages, because a block of memory for each, small as they are, would leave holes that no collection of garbage fills.
 */
export class SimilarityIndex<Id> {
  readonly #threshold: number;
  readonly #entries: { id: Id; set: Uint32Array }[] = [];
  #page = new Uint32Array(0);
  #pageUsed = 0;
  /** Most hold one entry; an array for each would take most of the memory. */
  readonly #buckets = new Map<number, number | number[]>();

  /** @param threshold Jaccard similarity from which two sets count as near-duplicates, in (0, 1]. */
  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  get size(): number {
    return this.#entries.length;
  }

  add(id: Id, set: Uint32Array): void {
    const entry = this.#entries.push({ id, set: this.#kept(set) }) - 1;
    for (const band of bandsOf(set)) {
      const bucket = this.#buckets.get(band);
      if (bucket === undefined) this.#buckets.set(band, entry);
      else if (typeof bucket === "number") this.#buckets.set(band, [bucket, entry]);
      else bucket.push(entry);
    }
  }

  /**
   * The most similar set's id, the earliest among equals; null when none reaches the threshold.
   * @param passes given the number of the set (how many were added before it) and its id; sets that do not are passed over
   */
  find(
    set: Uint32Array,
    passes: (entry: number, id: Id) => boolean = () => true,
  ): { id: Id; similarity: number } | null {
    const candidates = new Set(bandsOf(set).flatMap((band) => this.#buckets.get(band) ?? []));
    let best: { id: Id; similarity: number } | null = null;
    for (const candidate of [...candidates].sort((a, b) => a - b)) {
      const entry = this.#entries[candidate];
      if (entry === undefined || !passes(candidate, entry.id)) continue;
      const similarity = jaccard(entry.set, set);
      if (similarity >= this.#threshold && similarity > (best?.similarity ?? 0)) best = { id: entry.id, similarity };
    }
    return best;
  }

  #kept(set: Uint32Array): Uint32Array {
    if (this.#pageUsed + set.length > this.#page.length) {
      const size = Math.max(set.length, Math.min(pageMax, Math.max(pageMin, 2 * this.#page.length)));
      this.#page = new Uint32Array(size);
      this.#pageUsed = 0;
    }
    const kept = this.#page.subarray(this.#pageUsed, this.#pageUsed + set.length);
    kept.set(set);
    this.#pageUsed += set.length;
    return kept;
  }
}

const scratch = new Uint32Array(signatureLength);

/** A number for each band; two bands that share one by chance cost one exact comparison. */
function bandsOf(set: Uint32Array): number[] {
  const signature = minHash(set, scratch);
  return Array.from({ length: bands }, (_, band) => {
    let hash = mix(band + 1);
    for (let row = 0; row < rows; row += 1) hash = mix(Math.imul(hash, 31) ^ (signature[band * rows + row] ?? 0));
    return hash;
  });
}

function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const seeds = Uint32Array.from({ length: signatureLength }, (_, k) => mix(Math.imul(k + 1, 0x9e3779b9)));
