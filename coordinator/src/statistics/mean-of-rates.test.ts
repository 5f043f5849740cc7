// Requirements: 6.12.score
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { meanOfSample, meanOfStrata } from "./mean-of-rates.ts";
import { wilsonInterval } from "./wilson.ts";

describe("meanOfSample", () => {
  it("counts each group as one trial: 1, 1/2 and 0 are 1.5 of 3", () => {
    // Wilson with p = 1/2, n = 3: centre 1/2, half width 1.96·√(1/12 + 3.8415/36) / (1 + 3.8415/3) = 0.3747.
    const { groups, rate, interval } = meanOfSample([1, 0.5, 0]);
    expect([groups, rate]).toEqual([3, 0.5]);
    expect(interval[0]).toBeCloseTo(0.1253, 4);
    expect(interval[1]).toBeCloseTo(0.8747, 4);
  });

  it("is Wilson's interval where each group holds one task, and keeps a width where all agree", () => {
    expect(meanOfSample([1, 0, 0, 0]).interval).toEqual(wilsonInterval(1, 4));
    // 1 / (1 + 3.8415/10)
    expect(meanOfSample(Array<number>(10).fill(1)).interval).toEqual([expect.closeTo(0.7225, 4), 1]);
  });

  it("refuses no rates, and those that are none", () => {
    for (const rates of [[], [1.1], [Number.NaN], [-0.1]]) expect(() => meanOfSample(rates)).toThrow(RangeError);
  });
});

describe("meanOfStrata", () => {
  it("adds the squares of what each group's interval leaves on each side", () => {
    // Wilson: 1 of 2 is 0.0945 to 0.9055; 0 of 10 is 0 to 0.2775. Mean 1/4.
    // Below √(0.4055²) / 2 = 0.2027; above √(0.4055² + 0.2775²) / 2 = 0.2457.
    const { groups, rate, interval } = meanOfStrata([
      { successes: 1, trials: 2 },
      { successes: 0, trials: 10 },
    ]);
    expect([groups, rate]).toEqual([2, 0.25]);
    expect(interval[0]).toBeCloseTo(0.0473, 4);
    expect(interval[1]).toBeCloseTo(0.4957, 4);
  });

  it("is Wilson's interval for one group, stays in [0, 1], and never depends on how large groups are for its rate", () => {
    const counts = fc
      .integer({ min: 1, max: 60 })
      .chain((trials) => fc.record({ successes: fc.integer({ min: 0, max: trials }), trials: fc.constant(trials) }));
    fc.assert(
      fc.property(fc.array(counts, { minLength: 1, maxLength: 8 }), (strata) => {
        const { rate, interval } = meanOfStrata(strata);
        expect(0 <= interval[0] && interval[0] <= rate && rate <= interval[1] && interval[1] <= 1).toBe(true);
        const larger = strata.map(({ successes, trials }, at) =>
          at === 0 ? { successes: successes * 3, trials: trials * 3 } : { successes, trials },
        );
        expect(meanOfStrata(larger).rate).toBeCloseTo(rate, 12);
      }),
    );
    const [low, high] = wilsonInterval(3, 7);
    const alone = meanOfStrata([{ successes: 3, trials: 7 }]).interval;
    expect(alone[0]).toBeCloseTo(low, 12);
    expect(alone[1]).toBeCloseTo(high, 12);
  });

  it("refuses no groups, and empty ones", () => {
    expect(() => meanOfStrata([])).toThrow(RangeError);
    expect(() => meanOfStrata([{ successes: 0, trials: 0 }])).toThrow(RangeError);
  });
});
