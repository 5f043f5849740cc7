// Which blobs are named: a Bloom filter, whose memory does not grow with them. It never forgets a name; that it takes a
// few others for known only keeps some garbage until the next collection.

/** 2^27 bits: with ten million names one in 600 others is taken for known. */
const bitsLog2 = 27;
const hashes = 7;

/** Names are SHA-256 in hexadecimal: their own digits are the hashes. */
export class NameFilter {
  readonly #bits = new Uint8Array(2 ** (bitsLog2 - 3));

  add(name: string): void {
    for (const bit of bitsOf(name)) this.#bits[bit >>> 3] = (this.#bits[bit >>> 3] ?? 0) | (1 << (bit & 7));
  }

  has(name: string): boolean {
    for (const bit of bitsOf(name)) if (((this.#bits[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0) return false;
    return true;
  }
}

function* bitsOf(name: string): Generator<number> {
  for (let n = 0; n < hashes; n += 1) yield Number.parseInt(name.slice(8 * n, 8 * n + 8), 16) >>> (32 - bitsLog2);
}
