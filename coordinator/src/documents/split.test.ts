// Requirements: 3.1.split
import { limits } from "@hindcast/shared";
import { deriveId } from "@hindcast/shared/node";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockList, type ParsedDocument } from "./block.ts";
import { parseMarkdown } from "./formats/markdown.ts";
import { documentTokensMin, splitDocument } from "./split.ts";

const words = (count: number, word = "word"): string =>
  Array.from({ length: count }, (_, i) => `${word}${i}`).join(" ");
const parsed = (build: (list: BlockList) => void, title: string | null = null): ParsedDocument => {
  const list = new BlockList();
  build(list);
  return { title, blocks: list.blocks };
};

const anyDocument = fc
  .array(
    fc.record({
      kind: fc.constantFrom("heading", "text", "fence"),
      level: fc.integer({ min: 1, max: 6 }),
      text: fc.oneof(
        fc.string({ unit: "grapheme", maxLength: 2_000 }),
        fc.array(fc.string({ maxLength: 60 }), { maxLength: 60 }).map((lines) => lines.join("\n")),
        fc.constantFrom("````\n```", "x".repeat(3_000), "é".repeat(900)),
      ),
    }),
    { maxLength: 14 },
  )
  .map((blocks) =>
    parsed((list) => {
      for (const { kind, level, text } of blocks) {
        if (kind === "heading") list.heading(level, text);
        else if (kind === "text") list.text(text);
        else list.fence("sh", text);
      }
    }),
  );

describe("splitDocument", () => {
  it("leaves a document that fits in one chunk, under its title", () => {
    const [chunk, ...rest] = splitDocument(parseMarkdown("# Guide\n\nHello.\n\n## Part\n\nBye.\n"), "guide.md", 500);
    expect(rest).toEqual([]);
    expect(chunk).toMatchObject({ source: "guide.md", part: 0, title: "Guide", headingPath: [] });
    expect(chunk?.text).toBe("# Guide\n\nHello.\n\n## Part\n\nBye.");
  });

  it("splits at headings from the top down and keeps the path of headings", () => {
    const body = words(60);
    const chunks = splitDocument(
      parseMarkdown(`# Guide\n\n## A\n\n${body}\n\n### A1\n\n${body}\n\n### A2\n\n${body}\n\n## B\n\n${body}\n`),
      "guide.md",
      130,
    );
    expect(chunks.map(({ headingPath }) => headingPath)).toEqual([["A"], ["A", "A1"], ["A", "A2"], ["B"]]);
    expect(chunks.map(({ part }) => part)).toEqual([0, 1, 2, 3]);
  });

  it("joins small neighbours and names what they have in common", () => {
    const small = words(20);
    const chunks = splitDocument(
      parseMarkdown(`# G\n\n## Options\n\n### a\n\n${small}\n\n### b\n\n${small}\n\n### c\n\n${words(160)}\n`),
      "g.md",
      300,
    );
    expect(chunks.map(({ headingPath }) => headingPath)).toEqual([["Options"], ["Options", "c"]]);
  });

  it("derives ids from the text alone", () => {
    const one = splitDocument(parseMarkdown("# T\n\nSame.\n"), "a.md", 500)[0];
    const other = splitDocument(parseMarkdown("# T\n\nSame.\n"), "b/c.md", 500)[0];
    expect(one?.id).toBe(other?.id);
    expect(one?.id).toBe(deriveId("doc", one?.text ?? ""));
    expect(splitDocument(parseMarkdown("# T\n\nOther.\n"), "a.md", 500)[0]?.id).not.toBe(one?.id);
  });

  it("splits a listing that is too long at line borders into fences of the same language", () => {
    const lines = Array.from({ length: 200 }, (_, i) => `command --number ${i}`);
    const chunks = splitDocument(
      parsed((list) => list.fence("bash", lines.join("\n"))),
      "listing",
      200,
    );
    const inner = chunks.flatMap(({ text }) =>
      [...text.matchAll(/^```bash\n([^`]+)\n```$/gm)].map((match) => match[1]),
    );
    expect(chunks.length).toBeGreaterThan(3);
    expect(inner.join("\n")).toBe(lines.join("\n"));
  });

  it("makes the fence longer than any back-quotes inside", () => {
    const [chunk] = splitDocument(
      parsed((list) => list.fence("", "```\ninner\n````")),
      "x",
      500,
    );
    expect(chunk?.text).toContain("`````\n```\ninner\n````\n`````");
  });

  it("gives nothing for a document without content", () => {
    expect(
      splitDocument(
        parsed((list) => list.heading(1, "Only a heading")),
        "x",
        500,
      ),
    ).toEqual([]);
  });

  it("refuses a budget that nothing fits into", () => {
    expect(() =>
      splitDocument(
        parsed(() => {}),
        "x",
        10,
      ),
    ).toThrow(/128/);
  });

  it("keeps every budget, never leaves a fence open, and loses no character but white space", () => {
    fc.assert(
      fc.property(anyDocument, fc.integer({ min: documentTokensMin, max: 700 }), (document, tokensMax) => {
        const chunks = splitDocument(document, "s", tokensMax);
        const letters = (text: string): string => text.replace(/[\s`#]|sh/g, "");
        const content = document.blocks.filter(({ kind }) => kind !== "heading").map(({ text }) => letters(text));
        const got = chunks.map(({ text }) => letters(text)).join("");
        for (const { text, tokens } of chunks) {
          expect(tokens).toBeLessThanOrEqual(tokensMax);
          expect(openFences(text)).toBe(0);
        }
        let from = 0;
        for (const expected of content) {
          const at = got.indexOf(expected, from);
          expect(at).toBeGreaterThanOrEqual(from);
          from = at + expected.length;
        }
      }),
    );
  });

  it("splits to the budget that the system uses", () => {
    const chunks = splitDocument(
      parsed((list) => list.text(words(20_000))),
      "long",
      limits.documentTokensMax,
    );
    expect(Math.max(...chunks.map(({ tokens }) => tokens))).toBeLessThanOrEqual(limits.documentTokensMax);
  });
});

/** Fences that are open at the end, read as CommonMark reads them. */
function openFences(text: string): number {
  let marker: string | null = null;
  for (const line of text.split("\n")) {
    const fence = /^(`{3,})([^`]*)$/.exec(line);
    if (marker === null && fence !== null) marker = fence[1] ?? "";
    else if (marker !== null && fence !== null && fence[2]?.trim() === "" && (fence[1]?.length ?? 0) >= marker.length) {
      marker = null;
    }
  }
  return marker === null ? 0 : 1;
}
