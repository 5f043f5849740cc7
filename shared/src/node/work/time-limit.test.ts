// Requirements: 5.4.nothing-kept
import { setTimeout as pause } from "node:timers/promises";
import { queryObjects } from "node:v8";
import { describe, expect, it } from "vitest";
import { TimeLimit } from "./time-limit.ts";

const longMs = 600_000;
const never = new AbortController().signal;

describe("a time limit", () => {
  it("aborts when its time has passed, and says so", async () => {
    using limit = new TimeLimit(5, never);
    await expect.poll(() => limit.signal.aborted).toBe(true);
    expect(limit.hasPassed).toBe(true);
  });

  it("aborts with the outer signal and its reason, which is not its time", () => {
    const outer = new AbortController();
    using limit = new TimeLimit(longMs, outer.signal);
    outer.abort("enough");
    expect([limit.signal.aborted, limit.signal.reason, limit.hasPassed]).toEqual([true, "enough", false]);
  });

  it("does not abort once it is disposed of", async () => {
    const limit = new TimeLimit(5, never);
    limit[Symbol.dispose]();
    await pause(20);
    expect(limit.signal.aborted).toBe(false);
  });

  it("leaves nothing behind, whatever was made of it", async () => {
    const before = queryObjects(AbortSignal, { format: "count" });
    for (let i = 0; i < 100; i += 1) {
      using limit = new TimeLimit(longMs, never);
      const listened = AbortSignal.any([limit.signal, never]);
      const listener = (): void => undefined;
      listened.addEventListener("abort", listener);
      listened.removeEventListener("abort", listener);
    }
    // What a weak reference was made of lives until the end of the turn.
    await pause(1);
    expect(queryObjects(AbortSignal, { format: "count" }) - before).toBeLessThan(10);
  });
});
