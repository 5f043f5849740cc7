// Requirements: 3.1.formats, 3.1.bad-files, 3.bad.documents
// Every parser against input nobody wrote on purpose: nothing throws but for a stated reason, nothing hangs, and the
// result stays within a small multiple of the input.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { processorMilliseconds } from "../../../../test/support/processor-time.ts";
import { renderBlock, type ParsedDocument } from "../block.ts";
import { decodePrinted, decodeText } from "../decode.ts";
import { splitDocument } from "../split.ts";
import { parseHelpOutput } from "./help-output.ts";
import { parseHtml } from "./html.ts";
import { parseManualPage } from "./manual-page.ts";
import { parseMarkdown } from "./markdown.ts";
import { parsePlainText } from "./plain-text.ts";
import { parseRestructuredText } from "./restructured-text.ts";

const parsers: Record<string, (text: string) => ParsedDocument> = {
  markdown: parseMarkdown,
  html: parseHtml,
  "restructured-text": parseRestructuredText,
  "plain text": parsePlainText,
  "manual page": parseManualPage,
  "help output": (text) => parseHelpOutput(text, "command"),
};

/** Pieces that mean something to some parser, so that random sequences of them reach every branch. */
const soup = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ..."``` ```` ~~~ # ## --- === > - * 1. <!-- --> <pre> </pre> <li> <ul> </ul> <td> <tr> <table> </table> <h2> </h2> <title> <code> &lt; &#xD800; .. :: .. code:: .. note:: .. _a: :a: >>> NAME SYNOPSIS a(1) Usage: Examples: $ \u2022 | +++ {#a}".split(
          " ",
        ),
        "\n",
        "\n\n",
        "\n    ",
        "\n  ",
        "\t",
        " ",
        "text",
        "  two",
        "\n           deep",
      ),
      fc.string({ unit: "binary", maxLength: 6 }),
    ),
    { maxLength: 80 },
  )
  .map((pieces) => pieces.join(""));

const bytesOf = (parsed: ParsedDocument): number => Buffer.byteLength(parsed.blocks.map(renderBlock).join("\n\n"));

describe.each(Object.entries(parsers))("%s", (_, parse) => {
  it("takes any text and gives no more than a small multiple of it", () => {
    fc.assert(
      fc.property(fc.oneof(soup, fc.string({ unit: "binary" })), (text) => {
        expect(bytesOf(parse(text))).toBeLessThanOrEqual(Buffer.byteLength(text) * 12 + 1_000);
      }),
      { numRuns: 400 },
    );
  });

  it("leaves chunks within the budget and fences closed", () => {
    fc.assert(
      fc.property(fc.array(soup, { maxLength: 12 }), (texts) => {
        for (const chunk of splitDocument(parse(texts.join("\n\n")), "soup", 128)) {
          expect(chunk.tokens).toBeLessThanOrEqual(128);
          expect(chunk.text.trim()).not.toBe("");
        }
      }),
      { numRuns: 100 },
    );
  });

  // Each of these takes a parser that looks at every position from every other minutes.
  const repeat = (piece: string): string => piece.repeat(Math.ceil(300_000 / piece.length));
  it.each([
    ["brackets", repeat("[")],
    ["quotes", repeat(">")],
    ["headings", repeat("a\n===\n")],
    ["open comments", repeat("<!-- ")],
    ["lines of open comments", repeat("<!--\n")],
    ["back-quotes", repeat("`a")],
    ["fences", repeat("```\n")],
    ["open tags", repeat('<a href="')],
    ["closing tags", repeat("</p>")],
    ["literal blocks", repeat("a::\n\n b\n")],
    ["directives", repeat(".. note::\n ")],
    ["deeper and deeper", Array.from({ length: 700 }, (_unused, i) => `${" ".repeat(i)}.. note::\n\n`).join("")],
    ["deeper lists", Array.from({ length: 700 }, (_unused, i) => `${" ".repeat(i)}- a\n`).join("")],
    ["deeper options", Array.from({ length: 700 }, (_unused, i) => `${" ".repeat(i + 5)}-o  a\n\n`).join("")],
    ["blank lines", repeat("\n")],
    ["spaces", repeat(" ")],
    ["hashes", repeat("#")],
    ["colons", repeat(":a")],
    ["roles", repeat(":a:`")],
    ["one line", repeat("word ")],
    ["one word", repeat("w")],
  ])("reads 300 kB of %s in a moment", (_name, text) => {
    expect(processorMilliseconds(() => splitDocument(parse(text), "repeated", 500))).toBeLessThan(3_000);
  });
});

describe("decoding", () => {
  it("takes any bytes: text comes out well-formed and without control characters, the rest is called binary", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.constantFrom(decodeText, decodePrinted), (bytes, decode) => {
        let text: string;
        try {
          text = decode(bytes);
        } catch (error) {
          expect(String(error)).toMatch(/is binary/);
          return;
        }
        expect(text.isWellFormed() && !/(?![\n\t])\p{Cc}/u.test(text)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it("returns any ordinary text as it was, whatever its byte-order mark", () => {
    const printable = fc.string({ unit: "grapheme" }).filter((text) => !/\p{Cc}|\u2028|\u2029|\uFEFF/u.test(text));
    fc.assert(
      fc.property(printable, (text) => {
        const utf16 = Buffer.from(`\uFEFF${text}`, "utf16le");
        expect(decodeText(Buffer.from(`\uFEFF${text}`, "utf8"))).toBe(text);
        expect(decodeText(utf16)).toBe(text);
        expect(decodeText(Buffer.from(utf16).swap16())).toBe(text);
      }),
    );
  });

  it("knows a replacement character that was written from one that decoding had to put in", () => {
    expect(decodeText(Buffer.from("\uFFFD", "utf8"))).toBe("\uFFFD");
    expect(decodeText(Buffer.from("\uFEFF\uFFFD", "utf16le"))).toBe("\uFFFD");
    expect(() => decodeText(Buffer.from([0xff]))).toThrow(/is binary/);
  });

  it("replaces invalid UTF-8 and keeps the rest", () => {
    expect(decodeText(Buffer.from([0x61, 0xff, 0x62, 0x0d, 0x0a, 0x63]))).toBe("a\uFFFDb\nc");
  });

  it("undoes overstriking and colours in what a program printed", () => {
    expect(decodePrinted(Buffer.from("N\bNA\bA _\bx \u001b[1mbold\u001b[0m"))).toBe("NA x bold");
  });
});
