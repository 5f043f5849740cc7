// Requirements: 4.4.embedders
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../../limits.ts";
import { batchesOf, cutToBytes, eachAtOnce, tokensOf } from "./batches.ts";

describe("batches", () => {
  const texts = fc.array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.integer({ min: 0, max: 200_000 }).map((length) => "x".repeat(length)),
    ),
    { maxLength: 300 },
  );

  it("hold all texts in order, within both caps or alone", () => {
    fc.assert(
      fc.property(texts, (all) => {
        const batches = batchesOf(all);
        expect(batches.flatMap((batch) => batch.texts)).toEqual(all);
        let from = 0;
        for (const batch of batches) {
          expect(batch.from).toBe(from);
          expect(batch.texts.length).toBeGreaterThan(0);
          from += batch.texts.length;
          const tokens = batch.texts.reduce((sum, text) => sum + tokensOf(text), 0);
          expect(batch.texts.length).toBeLessThanOrEqual(limits.embeddingBatchTextsMax);
          if (batch.texts.length > 1) expect(tokens).toBeLessThanOrEqual(limits.embeddingBatchTokensMax);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("cut a text between characters, and no more than they must", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.nat(60), (text, bytesMax) => {
        const cut = cutToBytes(text, bytesMax);
        expect(text.startsWith(cut)).toBe(true);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(bytesMax);
        const next = text.codePointAt(cut.length);
        if (next === undefined) return;
        expect(Buffer.byteLength(cut + String.fromCodePoint(next))).toBeGreaterThan(bytesMax);
      }),
    );
  });
});

describe("eachAtOnce", () => {
  it("works on so many items at a time and on all of them", async () => {
    const done: number[] = [];
    let busy = 0;
    let busiest = 0;
    await eachAtOnce([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      busiest = Math.max(busiest, ++busy);
      await Promise.resolve();
      busy -= 1;
      done.push(item);
    });
    expect(done.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(busiest).toBe(3);
  });

  it("begins nothing after a failure, but waits for what is under way", async () => {
    const gate = Promise.withResolvers<void>();
    const begun: number[] = [];
    const ended: number[] = [];
    const all = eachAtOnce([1, 2, 3, 4], 2, async (item) => {
      begun.push(item);
      if (item === 1) throw new Error("first");
      await gate.promise;
      ended.push(item);
    });
    const outcome = all.catch((error: unknown) => String(error));
    await Promise.resolve();
    gate.resolve();
    expect(await outcome).toBe("Error: first");
    expect([begun, ended]).toEqual([[1, 2], [2]]);
  });
});
