// What every format is reduced to before it is split: a flat list of headings, text and fences. Text stays
// Markdown-like and is never re-flowed, so an example keeps the characters it has in the source.

export interface Heading {
  kind: "heading";
  /** 1 to 6. */
  level: number;
  text: string;
}

interface Text {
  kind: "text";
  text: string;
}

/** Literal text: an example, a listing, a synopsis. */
interface Fence {
  kind: "fence";
  /** As the source names it, e.g. `bash`; empty where it names none. */
  language: string;
  text: string;
}

export type Block = Heading | Text | Fence;

export interface ParsedDocument {
  /** Stated by the document itself (front matter, `<title>`, first heading); null where it states none. */
  title: string | null;
  blocks: Block[];
}

/** A heading longer than this is cut: it is repeated in every chunk's path and must fit any chunk. */
export const headingBytesMax = 200;
/** A run of backticks in a listing beyond this is cut, so that the fence around it stays short. */
const backtickRunMax = 32;
const languageCharactersMax = 40;

/** Collects blocks and drops the ones without content, so that parsers need not check. */
export class BlockList {
  readonly blocks: Block[] = [];

  heading(level: number, text: string): void {
    const clean = cutToBytes(text.replace(/\s+/g, " ").replace(/¶/g, "").trim(), headingBytesMax);
    if (clean !== "") this.blocks.push({ kind: "heading", level: Math.min(6, Math.max(1, level)), text: clean });
  }

  text(text: string): void {
    const clean = trimBlankLines(text);
    if (clean !== "") this.blocks.push({ kind: "text", text: clean });
  }

  fence(language: string, text: string): void {
    const clean = trimBlankLines(text).replace(/`{33,}/g, "`".repeat(backtickRunMax));
    const word = /^[\w+#.-]+/.exec(language.trim())?.[0] ?? "";
    if (clean !== "") this.blocks.push({ kind: "fence", language: word.slice(0, languageCharactersMax), text: clean });
  }
}

/** Markdown of one block, without a final line break. */
export function renderBlock(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `${"#".repeat(block.level)} ${block.text}`;
    case "text":
      // What the source meant as text must not open a fence.
      return block.text.replace(/^([ \t]*)(?=```|~~~)/gm, "$1\\");
    case "fence": {
      const runs = block.text.match(/`{3,}/g) ?? [];
      const marker = "`".repeat(runs.reduce((longest, run) => Math.max(longest, run.length + 1), 3));
      return `${marker}${block.language}\n${block.text}\n${marker}`;
    }
  }
}

/** The longest prefix of whole code points within `bytes` of UTF-8, with an ellipsis where something was cut. */
export function cutToBytes(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  let kept = "";
  let used = Buffer.byteLength("…");
  for (const character of text) {
    used += Buffer.byteLength(character);
    if (used > bytes) break;
    kept += character;
  }
  return `${kept.trimEnd()}…`;
}

/** Lines without their common indentation; tabs count to the next multiple of eight. */
export function dedent(lines: readonly string[]): string {
  const filled = lines.map((line) => (line.includes("\t") ? expandTabs(line) : line));
  const indent = filled.reduce(
    (least, line) => (line.trim() === "" ? least : Math.min(least, indentOf(line))),
    Infinity,
  );
  return filled.map((line) => (line.trim() === "" ? "" : line.slice(indent).trimEnd())).join("\n");
}

/** Columns of white space at the start of a line. */
export function indentOf(line: string): number {
  let column = 0;
  for (const character of line) {
    if (character === " ") column += 1;
    else if (character === "\t") column += 8 - (column % 8);
    else break;
  }
  return column;
}

function expandTabs(line: string): string {
  let out = "";
  for (const character of line) {
    out += character === "\t" ? " ".repeat(8 - (out.length % 8)) : character;
  }
  return out;
}

function trimBlankLines(text: string): string {
  const lines = text.split("\n").map((line) => line.trimEnd());
  let from = 0;
  let to = lines.length;
  while (from < to && lines[from] === "") from += 1;
  while (to > from && lines[to - 1] === "") to -= 1;
  return lines.slice(from, to).join("\n");
}
