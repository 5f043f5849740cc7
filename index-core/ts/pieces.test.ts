// Requirements: 4.7.service
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Pieces } from "./pieces.ts";

const busyFor = (ms: number): void => {
  for (const until = performance.now() + ms; performance.now() < until;);
};

test("long work lets others have the loop in between, short work does not", async () => {
  const order: string[] = [];
  const work = async (name: string, ms: number): Promise<void> => {
    const pieces = new Pieces();
    for (let step = 0; step < 2; step += 1) {
      busyFor(ms);
      order.push(name);
      await pieces.rest();
    }
  };
  const other = nextTurn().then(() => order.push("other"));
  await work("short", 0);
  await work("long", 1);
  await other;
  expect(order).toEqual(["short", "short", "long", "other", "long"]);
});
