// A manual page as `man` prints it. The roff source is left to man: it knows both macro packages (man, mdoc), tables,
// includes and compression, and it is what every machine with manual pages has. What structure means is read back from
// indentation, which all formatters share: sections at column 0, subsections at 3, text at one level, the bodies of
// options deeper and directly below their tag, examples deeper and set off by a blank line.
import { BlockList, dedent, indentOf, type ParsedDocument } from "../block.ts";

/** Pages are formatted this wide, so that a paragraph is one line and a listing keeps its own lines. */
export const manualColumns = 1_000;
const proseCharactersMin = 100;
/** Some formatters keep to the usual 80 columns whatever they are asked; then a paragraph has several lines. */
const wideCharactersMin = 120;

export function parseManualPage(printed: string): ParsedDocument {
  const lines = withoutTypography(printed).split("\n");
  const heading = takeTitleLines(lines);
  const list = new BlockList();
  const isWide = lines.some((line) => line.length >= wideCharactersMin);
  let body: string[] = [];
  let section = "";
  const flush = (): void => {
    if (section === "SYNOPSIS") list.fence("", dedent(body));
    else readBody(body, list, isWide);
    body = [];
  };
  lines.forEach((line, at) => {
    const indent = indentOf(line);
    const isSection = line.trim() !== "" && indent === 0;
    if (isSection || isSubsection(lines, at, indent)) {
      flush();
      list.heading(isSection ? 2 : 3, line);
      if (isSection) section = line.trim().toUpperCase();
    } else body.push(line);
  });
  flush();
  return { title: heading, blocks: list.blocks };
}

function isSubsection(lines: readonly string[], at: number, indent: number): boolean {
  if (indent < 1 || indent > 4) return false;
  const next = lines.slice(at + 1, at + 3).find((line) => line.trim() !== "");
  return (lines[at - 1] ?? "").trim() === "" && next !== undefined && indentOf(next) > indent;
}

/** Reads the blocks between two headings. `levels` are the columns where text, then option bodies within it, begin. */
function readBody(lines: readonly string[], list: BlockList, isWide: boolean): void {
  const levels: number[] = [];
  let listing: string[] = [];
  const flush = (): void => {
    list.fence(listing.some((line) => /^\s*\$ /.test(line)) ? "console" : "", dedent(listing));
    listing = [];
  };
  for (const block of blocksOf(lines)) {
    const indent = indentOf(block[0] ?? "");
    if (levels.length === 0) levels.push(indent);
    while (levels.length > 1 && indent < (levels.at(-1) ?? 0)) levels.pop();
    const isDeeper = indent > (levels.at(-1) ?? 0);
    // Where paragraphs are single lines, several lines at the text's own level were not filled on purpose.
    const isUnfilled = isWide && block.length > 1 && block.every((line) => indentOf(line) === indent);
    if (isUnfilled || (isDeeper && !isProse(block))) {
      if (listing.length > 0) listing.push("");
      listing.push(...block);
      continue;
    }
    flush();
    if (isDeeper) levels.push(indent);
    readText(block, list, levels);
  }
  flush();
}

/** A paragraph, a bullet or a tag with its body; deeper lines directly below open a level of their own. */
function readText(block: readonly string[], list: BlockList, levels: number[]): void {
  const first = block[0] ?? "";
  const indent = indentOf(first);
  const bullet = /^\s*(\S{1,6})\s{2,}(?=\S)/.exec(first);
  const bodyIndent = bullet === null ? block.map(indentOf).find((column) => column > indent) : bullet[0].length;
  if (bodyIndent !== undefined) levels.push(bodyIndent);
  if (bullet !== null) {
    const sign = bullet[1] ?? "";
    const body = dedent([first.slice(bullet[0].length), ...block.slice(1)]);
    if (/^[•·∙○o*+-]$/.test(sign)) list.text(`- ${body}`);
    else if (/^\(?\d+[.)]$/.test(sign)) list.text(`${sign} ${body}`);
    else list.text(`**${sign}**\n${body}`);
    return;
  }
  const tags = block.findIndex((line) => indentOf(line) > indent);
  if (tags === -1) list.text(dedent(block));
  else list.text(`**${dedent(block.slice(0, tags)).replace(/\n/g, ", ")}**\n${dedent(block.slice(tags))}`);
}

/** Indented text that is a paragraph, not a listing: one long line, or words that end as a sentence does. */
function isProse(block: readonly string[]): boolean {
  const text = dedent(block);
  if (/^[$#%>] /.test(text)) return false;
  if (/^\S{1,6}\s{2,}\S/.test(text)) return /^(?:[•·∙○o*+-]|\(?\d+[.)])\s/.test(text);
  const isOneParagraph = block.length === 1 || block.every((line) => line.length >= 60 || line === block.at(-1));
  return (
    (isOneParagraph && text.length >= proseCharactersMin) || (/^[A-Z“"(].*[.:]$/s.test(text) && / \w+ /.test(text))
  );
}

function blocksOf(lines: readonly string[]): string[][] {
  const blocks: string[][] = [];
  let block: string[] = [];
  for (const line of [...lines, ""]) {
    if (line.trim() !== "") block.push(line);
    else if (block.length > 0) {
      blocks.push(block);
      block = [];
    }
  }
  return blocks;
}

/** Removes `GIT-TAG(1)  Git Manual  GIT-TAG(1)` and the last line, and returns `git-tag(1)`. */
function takeTitleLines(lines: string[]): string | null {
  const first = lines.findIndex((line) => line.trim() !== "");
  const title = /^([^\s()]+)\((\w+)\)/.exec(lines[first] ?? "");
  if (title === null) return null;
  const last = lines.findLastIndex((line) => line.trim() !== "");
  if (last > first && /\S\s{3,}\S/.test(lines[last] ?? "")) lines.splice(last, 1);
  lines.splice(first, 1);
  return `${title[1] ?? ""}(${title[2] ?? ""})`.toLowerCase();
}

/** groff prints typographic signs where a command needs ASCII: an example must work when it is copied. */
function withoutTypography(text: string): string {
  return text
    .replace(/[\u2010\u2011\u2212]/g, "-")
    .replace(/[\u2018\u2019\u00b4]/g, "'")
    .replace(/\u02c6/g, "^")
    .replace(/\u02dc/g, "~");
}
