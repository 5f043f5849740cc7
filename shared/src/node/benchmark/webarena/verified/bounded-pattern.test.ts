// Requirements: 6.12.patterns
import { describe, expect, it } from "vitest";
import { limits } from "../../../../limits.ts";
import { fits, isPattern } from "./bounded-pattern.ts";

describe("a pattern of a task file", () => {
  it("is read as Python reads it", () => {
    expect(fits("^(?P<a>x+)y(?P=a)$", "xxyxx", { at: "whole" })).toBe(true);
    expect(fits("^open$", "OPEN", { at: "whole", ignoreCase: true })).toBe(true);
    expect(fits("^a$", "a\n", { at: "start" })).toBe(true);
    expect(fits("^a$", "a\n", { at: "whole" })).toBe(false);
    expect(fits("^a|b$", "ax", { at: "start" })).toBe(true);
    expect(fits("^.*b$", "a\nb", { at: "whole" })).toBe(false);
    expect(fits("^.*b$", "a\nb", { at: "whole", dotAll: true })).toBe(true);
    expect(fits("(?i)PAGE", "my page", { at: "anywhere" })).toBe(true);
    expect(fits("^(?!q$|sort$).+$", "price", { at: "anywhere" })).toBe(true);
    expect(fits("^(", "x", { at: "whole" })).toBeNull();
    expect([isPattern("^a$"), isPattern("^"), isPattern("a$")]).toEqual([true, false, false]);
  });

  it("that would take for ever is given up in time and is no answer", () => {
    const started = performance.now();
    expect(() => fits("^(a+)+$", `${"a".repeat(40)}!`, { at: "whole" })).toThrow(/was given up: more than \d+ ms/);
    expect(() => fits("^(a|a)*$", `${"a".repeat(40)}!`, { at: "start" })).toThrow("was given up");
    expect(performance.now() - started).toBeLessThan(20 * limits.taskPatternMs);
    expect(fits("^(a+)+$", "a".repeat(40), { at: "whole" })).toBe(true);
  });
});
