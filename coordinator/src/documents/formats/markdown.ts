// Markdown by its block structure alone, in one pass over the lines. A complete CommonMark parser is not used: nested
// lists or many setext headings take it minutes for a file of some hundred kilobytes, and inline structure is of no
// use here, because text is kept as written.
import { BlockList, dedent, indentOf, type ParsedDocument } from "../block.ts";
import { isFenceOpening, readFence } from "./fence.ts";
import { parseHtml } from "./html.ts";

const htmlBlock =
  /^ {0,3}<(\/?)(address|article|aside|blockquote|body|center|col|dd|details|dir|div|dl|dt|fieldset|figure|footer|form|h[1-6]|head|header|html|iframe|li|link|main|menu|nav|ol|p|pre|script|section|style|summary|table|tbody|td|tfoot|th|thead|title|tr|ul)(?=[\s/>]|$)/i;
const listMarker = /^\s*(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;
const atxHeading = /^ {0,3}(#{1,6})(?=[ \t]|$)(.*)$/;

export function parseMarkdown(source: string): ParsedDocument {
  const { title, description, lines } = takeFrontMatter(source.split("\n"));
  const list = new BlockList();
  if (description !== null) list.text(description);
  readBlocks(lines, list);
  const firstHeading = list.blocks.find((block) => block.kind === "heading");
  return { title: title ?? firstHeading?.text ?? null, blocks: list.blocks };
}

function readBlocks(lines: readonly string[], list: BlockList): void {
  const lastCommentEnd = lines.findLastIndex((line) => line.includes("-->"));
  let isInList = false;
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    if (line.trim() === "") {
      at += 1;
      continue;
    }
    if (isInList && indentOf(line) === 0 && !listMarker.test(line)) isInList = false;
    if (/^\s*<!--/.test(line)) {
      at = skipComment(lines, at, lastCommentEnd);
      continue;
    }
    const next = readSpecialBlock(lines, at, list, isInList);
    if (next > at) {
      at = next;
      continue;
    }
    if (listMarker.test(line)) isInList = true;
    at = readText(lines, at, list);
  }
}

/** Reads a block that its first line announces; returns `at` itself where that line begins ordinary text. */
function readSpecialBlock(lines: readonly string[], at: number, list: BlockList, isInList: boolean): number {
  const line = lines[at] ?? "";
  if (isThematicBreak(line)) return at + 1;
  const heading = atxHeading.exec(line);
  if (heading !== null) {
    list.heading(heading[1]?.length ?? 1, withoutClosingHashes(heading[2] ?? ""));
    return at + 1;
  }
  if (isFenceOpening(line)) return readFence(lines, at, list);
  if (/^ {0,3}>/.test(line)) return readQuote(lines, at, list);
  const html = htmlBlock.exec(line);
  if (html !== null) return readHtmlBlock(lines, at, html[2] ?? "", list);
  if (!isInList && indentOf(line) >= 4) return readIndentedCode(lines, at, list);
  return at;
}

function readText(lines: readonly string[], start: number, list: BlockList): number {
  let at = start + 1;
  for (; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (line.trim() === "" || atxHeading.test(line) || isFenceOpening(line)) break;
    const underline = /^ {0,3}(=+|-+)[ \t]*$/.exec(line);
    if (underline !== null) {
      list.heading(underline[1]?.startsWith("=") === true ? 1 : 2, lines.slice(start, at).join(" "));
      return at + 1;
    }
  }
  list.text(lines.slice(start, at).join("\n"));
  return at;
}

function readQuote(lines: readonly string[], start: number, list: BlockList): number {
  let at = start;
  const quoted: string[] = [];
  for (; at < lines.length && /^ {0,3}>/.test(lines[at] ?? ""); at += 1) {
    quoted.push((lines[at] ?? "").replace(/^ {0,3}(?:> ?)+/, ""));
  }
  readBlocks(quoted, list);
  return at;
}

/** A comment that is never closed costs its first line only; looking for its end each time would take for ever. */
function skipComment(lines: readonly string[], start: number, lastCommentEnd: number): number {
  let at = start;
  while (at < lastCommentEnd && lines[at]?.includes("-->") !== true) at += 1;
  return start > lastCommentEnd ? start + 1 : at + 1;
}

function readHtmlBlock(lines: readonly string[], start: number, name: string, list: BlockList): number {
  const isVerbatim = /^(?:pre|script|style)$/i.test(name);
  const closing = `</${name.toLowerCase()}`;
  let at = start;
  for (; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (isVerbatim && line.toLowerCase().includes(closing)) {
      at += 1;
      break;
    }
    if (!isVerbatim && line.trim() === "") break;
  }
  list.blocks.push(...parseHtml(lines.slice(start, at).join("\n")).blocks);
  return at;
}

function readIndentedCode(lines: readonly string[], start: number, list: BlockList): number {
  let at = start;
  while (at < lines.length && (lines[at]?.trim() === "" || indentOf(lines[at] ?? "") >= 4)) at += 1;
  list.fence("", dedent(lines.slice(start, at)));
  return at;
}

function isThematicBreak(line: string): boolean {
  const marks = line.replace(/[ \t]/g, "");
  return marks.length >= 3 && /^(?:-+|\*+|_+)$/.test(marks) && indentOf(line) < 4;
}

function withoutClosingHashes(text: string): string {
  const trimmed = text.trim();
  let end = trimmed.length;
  while (end > 0 && trimmed[end - 1] === "#") end -= 1;
  const isClosing = end < trimmed.length && (end === 0 || /\s/.test(trimmed[end - 1] ?? ""));
  const kept = isClosing ? trimmed.slice(0, end).trimEnd() : trimmed;
  const anchor = kept.lastIndexOf("{#");
  return anchor > 0 && kept.endsWith("}") ? kept.slice(0, anchor) : kept;
}

/** YAML (`---`) or TOML (`+++`) before the text; only title and description are of use, and they are plain lines. */
function takeFrontMatter(lines: string[]): { title: string | null; description: string | null; lines: string[] } {
  const marker = lines[0]?.trimEnd();
  const end =
    marker === "---" || marker === "+++" ? lines.findIndex((line, i) => i > 0 && line.trimEnd() === marker) : -1;
  if (end === -1) return { title: null, description: null, lines };
  const value = (key: string): string | null => {
    const line = lines
      .slice(1, end)
      .find((candidate) => candidate.startsWith(`${key}:`) || candidate.startsWith(`${key} =`));
    const text = line
      ?.slice(key.length)
      .replace(/^\s*[:=]\s*/, "")
      .trim()
      .replace(/^(["'])(.*)\1$/, "$2");
    // A folded YAML scalar (`>` or `|`) continues on the next lines; what is on this line is then no text.
    return text === undefined || /^[>|][+-]?$/.test(text) || text === "" ? null : text;
  };
  return { title: value("title"), description: value("description"), lines: lines.slice(end + 1) };
}
