import { BlockList, dedent, indentOf, type ParsedDocument } from "../block.ts";
import { isFenceOpening, readFence } from "./fence.ts";
import { isUnderline } from "./restructured-text.ts";

/** Deep enough to be an example rather than the indentation of a paragraph's first line. */
const literalIndent = 4;
const capitalsHeadingCharactersMax = 60;

/**
 * Text without markup: underlined and all-capitals lines are headings, blocks indented by four or more are listings,
 * the rest is text with its line breaks kept. Markdown's fences are common in README files and are honoured.
 */
export function parsePlainText(source: string): ParsedDocument {
  const list = new BlockList();
  const lines = source.split("\n");
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    const next = lines[at + 1] ?? "";
    if (line.trim() === "") {
      at += 1;
    } else if (isFenceOpening(line)) {
      at = readFence(lines, at, list);
    } else if (isUnderline(next, line)) {
      list.heading(next.trim().startsWith("=") ? 1 : 2, line);
      at += 2;
    } else if (next.trim() === "" && isCapitalsHeading(line)) {
      list.heading(2, line);
      at += 1;
    } else {
      const isLiteral = indentOf(line) >= literalIndent;
      const start = at;
      while (at < lines.length && continues(lines, at, isLiteral)) at += 1;
      // Every block takes at least the line that began it.
      at = Math.max(at, start + 1);
      if (isLiteral) list.fence("", dedent(lines.slice(start, at)));
      else list.text(lines.slice(start, at).join("\n"));
    }
  }
  const first = list.blocks[0];
  return { title: first?.kind === "heading" ? first.text : null, blocks: list.blocks };
}

/** A paragraph goes on to the next blank line, a listing over blank lines for as long as it stays indented. */
function continues(lines: readonly string[], at: number, isLiteral: boolean): boolean {
  const line = lines[at] ?? "";
  if (!isLiteral) return line.trim() !== "" && !isFenceOpening(line) && !isUnderline(lines[at + 1] ?? "", line);
  return line.trim() === "" || indentOf(line) >= literalIndent;
}

function isCapitalsHeading(line: string): boolean {
  const text = line.trim();
  return (
    indentOf(line) === 0 &&
    text.length <= capitalsHeadingCharactersMax &&
    /\p{Lu}{2}/u.test(text) &&
    !/\p{Ll}/u.test(text) &&
    !/[.:;,]$/.test(text)
  );
}
