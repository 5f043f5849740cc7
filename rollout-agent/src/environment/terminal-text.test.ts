// Requirements: 3.bad.commands
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { processorMilliseconds } from "../../../test/support/processor-time.ts";
import { nameText, plainText, terminalText } from "./terminal-text.ts";

const whole = (text: string, bytesMax: number): ReturnType<typeof terminalText> =>
  terminalText({ bytes: Buffer.from(text), gap: null }, bytesMax);

describe("terminal text", () => {
  it.each([
    ["colours", "\u001B[1;31mred\u001B[0m", "red"],
    ["cursor moves", "a\u001B[2J\u001B[Hb\u001B[?25lc", "abc"],
    ["window titles", "\u001B]0;evil title\u0007x\u001B]8;;http://a\u001B\\link", "xlink"],
    ["device control strings", "a\u001BPq#0;2;0;0;0\u001B\\b", "ab"],
    ["character sets and resets", "\u001B(Ba\u001Bcb\u001B7c", "abc"],
    ["8-bit sequences", "a\u009B31mb", "ab"],
    ["a sequence that is cut", "a\u001B[31", "a"],
    ["a string that never ends", "a\u001B]hidden\nshown", "a\nshown"],
    ["bells and other controls", "a\u0007\u0000\u000E\u007Fb", "ab"],
    ["bold of printed manuals", "N\bNA\bA _\bu", "NA u"],
    ["progress over one line", "10%\r50%\r100%\r\ndone\r\n", "100%\ndone\n"],
  ])("is free of %s", (_, shown, text) => {
    expect(plainText(Buffer.from(shown))).toBe(text);
  });

  it("keeps tabs, newlines and every letter", () => {
    expect(whole("tab\tnew\nline ünïcödé 漢字 🎉\n", 1_000)).toEqual({
      text: "tab\tnew\nline ünïcödé 漢字 🎉\n",
      omittedBytes: 0,
    });
  });

  it("marks bytes that are no UTF-8", () => {
    expect(plainText(Buffer.from([0x61, 0xff, 0xc3, 0x62]))).toBe("a\uFFFD\uFFFDb");
  });

  it("cuts the middle and says how much", () => {
    expect(whole("0123456789", 4)).toEqual({ text: "01\n[... 6 bytes omitted ...]\n89", omittedBytes: 6 });
    const gap = { at: 4, bytes: 100 };
    expect(terminalText({ bytes: Buffer.from("ab\ncxyz"), gap }, 100)).toEqual({
      text: "ab\nc\n[... 100 bytes omitted ...]\nxyz",
      omittedBytes: 100,
    });
  });

  it("never splits a character, stays within its size and counts every byte", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), fc.integer({ min: 1, max: 100 }), (text, max) => {
        const plain = plainText(Buffer.from(text));
        const { text: shown, omittedBytes } = whole(text, max);
        const kept = shown.replace(/\n?\[\.\.\. \d+ bytes omitted \.\.\.\]\n/, "");
        expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(Math.max(max, Buffer.byteLength(plain) - omittedBytes));
        expect(shown.includes("\uFFFD")).toBe(plain.includes("\uFFFD") && shown.includes("\uFFFD"));
        if (Buffer.byteLength(plain) <= max) expect(shown).toBe(plain);
      }),
    );
  });

  it("takes no longer for text that was made to be slow", () => {
    for (const part of ["\r", "x", "\u001B", "\u001B[", "\u001B]", "\b", "x\b", " "]) {
      const bytes = Buffer.from(part.repeat(500_000));
      expect(processorMilliseconds(() => plainText(bytes))).toBeLessThan(3_000);
    }
  });

  it("has no control character left, whatever was printed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        // oxlint-disable-next-line no-control-regex -- control characters are what must be gone
        expect(plainText(bytes)).not.toMatch(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/);
      }),
    );
  });
});

describe("a name in a status", () => {
  it("is one line, whatever its owner has put into it", () => {
    expect(nameText("/workspace/a b")).toBe("/workspace/a b");
    expect(nameText("x]\n[exit code 0]\u001b]0;pwned\u0007\u009b2J\u2028")).toBe(
      String.raw`x]\x0a[exit code 0]\x1b]0;pwned\x07\x9b2J\x2028`,
    );
  });
});
