// Requirements: 3.1.formats
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { renderBlock, type ParsedDocument } from "../block.ts";
import { parseHelpOutput } from "./help-output.ts";
import { parseHtml } from "./html.ts";
import { parseManualPage } from "./manual-page.ts";
import { parseMarkdown } from "./markdown.ts";
import { parsePlainText } from "./plain-text.ts";
import { parseRestructuredText } from "./restructured-text.ts";

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../../../test/fixtures/documents/${name}`, import.meta.url));
const text = (name: string): string => fixture(name).toString("utf8");
const headings = (parsed: ParsedDocument): string[] =>
  parsed.blocks.flatMap((block) => (block.kind === "heading" ? [`${block.level} ${block.text}`] : []));
const fences = (parsed: ParsedDocument): [string, string][] =>
  parsed.blocks.flatMap((block) => (block.kind === "fence" ? [[block.language, block.text] as [string, string]] : []));
const prose = (parsed: ParsedDocument): string =>
  parsed.blocks.flatMap((block) => (block.kind === "text" ? [block.text] : [])).join("\n");

describe("Markdown", () => {
  const parsed = parseMarkdown(text("guide.md"));

  it("takes title and description from front matter and keeps the headings", () => {
    expect(parsed.title).toBe("Lantern guide");
    expect(headings(parsed)).toEqual(["2 Lighting", "2 Setext works", "2 Dousing"]);
    expect(prose(parsed)).toContain("How to keep lanterns in order");
  });

  it("keeps fenced and indented code, also within lists, with its language and without the list's indentation", () => {
    expect(fences(parsed)).toEqual([
      ["bash", "lantern light porch --colour amber"],
      ["bash", "lantern light porch garden"],
      ["", "lantern status --all"],
      ["console", "$ lantern douse porch\nporch is dark"],
    ]);
  });

  it("keeps tables and quotations and drops comments", () => {
    expect(prose(parsed)).toContain("| `--colour` | amber or white |");
    expect(prose(parsed)).toContain("A quoted remark stays text.");
    expect(prose(parsed)).not.toContain("comment");
  });

  it("does not take a heading, a comment or a front-matter mark inside a fence for one", () => {
    const inFence = parseMarkdown("```sh\n# a comment\n<!-- kept -->\n---\n~~~\n```\n");
    expect(inFence.blocks).toEqual([{ kind: "fence", language: "sh", text: "# a comment\n<!-- kept -->\n---\n~~~" }]);
  });

  it("reads an unclosed fence to the end of the document", () => {
    expect(fences(parseMarkdown("text\n\n````\na\n```\nb"))).toEqual([["", "a\n```\nb"]]);
  });

  it("reads HTML blocks by their elements", () => {
    expect(fences(parseMarkdown("<div>\n<pre>x &lt; y</pre>\n</div>\n"))).toEqual([["", "x < y"]]);
  });
});

describe("HTML", () => {
  const parsed = parseHtml(text("page.html"));

  it("keeps title, headings and text and drops scripts, styles, navigation and footer", () => {
    expect(parsed.title).toBe("Lantern reference");
    expect(headings(parsed)).toEqual(["1 Lantern reference", "2 Commands"]);
    expect(prose(parsed)).toContain("Use `lantern` & be\ncareful.");
    for (const dropped of ["never", "color", "Home", "Imprint"]) expect(prose(parsed)).not.toContain(dropped);
  });

  it("turns preformatted code into fences, and lists and tables into Markdown", () => {
    expect(fences(parsed)).toEqual([["bash", "lantern light <name>\nlantern douse porch"]]);
    expect(prose(parsed)).toContain("1. light\n  - with colour\n2. douse");
    expect(prose(parsed)).toContain("| Option | Meaning |\n| --- | --- |\n| --colour | amber \\| white |");
  });

  it("keeps the cells around a table within a table", () => {
    const nested = parseHtml(
      "<table><tr><td>Port</td><td><table><tr><td>80</td></tr></table></td></tr><tr><td>Host</td></tr></table>",
    );
    for (const word of ["Port", "80", "Host"]) expect(prose(nested)).toContain(word);
  });

  it("refuses elements nested beyond sense, by a message, in time", () => {
    expect(() => parseHtml("<div>".repeat(200_000))).toThrow(/nested more than 2000 deep/);
  });
});

describe("reStructuredText", () => {
  const parsed = parseRestructuredText(text("manual.rst"));

  it("levels headings by the order in which their underlines appear", () => {
    expect(headings(parsed)).toEqual(["1 Lantern in RST", "2 First steps", "3 Sub section", "2 Second steps"]);
  });

  it("reads literal blocks, code directives and doctests as fences", () => {
    expect(fences(parsed)).toEqual([
      ["", "lantern light porch\n\nlantern light garden"],
      ["bash", "lantern douse porch"],
      ["python", '>>> lantern.light("porch")\nTrue'],
    ]);
  });

  it("keeps what notes and option descriptions say and drops comments, targets and images", () => {
    expect(prose(parsed)).toContain("See the start and use `lantern light` like this:");
    expect(prose(parsed)).toContain("Mind the wind.\nA lantern outdoors may go out.");
    expect(prose(parsed)).toContain("**--colour NAME**\nThe colour of the flame.");
    for (const dropped of ["nobody", "_start", "png", ":alt:"]) expect(prose(parsed)).not.toContain(dropped);
  });
});

describe("plain text", () => {
  it("reads underlined and capital lines as headings and indented blocks as listings", () => {
    const parsed = parsePlainText(text("notes.txt"));
    expect(parsed.title).toBe("Lantern notes");
    expect(headings(parsed)).toEqual(["1 Lantern notes", "2 MAINTENANCE"]);
    expect(fences(parsed)).toEqual([["", "lantern light porch"]]);
    expect(prose(parsed)).toContain("This paragraph\nhas two lines.");
  });
});

describe("manual pages as man prints them", () => {
  const printed = [
    "LANTERN(1)              Lantern Manual              LANTERN(1)",
    "",
    "NAME",
    "       lantern - light and douse",
    "",
    "SYNOPSIS",
    "       lantern [-a] light NAME",
    "               [--colour NAME]",
    "",
    "OPTIONS",
    "       -c, --colour NAME",
    "           The colour. See the manual of lamps for more about colours and their names, which are many and differ.",
    "",
    "           A second paragraph about colours.",
    "",
    "               lantern \u2010\u2010colour amber",
    "",
    "   Rarely used",
    "       \u2022   One bullet.",
    "",
    "EXAMPLES",
    "       Light the porch:",
    "",
    "           $ lantern light porch",
    "",
    "           $ lantern light \u2019garden\u2019",
    "",
    "lantern 1.0                2026-01-01                LANTERN(1)",
  ].join("\n");
  const parsed = parseManualPage(printed);

  it("reads sections, subsections and the page's name, without head and foot line", () => {
    expect(parsed.title).toBe("lantern(1)");
    expect(headings(parsed)).toEqual(["2 NAME", "2 SYNOPSIS", "2 OPTIONS", "3 Rarely used", "2 EXAMPLES"]);
    expect(parsed.blocks.map(renderBlock).join("\n")).not.toContain("2026-01-01");
  });

  it("tells examples from the bodies of options, and restores ASCII signs so that they can be copied", () => {
    expect(fences(parsed)).toEqual([
      ["", "lantern [-a] light NAME\n        [--colour NAME]"],
      ["", "lantern --colour amber"],
      ["console", "$ lantern light porch\n\n$ lantern light 'garden'"],
    ]);
    expect(prose(parsed)).toContain("**-c, --colour NAME**\nThe colour.");
    expect(prose(parsed)).toContain("A second paragraph about colours.");
    expect(prose(parsed)).toContain("- One bullet.");
  });
});

describe("--help output", () => {
  it("makes usage and examples fences and keeps tables of options as they are", () => {
    const parsed = parseHelpOutput(
      "Usage: lantern [options] NAME\n\nLights lanterns.\n\nOptions:\n  -a, --all   all of them\n  -h          help\n\nExamples:\n  lantern porch\n",
      "lantern",
    );
    expect(parsed.title).toBe("lantern");
    expect(headings(parsed)).toEqual(["2 Usage", "2 Options", "2 Examples"]);
    expect(fences(parsed).at(-1)).toEqual(["", "lantern porch"]);
    expect(fences(parsed)[0]?.[1]).toContain("lantern [options] NAME");
    expect(prose(parsed)).toContain("-a, --all   all of them\n-h          help");
  });
});
