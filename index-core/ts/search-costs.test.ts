// Requirements: 4.7.service
import { expect, test } from "vitest";
import { SearchCosts } from "./search-costs.ts";

test("a kind that was not searched before is expected to take for ever", () => {
  expect(new SearchCosts().expected("a")).toBe(Number.POSITIVE_INFINITY);
});

test("one long search changes what is expected until some short ones have made up for it", () => {
  const costs = new SearchCosts();
  costs.note("a", 50);
  costs.note("b", 1_000_000);
  expect(costs.expected("a")).toBe(50);
  costs.note("a", 5_000);
  expect(costs.expected("a")).toBe(1_287.5);
  let searches = 0;
  for (; costs.expected("a") > 200; searches += 1) costs.note("a", 50);
  expect(searches).toBeGreaterThan(5);
  expect(searches).toBeLessThan(12);
});

test("kinds are made of what clients send, so the first ones are forgotten", () => {
  const costs = new SearchCosts();
  for (let kind = 0; kind < 1_000; kind += 1) costs.note(String(kind), 1);
  expect(costs.expected("0")).toBe(Number.POSITIVE_INFINITY);
  expect(costs.expected("999")).toBe(1);
});
