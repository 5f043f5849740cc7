// Requirements: 6.6.credentials
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Scrubber } from "./secret-scrubber.ts";

async function scrubbed(chunks: Buffer[], secret: string): Promise<string> {
  return (await buffer(Readable.from(chunks).pipe(new Scrubber({ secret, placeholder: "<here>" }).stream()))).toString(
    "latin1",
  );
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

  const secret = 'k3y/with "all" of <it> & $&$$';
  it.each([
    ["a URL", encodeURIComponent(secret)],
    ["a form", encodeURIComponent(secret).replaceAll("%20", "+")],
    ["lower-case escapes", encodeURIComponent(secret).replaceAll(/%../g, (each) => each.toLowerCase())],
    ["JSON", JSON.stringify(secret)],
    ["JSON of PHP's", JSON.stringify(secret).replaceAll("/", String.raw`\/`)],
    ["HTML", "k3y/with &quot;all&quot; of &lt;it&gt; &amp; $&amp;$$"],
    ["hexadecimal numbers", Buffer.from(secret).toString("hex").toUpperCase()],
    ["capitals", secret.toUpperCase()],
    ["base64", Buffer.from(`Bearer ${secret}`).toString("base64")],
    ["base64 one byte further", Buffer.from(`Bearer  ${secret}.`).toString("base64")],
    ["base64 two bytes further", Buffer.from(`Bearer   ${secret}..`).toString("base64url")],
  ])("knows the secret in %s", async (_, echoed) => {
    const chunks = Array.from(`you sent ${echoed}, thank you`, (letter) => Buffer.from(letter));
    const text = await scrubbed(chunks, secret);
    expect(text).toContain("<here>");
    // Of base64 a letter at either end belongs to the secret's neighbours too.
    expect(text.length).toBeLessThan("you sent <here>, thank you".length + 20);
  });

  it("knows what Basic credentials are made of", async () => {
    const basic = `Basic ${Buffer.from("robot:correct-horse").toString("base64")}`;
    expect(await scrubbed([Buffer.from("robot, your password correct-horse is right")], basic)).toBe(
      "robot, your password <here> is right",
    );
  });

  it("puts a secret in as it is, whatever it means elsewhere", () => {
    expect(new Scrubber({ secret, placeholder: "<here>" }).putIn("Bearer <here>")).toBe(`Bearer ${secret}`);
  });
});
