// Requirements: 4.4.embedders
import fc from "fast-check";
import { expect, it } from "vitest";
import { VectorLru } from "./vector-lru.ts";

it("never holds more than its bytes, and always what was used last if it fits at all", () => {
  const use = fc.record({ key: fc.constantFrom("a", "b", "c", "d"), dimensions: fc.integer({ min: 1, max: 300 }) });
  fc.assert(
    fc.property(fc.array(use), (uses) => {
      const lru = new VectorLru(2_000);
      for (const { key, dimensions } of uses) {
        const vector = new Float32Array(dimensions);
        lru.set(key, vector);
        expect(lru.bytes).toBeLessThanOrEqual(2_000);
        expect(lru.get(key)).toBe(vector);
      }
    }),
  );
});

it("lets go what was not asked for the longest, and takes no vector larger than itself", () => {
  const lru = new VectorLru(1_000);
  const vector = (): Float32Array => new Float32Array(60);
  lru.set("old", vector());
  lru.set("new", vector());
  lru.get("old");
  lru.set("newest", vector());
  expect(["old", "new", "newest"].map((key) => lru.get(key) !== undefined)).toEqual([true, false, true]);
  lru.set("huge", new Float32Array(1_000));
  expect(lru.get("huge")).toBeUndefined();
  expect(lru.bytes).toBe(0);
});
