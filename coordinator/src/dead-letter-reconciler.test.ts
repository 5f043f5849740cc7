// Requirements: 5.3.reconciler
import { expect, it } from "vitest";
import { LookedAt } from "./dead-letter-reconciler.ts";

it("remembers of any number of dead letters how far they need no further look", () => {
  const looked = new LookedAt();
  for (let sequence = 1; sequence <= 300_000; sequence += 1) if (sequence !== 7) looked.settle(sequence);
  looked.advance(7);
  expect([looked.until, looked.beyond.size]).toEqual([7, 299_993]);
  looked.settle(7);
  looked.advance(null);
  expect([looked.until, looked.beyond.size]).toEqual([300_001, 0]);
});

it("looks again where the stream no longer reaches to what was looked at, and only there", () => {
  const looked = new LookedAt();
  for (const sequence of [1, 2, 4]) looked.settle(sequence);
  looked.advance(3);
  for (const newest of [4, 3, 2]) {
    looked.standsIn({ born: "then", newest });
    expect([looked.until, [...looked.beyond]]).toEqual([3, [4]]);
  }
  looked.standsIn({ born: "then", newest: 1 });
  expect([looked.until, looked.beyond.size]).toEqual([1, 0]);
  looked.standsIn({ born: "then", newest: 0 });
  expect(looked.until).toBe(1);
});

it("looks at all of a stream that was made anew, however far it has come", () => {
  const looked = new LookedAt();
  looked.standsIn({ born: "then", newest: 0 });
  for (const sequence of [1, 2, 4]) looked.settle(sequence);
  looked.advance(3);
  looked.standsIn({ born: "later", newest: 9 });
  expect([looked.until, looked.beyond.size]).toEqual([1, 0]);
  looked.settle(1);
  looked.advance(null);
  looked.standsIn({ born: "later", newest: 9 });
  expect(looked.until).toBe(2);
});
