// Requirements: 3.13.report
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cut, displayWidth, printable, printableLine, wrap } from "./text-width.ts";

const anyText = fc.string({ unit: "binary", maxLength: 200 });

describe("printable", () => {
  it("takes escape sequences, cursor movement and reading-order tricks out of foreign text", () => {
    expect(printable("a\u001B[31mred\u001B[0m\u001B]0;title\u0007b")).toBe("aredb");
    expect(printable("one\r\ntwo\rthree\tfour")).toBe("one\ntwo\nthree    four");
    expect(printable("bell\u0007 \u202Egnp.exe \u009B2J")).not.toMatch(/[\p{Control}\p{Bidi_Control}]/u);
  });

  it("leaves no control character but the line feed, whatever the text is", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(printable(text).replaceAll("\n", "")).not.toMatch(/\p{Control}/u);
        expect(printableLine(text)).not.toMatch(/[\p{Control}\n]/u);
      }),
    );
  });
});

describe("displayWidth", () => {
  it.each([
    ["abc", 3],
    ["日本", 4],
    ["é", 1],
    ["e\u0301", 1],
    ["🦀", 2],
    ["👩‍👩‍👧", 2],
    ["\u001B[31mred\u001B[39m", 3],
    ["█▌", 2],
  ])("of %j is %i", (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
});

describe("cut and wrap", () => {
  it("keep every line within the width", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 2, max: 60 }), (foreign, width) => {
        const text = printable(foreign);
        expect(displayWidth(cut(text.replaceAll("\n", " "), width, "…"))).toBeLessThanOrEqual(width);
        for (const line of wrap(text, width)) expect(displayWidth(line)).toBeLessThanOrEqual(width);
      }),
    );
  });

  it("lose no word when wrapping", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 2, max: 60 }), (foreign, width) => {
        const text = printable(foreign);
        expect(wrap(text, width).join("").replaceAll(/\s/g, "")).toBe(text.replaceAll(/\s/g, ""));
      }),
    );
  });

  it("mark what was cut", () => {
    expect(cut("abcdef", 4, "…")).toBe("abc…");
    expect(cut("abcd", 4, "…")).toBe("abcd");
  });
});
