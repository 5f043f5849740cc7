import { createHash } from "node:crypto";

/**
 * A vector that follows from a text and what else decides it, and from nothing else. Fewer dimensions are the
 * beginning of more, as in models that were trained for it, and then its length is not 1.
 */
export function fakeVector(seed: string, dimensions: number): number[] {
  const vector: number[] = [];
  for (let block = 0; vector.length < dimensions; block += 1) {
    const digest = createHash("sha256").update(`${block} ${seed}`).digest();
    for (let at = 0; at < digest.length; at += 4) vector.push(digest.readInt32LE(at) / 2 ** 31);
  }
  return vector.slice(0, dimensions).map(Math.fround);
}

/** Components as 32-bit floats, little-endian, as OpenAI sends them. */
export function base64OfVector(vector: readonly number[]): string {
  return Buffer.from(Float32Array.from(vector).buffer).toString("base64");
}
