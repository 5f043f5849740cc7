import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom, stratifiedSample } from "./sampling.ts";

describe("seededRandom", () => {
  it("gives the same sequence for the same parts", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.integer())), (parts) => {
        const one = seededRandom(...parts);
        const other = seededRandom(...parts);
        expect([one.next(), one.integer(1000)]).toEqual([other.next(), other.integer(1000)]);
      }),
    );
  });

  it("tells apart parts that only join to the same text", () => {
    expect(seededRandom("ab", "c").next()).not.toBe(seededRandom("a", "bc").next());
  });

  it("derives a source that neither reads nor moves its parent", () => {
    const parent = seededRandom("campaign", 7);
    const early = parent.derive("windows").next();
    const untouched = seededRandom("campaign", 7).next();
    expect(parent.next()).toBe(untouched);
    expect(parent.derive("windows").next()).toBe(early);
    expect(early).not.toBe(untouched);
  });

  it("stays in [0, 1) and in {0, …, n − 1}", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, n) => {
        const random = seededRandom(seed);
        const x = random.next();
        const i = random.integer(n);
        expect(x >= 0 && x < 1 && Number.isInteger(i) && i >= 0 && i < n).toBe(true);
      }),
    );
  });

  it("refuses a bound that leaves nothing to choose from", () => {
    expect(() => seededRandom().integer(0)).toThrow(RangeError);
    expect(() => seededRandom().integer(1.5)).toThrow(RangeError);
  });

  it("is uniform: chi-square over 16 cells of 64,000 draws stays below the 0.1 % critical value", () => {
    const random = seededRandom("uniformity");
    const cells = Array.from({ length: 16 }, () => 0);
    for (let i = 0; i < 64_000; i += 1) {
      const cell = random.integer(16);
      cells[cell] = (cells[cell] ?? 0) + 1;
    }
    const chiSquare = cells.reduce((sum, count) => sum + (count - 4_000) ** 2 / 4_000, 0);
    expect(chiSquare).toBeLessThan(37.7); // 15 degrees of freedom
  });

  it("shuffles to a permutation and leaves its input alone", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.string(), (items, seed) => {
        const before = [...items];
        const shuffled = seededRandom(seed).shuffle(items);
        expect(items).toEqual(before);
        expect([...shuffled].sort((a, b) => a - b)).toEqual([...items].sort((a, b) => a - b));
      }),
    );
  });

  it("samples k different positions, or all of them", () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(80), fc.string(), (length, k, seed) => {
        const items = Array.from({ length }, (_, i) => i);
        const sample = seededRandom(seed).sample(items, k);
        expect(sample.length).toBe(Math.min(k, length));
        expect(new Set(sample).size).toBe(sample.length);
      }),
    );
  });
});

describe("stratifiedSample", () => {
  const group = (item: { group: number }): string => String(item.group);
  const items = fc.array(fc.record({ group: fc.nat(5), id: fc.nat() }), { maxLength: 60 });

  it("takes min(k, all), keeps the input's order and spreads evenly over the groups", () => {
    fc.assert(
      fc.property(items, fc.nat(70), fc.string(), (list, k, seed) => {
        const chosen = stratifiedSample(list, k, group, seededRandom(seed));
        expect(chosen.length).toBe(Math.min(k, list.length));
        const positions = chosen.map((item) => list.indexOf(item));
        expect(positions).toEqual([...positions].sort((a, b) => a - b));
        const size = (of: typeof list, g: number): number => of.filter((item) => item.group === g).length;
        for (const a of [0, 1, 2, 3, 4, 5]) {
          for (const b of [0, 1, 2, 3, 4, 5]) {
            // A group may have two or more fewer than another only when it is used up.
            if (size(chosen, a) + 1 < size(chosen, b)) expect(size(chosen, a)).toBe(size(list, a));
          }
        }
      }),
    );
  });

  it("is the same for the same seed", () => {
    const list = Array.from({ length: 40 }, (_, id) => ({ group: id % 3, id }));
    const pick = (): unknown => stratifiedSample(list, 10, group, seededRandom("s"));
    expect(pick()).toEqual(pick());
  });
});
