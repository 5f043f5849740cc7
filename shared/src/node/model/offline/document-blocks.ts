// Splits a document's text into headings, prose and code, whether code is fenced (Markdown) or merely indented (manual
// pages, reStructuredText).

export interface Block {
  kind: "heading" | "prose" | "code";
  /** Without indentation, fences and heading marks. */
  lines: string[];
  indent: number;
  /** Language of a fence; empty for indented code. */
  language: string;
}

/** Indentation beyond the surrounding prose that makes a paragraph code. */
const codeIndent = 4;

export function documentBlocks(text: string): Block[] {
  const lines = text.split("\n").map(expandTabs);
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    const fence = /^(\s*)(`{3,}|~{3,})\s*([\w-]*)/.exec(line);
    if (line.trim() === "") at += 1;
    else if (fence !== null) {
      const close = lines.findIndex((other, index) => index > at && other.trim() === fence[2]);
      const end = close === -1 ? lines.length : close;
      blocks.push(block("code", lines.slice(at + 1, end), fence[3] ?? ""));
      at = end + 1;
    } else if (/^#{1,6} /.test(line)) {
      blocks.push({ kind: "heading", lines: [line.replace(/^#+ /, "").trim()], indent: 0, language: "" });
      at += 1;
    } else {
      const end = paragraphEnd(lines, at);
      blocks.push(...paragraphBlocks(lines.slice(at, end), blocks));
      at = end;
    }
  }
  return blocks;
}

function paragraphEnd(lines: readonly string[], start: number): number {
  let end = start + 1;
  while (end < lines.length && (lines[end] ?? "").trim() !== "" && !/^\s*(`{3,}|~{3,})/.test(lines[end] ?? ""))
    end += 1;
  return end;
}

/** A paragraph is prose or, deep below prose, code; a short line above deeper lines is the term of a definition. */
function paragraphBlocks(lines: readonly string[], before: readonly Block[]): Block[] {
  const first = lines[0] ?? "";
  const indent = indentOf(first);
  const term = /^\s*\*\*(.+)\*\*$/.exec(first)?.[1];
  if (term !== undefined) {
    const rest = lines.length === 1 ? [] : [block("prose", lines.slice(1), "")];
    return [block("prose", [term], "term"), ...rest];
  }
  const prose = before.findLast((other) => other.kind === "prose");
  const body = lines.findIndex((line) => indentOf(line) > indent + 1 && !isItem(first));
  if (body > 0) {
    return [block("prose", lines.slice(0, body), "term"), ...paragraphBlocks(lines.slice(body), before)];
  }
  const isCode =
    prose !== undefined &&
    indent >= prose.indent + codeIndent &&
    !/[a-z] [a-z]+ [a-z]+ [a-z]+ .*[.:]$/.test(lines.join(" "));
  return [block(isCode ? "code" : "prose", lines, "")];
}

function block(kind: Block["kind"], lines: readonly string[], language: string): Block {
  const indents = lines.filter((line) => line.trim() !== "").map(indentOf);
  const indent = indents.length === 0 ? 0 : Math.min(...indents);
  return { kind, lines: lines.map((line) => line.slice(indent).trimEnd()), indent, language };
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

function isItem(line: string): boolean {
  return /^\s*(?:[*•o·-]|\d+\.) /.test(line);
}

function expandTabs(line: string): string {
  let expanded = "";
  for (const character of line) {
    expanded += character === "\t" ? " ".repeat(8 - (expanded.length % 8)) : character;
  }
  return expanded;
}
