// Requirements: 3.6.windows
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aTrajectory } from "../../test/support/builders.ts";
import { seededRandom } from "./sampling.ts";
import { allWindows, chooseWindows, subTrajectory } from "./windows.ts";

const trajectoryOf = (steps: number): ReturnType<typeof aTrajectory> =>
  aTrajectory(...Array.from({ length: steps }, (_, i) => ({ command: `step ${i + 1}`, state: `s${i + 1}` })));

describe("allWindows", () => {
  it("gives n(n+1)/2 windows, each at least one action long and within the trajectory", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 30 }), (n) => {
        const windows = allWindows(n);
        expect(windows).toHaveLength((n * (n + 1)) / 2);
        expect(new Set(windows.map(({ from, to }) => `${from}-${to}`)).size).toBe(windows.length);
        for (const { from, to } of windows) expect(0 <= from && from < to && to <= n).toBe(true);
      }),
    );
  });

  it("has the paper's 91 windows for its 13-step example", () => {
    expect(allWindows(13)).toHaveLength(91);
  });
});

describe("chooseWindows", () => {
  it("takes every window when faithful", () => {
    expect(chooseWindows(trajectoryOf(13), { kind: "faithful" }, seededRandom("a"))).toHaveLength(91);
  });

  it("keeps to the cap, always with the full run, every granularity, and the same choice for the same seed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 4, max: 60 }), (n, windowsMax) => {
        const choose = (): ReturnType<typeof chooseWindows> =>
          chooseWindows(trajectoryOf(n), { kind: "bounded", windowsMax }, seededRandom("seed", n));
        const chosen = choose();
        expect(chosen.length).toBe(Math.min(windowsMax, (n * (n + 1)) / 2));
        expect(chosen).toContainEqual({ from: 0, to: n });
        if (n >= 11)
          expect(chosen.some(({ from, to }) => to - from < 5) && chosen.some(({ from, to }) => to - from >= 10)).toBe(
            true,
          );
        expect(choose()).toEqual(chosen);
      }),
    );
  });
});

describe("subTrajectory", () => {
  it("runs from o_i to o_j inclusive", () => {
    const window = subTrajectory(trajectoryOf(5), { from: 1, to: 3 });
    expect(window.initial).toEqual(trajectoryOf(5).steps[0]?.observed);
    expect(window.steps.map(({ index }) => index)).toEqual([2, 3]);
    expect(window.steps.at(-1)?.observed).toEqual(trajectoryOf(5).steps[2]?.observed);
  });
});
