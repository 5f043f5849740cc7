// Requirements: 5.9.snapshots
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../limits.ts";
import { sha256Hex } from "../derive-id.ts";
import { partsOf } from "./content-parts.ts";

const MiB = 1024 * 1024;
/** Bytes without a pattern, the same in every run. */
function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0, state = seed; at < length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}
const names = (bytes: Uint8Array): string[] => [...partsOf(bytes)].map((part) => sha256Hex(part));

describe("partsOf", () => {
  it("gives all the bytes in order, in parts within their bounds", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 600_000 }), fc.integer({ min: 1 }), (length, seed) => {
        const bytes = noise(length, seed);
        const parts = [...partsOf(bytes)];
        expect(Buffer.concat(parts).equals(bytes)).toBe(true);
        for (const [i, part] of parts.entries()) {
          expect(part.length).toBeLessThanOrEqual(limits.sharedPartBytesMax);
          if (i < parts.length - 1) expect(part.length).toBeGreaterThan(limits.sharedPartBytesMin);
        }
      }),
      { numRuns: 25 },
    );
  });

  it("cuts where it always did: stored parts of earlier versions are shared", () => {
    expect([...partsOf(noise(200_000))].map(({ length }) => length)).toMatchInlineSnapshot(`
      [
        59192,
        131072,
        9736,
      ]
    `);
  });

  it("shares all but a few parts of two contents that differ by an insertion", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4 * MiB }), fc.integer({ min: 1, max: 2_000 }), (at, inserted) => {
        const bytes = noise(4 * MiB);
        const known = new Set(names(bytes));
        const changed = Buffer.concat([bytes.subarray(0, at), noise(inserted, 7), bytes.subarray(at)]);
        expect(names(changed).filter((name) => !known.has(name)).length).toBeLessThanOrEqual(4);
      }),
      { numRuns: 10 },
    );
  });

  it("keeps the list of a blob's parts within a message", () => {
    const partBytesMean = (4 * MiB) / [...partsOf(noise(4 * MiB))].length;
    expect((limits.sharedBlobBytesMax / partBytesMean) * 44).toBeLessThan(limits.messageBytesMax / 2);
    // Even where every part is as small as can be.
    expect((limits.sharedBlobBytesMax / limits.sharedPartBytesMin) * 44).toBeLessThan(limits.messageBytesMax);
  });
});
