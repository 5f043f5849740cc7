import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DocumentSource, parseDocumentSource, sourceText, splitGlob } from "./document-source.ts";
import { formatOfContent, formatOfName } from "./format.ts";

describe("parseDocumentSource", () => {
  it.each<[string, DocumentSource]>([
    ["./docs", { kind: "path", path: "./docs" }],
    ["man:git-tag", { kind: "manual", page: "git-tag", section: null }],
    ["man:git-*(1)", { kind: "manual", page: "git-*", section: "1" }],
    ["man:File::Spec(3perl)", { kind: "manual", page: "File::Spec", section: "3perl" }],
    ["help:npm pkg", { kind: "help", command: ["npm", "pkg"] }],
  ])("reads %s", (text, source) => {
    expect(parseDocumentSource(text)).toEqual(source);
    expect(sourceText(source)).toBe(text);
  });

  it.each(["man:", "man:--help", "man:a b", "man:../x", "help:", "help:  ", " "])(
    "refuses %j with a sentence",
    (text) => {
      expect(() => parseDocumentSource(text)).toThrow(/names no|empty/);
    },
  );

  it("takes any text or refuses it", () => {
    fc.assert(
      fc.property(fc.tuple(fc.constantFrom("", "man:", "help:"), fc.string()), ([scheme, text]) => {
        try {
          parseDocumentSource(scheme + text);
        } catch (error) {
          expect(String(error)).toMatch(/names no|empty/);
        }
      }),
    );
  });
});

describe("formats by name and content", () => {
  it.each([
    ["a/README.md", "markdown"],
    ["Page.HTML", "html"],
    ["index.rst", "restructured-text"],
    ["INSTALL", "text"],
    ["book.pdf", "pdf"],
    ["git-tag.1", "manual"],
    ["git-tag.1.gz", "manual"],
    ["curl.3ssl.gz", "manual"],
    ["logo.png", null],
    ["archive.tar.gz", null],
    [".bashrc", null],
  ])("%s is %s", (path, format) => {
    expect(formatOfName(path)).toBe(format);
  });

  it("knows PDF and HTML by their first bytes", () => {
    expect(formatOfContent(Buffer.from("%PDF-1.7"))).toBe("pdf");
    expect(formatOfContent(Buffer.from("\n<!DOCTYPE html><p>"))).toBe("html");
    expect(formatOfContent(Buffer.from("plain"))).toBe("text");
  });
});

describe("splitGlob", () => {
  it.each([
    ["docs/**/*.md", { folder: "docs", glob: "**/*.md" }],
    ["*.md", { folder: ".", glob: "*.md" }],
    ["/*.md", { folder: "/", glob: "*.md" }],
    ["/usr/share/{doc,man}/x?", { folder: "/usr/share", glob: "{doc,man}/x?" }],
    ["./docs/guide.md", null],
  ])("divides %s where its first wildcard begins", (path, expected) => {
    expect(splitGlob(path)).toEqual(expected);
  });
});
