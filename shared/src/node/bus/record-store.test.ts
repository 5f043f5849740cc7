// Requirements: 5.1.revenant
import { describe, expect, it } from "vitest";
import { limits } from "../../limits.ts";
import type { StandingEntry } from "./bucket.ts";
import { withoutRevenants } from "./record-store.ts";

describe("entries that a killed server brought back", () => {
  const ttlMs = 15_000;
  const entry = (key: string, storedAt: number, ttl: number | null = ttlMs): StandingEntry => ({
    key,
    bytes: new Uint8Array([1]),
    revision: 1,
    storedAt,
    ttlMs: ttl,
  });
  const now = 1_000_000;
  const oldest = now - ttlMs - limits.expiryLagMsMax;

  it("are left out once others show that their time has passed", () => {
    const kept = withoutRevenants([
      entry("revenant", oldest - 1),
      entry("late", oldest),
      entry("new", now),
      entry("for ever", 0, null),
    ]);
    expect(kept.map(({ key }) => key)).toEqual(["late", "new", "for ever"]);
  });

  it("cannot be told where nothing else is", () => {
    expect(withoutRevenants([entry("alone", 0)])).toHaveLength(1);
    expect(withoutRevenants([])).toEqual([]);
  });
});
