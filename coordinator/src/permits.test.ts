// Requirements: 5.7.retune
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Permits } from "./permits.ts";

const never = new AbortController().signal;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("Permits", () => {
  it("never lets in more than the number at the moment, and in the end everybody", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 20 }), async (limits) => {
        let max = 1;
        const permits = new Permits(() => max);
        const order: number[] = [];
        const held: Disposable[] = [];
        for (const index of limits.keys()) {
          void permits.take(never).then((permit) => (order.push(index), held.push(permit)));
        }
        await turn();
        for (const limit of [...limits, 5]) {
          const before = held.length;
          max = limit;
          permits.look();
          await turn();
          expect(held.length).toBeLessThanOrEqual(Math.max(before, limit));
          held.shift()?.[Symbol.dispose]();
          await turn();
        }
        while (held.length > 0) {
          held.shift()?.[Symbol.dispose]();
          await turn();
        }
        expect(order).toEqual([...limits.keys()]);
      }),
      { numRuns: 50 },
    );
  });

  it("forgets who gave up waiting", async () => {
    const permits = new Permits(() => 1);
    const first = await permits.take(never);
    const gone = new AbortController();
    const waiting = permits.take(gone.signal);
    const next = permits.take(never);
    gone.abort(new Error("cancelled"));
    await expect(waiting).rejects.toThrow("cancelled");
    first[Symbol.dispose]();
    await expect(next).resolves.toBeDefined();
    await expect(permits.take(gone.signal)).rejects.toThrow("cancelled");
  });
});
