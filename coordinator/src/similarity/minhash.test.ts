import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../sampling.ts";
import { SimilarityIndex, featureSet, hash32, jaccard, minHash } from "./minhash.ts";

const features = fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { maxLength: 40 }).map((set) => set.map(String));
/** Two sets of given size that share about the given part of their elements. */
function pairOf(similarity: number, size: number, seed: string): [Uint32Array, Uint32Array] {
  const random = seededRandom("pair", seed);
  const common = Math.round((2 * size * similarity) / (1 + similarity));
  const names = (from: number, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${seed}-${from + i}`);
  const shared = names(0, common);
  return [
    featureSet(random.shuffle([...shared, ...names(10_000, size - common)])),
    featureSet(random.shuffle([...shared, ...names(20_000, size - common)])),
  ];
}

describe("jaccard", () => {
  it("is the share of common elements", () => {
    fc.assert(
      fc.property(features, features, (a, b) => {
        const union = new Set([...a, ...b]);
        const common = a.filter((x) => b.includes(x)).length;
        const expected = union.size === 0 ? 1 : common / union.size;
        expect(jaccard(featureSet(a), featureSet(b))).toBeCloseTo(expected, 12);
      }),
    );
  });
});

describe("minHash", () => {
  it("estimates the similarity within four standard errors, over 200 pairs", () => {
    const random = seededRandom("estimates");
    for (let i = 0; i < 200; i += 1) {
      const [a, b] = pairOf(random.next(), 60, String(i));
      const [x, y] = [minHash(a), minHash(b)];
      const equal = x.filter((value, k) => value === y[k]).length / x.length;
      const exact = jaccard(a, b);
      expect(Math.abs(equal - exact)).toBeLessThan(4 * Math.sqrt((exact * (1 - exact) + 0.01) / x.length));
    }
  });

  it("does not depend on the order of the elements", () => {
    fc.assert(
      fc.property(features, (a) => {
        expect(minHash(featureSet(a))).toEqual(minHash(featureSet([...a].reverse())));
      }),
    );
  });

  it("spreads similar texts over the whole range", () => {
    const hashes = Array.from({ length: 1_000 }, (_, i) => hash32(`feature ${i}`));
    expect(new Set(hashes).size).toBe(1_000);
    expect(hashes.filter((hash) => hash < 2 ** 31).length).toBeGreaterThan(400);
    expect(hashes.filter((hash) => hash < 2 ** 31).length).toBeLessThan(600);
  });
});

describe("SimilarityIndex", () => {
  it("finds what an exact search over all sets finds", () => {
    const index = new SimilarityIndex<number>(0.8);
    const known: Uint32Array[] = [];
    const random = seededRandom("index");
    for (let i = 0; i < 300; i += 1) {
      const [a, b] = pairOf(0.6 + 0.4 * random.next(), 50, String(i));
      index.add(known.push(a) - 1, a);
      const similarities = known.map((set) => jaccard(set, b));
      const best = Math.max(...similarities);
      const found = index.find(b);
      if (best >= 0.8) expect(found).toEqual({ id: similarities.indexOf(best), similarity: best });
      else expect(found).toBeNull();
    }
  });

  it("names the earliest of equally similar sets", () => {
    const index = new SimilarityIndex<string>(0.5);
    index.add("first", featureSet(["a", "b"]));
    index.add("second", featureSet(["a", "b"]));
    expect(index.find(featureSet(["b", "a"]))).toEqual({ id: "first", similarity: 1 });
  });
});
