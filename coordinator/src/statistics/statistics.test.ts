// Requirements: 3.13.gain
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newcombePairedInterval } from "./paired-difference.ts";
import { wilsonInterval } from "./wilson.ts";

const rounded = (digits: number, interval: readonly number[]): number[] =>
  interval.map((end) => Number(end.toFixed(digits)));

describe("wilsonInterval", () => {
  // Newcombe 1998, Statistics in Medicine 17:857–872, table I, method 3.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])("gives the published interval for %i of %i", (successes, trials, lower, upper) => {
    expect(rounded(4, wilsonInterval(successes, trials))).toEqual([lower, upper]);
  });

  const sample = fc.nat(500).chain((n) =>
    fc.tuple(
      fc.nat(n + 1).map((k) => Math.min(k, n + 1)),
      fc.constant(n + 1),
    ),
  );

  it("contains the observed rate, stays in [0, 1] and mirrors failures", () => {
    fc.assert(
      fc.property(sample, ([successes, trials]) => {
        const [lower, upper] = wilsonInterval(successes, trials);
        const [mirrorLower, mirrorUpper] = wilsonInterval(trials - successes, trials);
        expect(0 <= lower && lower <= successes / trials && successes / trials <= upper && upper <= 1).toBe(true);
        expect(lower).toBeCloseTo(1 - mirrorUpper, 12);
        expect(upper).toBeCloseTo(1 - mirrorLower, 12);
      }),
    );
  });

  it("narrows with more trials of the same rate", () => {
    const width = (trials: number): number => {
      const [lower, upper] = wilsonInterval(trials / 4, trials);
      return upper - lower;
    };
    expect(width(400)).toBeLessThan(width(40));
  });

  it("refuses counts that are none", () => {
    expect(() => wilsonInterval(0, 0)).toThrow(RangeError);
    expect(() => wilsonInterval(3, 2)).toThrow(RangeError);
    expect(() => wilsonInterval(Number.NaN, 2)).toThrow(RangeError);
  });
});

describe("newcombePairedInterval", () => {
  it("gives Newcombe's own method 10 result (1998, Stat. Med. 17:2635–2650): 20, 12, 2, 16", () => {
    const interval = newcombePairedInterval({ both: 20, onlyFirst: 12, onlySecond: 2, neither: 16 });
    expect(rounded(4, interval)).toEqual([0.0562, 0.3292]);
  });

  it("gives the result of Fagerland, Lydersen and Laake (2014) for airway reactivity: 1, 1, 7, 12", () => {
    const interval = newcombePairedInterval({ both: 1, onlyFirst: 1, onlySecond: 7, neither: 12 });
    expect(rounded(3, interval)).toEqual([-0.507, -0.026]);
  });

  it("gives the result of Tang et al. (2010): 8, 3, 1, 2", () => {
    const interval = newcombePairedInterval({ both: 8, onlyFirst: 3, onlySecond: 1, neither: 2 });
    expect(rounded(4, interval)).toEqual([-0.1574, 0.4136]);
  });

  const counts = fc
    .record({ both: fc.nat(60), onlyFirst: fc.nat(60), onlySecond: fc.nat(60), neither: fc.nat(60) })
    .filter((c) => c.both + c.onlyFirst + c.onlySecond + c.neither > 0);

  it("contains the observed difference, stays in [−1, 1], and turns its sign with the order of the conditions", () => {
    fc.assert(
      fc.property(counts, (c) => {
        const difference = (c.onlyFirst - c.onlySecond) / (c.both + c.onlyFirst + c.onlySecond + c.neither);
        const [lower, upper] = newcombePairedInterval(c);
        const [swappedLower, swappedUpper] = newcombePairedInterval({
          ...c,
          onlyFirst: c.onlySecond,
          onlySecond: c.onlyFirst,
        });
        expect(-1 <= lower && lower <= difference && difference <= upper && upper <= 1).toBe(true);
        expect(lower).toBeCloseTo(-swappedUpper, 12);
        expect(upper).toBeCloseTo(-swappedLower, 12);
      }),
    );
  });

  it("keeps zero inside when no pair differs, and is not of zero width", () => {
    const [lower, upper] = newcombePairedInterval({ both: 10, onlyFirst: 0, onlySecond: 0, neither: 10 });
    expect(lower).toBeLessThan(0);
    expect(upper).toBeGreaterThan(0);
  });

  it("refuses an empty table", () => {
    expect(() => newcombePairedInterval({ both: 0, onlyFirst: 0, onlySecond: 0, neither: 0 })).toThrow(RangeError);
  });
});
