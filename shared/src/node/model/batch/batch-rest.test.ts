// Requirements: 5.5.pause
import { expect, it } from "vitest";
import { limits } from "../../../limits.ts";
import { BatchRest } from "./batch-rest.ts";

it.each([
  ["budget-exhausted", 1_000, 900_000],
  ["budget-exhausted", 3_600_000, 3_600_000],
  ["rate-limited", null, limits.batchPollMsMax],
  ["rate-limited", 300_000, 300_000],
] as const)("rests after %s that advises %s ms for %s ms", (kind, retryAfterMs, restMs) => {
  const rest = new BatchRest();
  expect(rest.isOver(0)).toBe(true);
  expect(rest.begin({ kind, retryAfterMs }, 0)).toBe(true);
  expect([rest.isOver(restMs - 1), rest.isOver(restMs)]).toEqual([false, true]);
});

it("does not rest after what waiting does not mend", () => {
  const rest = new BatchRest();
  expect(rest.begin({ kind: "unauthorized", retryAfterMs: null }, 0)).toBe(false);
  expect(rest.isOver(0)).toBe(true);
});

it("gives up after a day of refusals, counted anew once a batch was taken", () => {
  const rest = new BatchRest();
  const spent = { kind: "budget-exhausted", retryAfterMs: null } as const;
  expect(rest.begin(spent, 0)).toBe(true);
  expect(rest.begin(spent, limits.admissionPauseMsMax + 1)).toBe(false);
  rest.end();
  expect(rest.begin(spent, limits.admissionPauseMsMax + 2)).toBe(true);
});
