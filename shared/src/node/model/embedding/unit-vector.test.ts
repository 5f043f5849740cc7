// Requirements: 4.4.embedders
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unitVector } from "./unit-vector.ts";

describe("unitVector", () => {
  it("has length 1 and the direction of what it was made from, whatever finite numbers that has", () => {
    const component = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(fc.array(component, { minLength: 1, maxLength: 40 }), (values) => {
        fc.pre(values.some((value) => value !== 0));
        const vector = unitVector(values, values.length);
        if (typeof vector === "string") expect.unreachable();
        expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
        const largest = values.reduce(
          (best, value, at) => (Math.abs(value) > Math.abs(values[best] ?? 0) ? at : best),
          0,
        );
        expect(Math.sign(vector[largest] ?? 0)).toBe(Math.sign(values[largest] ?? 0));
      }),
    );
  });

  it.each<[unknown[], RegExp]>([
    [[1, 2], /^has 2 dimensions instead of 3$/],
    [[1, 2, 3, 4], /^has 4 dimensions/],
    [[0, -0, 0], /^is zero/],
    [[1, Number.NaN, 1], /^has NaN at position 1/],
    [[1, 1, -Infinity], /^has -Infinity at position 2/],
    [["1", 2, 3], /^has 1 at position 0, which is no finite number/],
    [[1, null, 3], /^has null at position 1/],
    [[1, undefined, 3], /^has undefined at position 1/],
  ])("says what is wrong with %j", (values, problem) => {
    expect(unitVector(values, 3)).toMatch(problem);
  });
});
