// Requirements: 6.6.credentials
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scrubber } from "./secret-scrubber.ts";

async function scrubbed(chunks: Buffer[], secret: string): Promise<string> {
  return (await buffer(Readable.from(chunks).pipe(scrubber({ secret, placeholder: "<here>" })))).toString("latin1");
}

describe("scrubbing", () => {
  it("finds a secret wherever the stream is cut, and leaves all else as it was", async () => {
    const secret = fc.stringMatching(/^[ab]{2,6}$/);
    const text = fc.array(fc.oneof(fc.constantFrom("a", "b", "c", "ab"), secret), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(text, secret, fc.array(fc.nat(40), { maxLength: 6 }), async (parts, wanted, cuts) => {
        const whole = parts.join("");
        const places = [...new Set(cuts.map((cut) => Math.min(cut, whole.length)))].sort((x, y) => x - y);
        const chunks = [0, ...places].map((from, index) =>
          Buffer.from(whole.slice(from, places[index] ?? whole.length)),
        );
        expect(await scrubbed(chunks, wanted)).toBe(whole.replaceAll(wanted, "<here>"));
      }),
    );
  });
});
