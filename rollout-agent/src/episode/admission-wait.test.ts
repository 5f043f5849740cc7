// Requirements: 5.5.pause
import { silentLogger } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AdmissionWait } from "./admission-wait.ts";
import { Deadline } from "./deadline.ts";

describe("an episode whose model calls wait for admission", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("has as much wall time afterwards as before", () => {
    using deadline = new Deadline(1_000, new AbortController().signal);
    const wait = new AdmissionWait(silentLogger);
    wait.holds(deadline);
    vi.advanceTimersByTime(400);
    wait.began();
    vi.advanceTimersByTime(3_600_000);
    // Two calls of one step may wait at once.
    wait.began();
    wait.ended();
    vi.advanceTimersByTime(3_600_000);
    wait.ended();
    expect(wait.totalMs).toBe(7_200_000);
    vi.advanceTimersByTime(599);
    expect(deadline.hasPassed).toBe(false);
    vi.advanceTimersByTime(2);
    expect(deadline.hasPassed).toBe(true);
  });

  it("is not woken by a clock that is started again after it ended", () => {
    const deadline = new Deadline(1_000, new AbortController().signal);
    const wait = new AdmissionWait(silentLogger);
    wait.holds(deadline);
    wait.began();
    deadline[Symbol.dispose]();
    wait.ended();
    expect(vi.getTimerCount()).toBe(0);
  });
});
