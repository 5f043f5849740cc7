// reStructuredText (docutils and Sphinx) by its block structure: sections, literal blocks, directives. Inline markup is
// kept but for roles and double back-quotes, which become what a Markdown reader expects.
import { BlockList, dedent, indentOf, type ParsedDocument } from "../block.ts";

const codeDirectives = new Set(
  "code code-block sourcecode parsed-literal literalinclude prompt console ipython".split(" "),
);
const proseDirectives = new Set(
  (
    "note warning tip hint important caution attention danger error admonition seealso versionadded versionchanged " +
    "deprecated topic sidebar rubric epigraph pull-quote compound container tab tabs tab-set tab-item dropdown glossary " +
    "list-table centered"
  ).split(" "),
);
/** Sphinx's object descriptions (`py:function`, `option`, …): what they describe is their argument. */
const objectDirective =
  /^(?:[a-z]+:)?(?:function|class|method|attribute|data|module|option|cmdoption|program|envvar|confval|describe|object|command|exception|term|directive|role)$/;
/** Directives within directives beyond this are kept as text: each level costs a copy of its lines. */
const nestingMax = 16;

export function parseRestructuredText(source: string): ParsedDocument {
  const list = new BlockList();
  readLines(source.split("\n"), { list, styles: [], nesting: 0 });
  const first = list.blocks.find((block) => block.kind === "heading");
  return { title: first?.text ?? null, blocks: list.blocks };
}

interface Reading {
  list: BlockList;
  /** Underline styles in order of appearance: a section's level is its style's place (docutils' rule). */
  styles: string[];
  nesting: number;
}

function readLines(lines: readonly string[], reading: Reading): void {
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    const isTransition = /^([^\w\s])\1{3,}\s*$/.test(line) && (lines[at + 1] ?? "").trim() === "";
    if (line.trim() === "" || isTransition) at += 1;
    else if (line.startsWith("..") && /^\.\.(?:\s|$)/.test(line)) at = readExplicit(lines, at, reading);
    else at = readSection(lines, at, reading) ?? readParagraph(lines, at, reading);
  }
}

/** Whether `line` underlines `title`: one punctuation mark, repeated, about as long as the title or longer. */
export function isUnderline(line: string, title: string): boolean {
  const text = line.trimEnd();
  const mark = text[0] ?? "";
  if (!"=-~^\"'`#*+:.<>_".includes(mark) || mark === "" || text.length < 3) return false;
  if (text !== mark.repeat(text.length)) return false;
  // docutils warns of underlines that are too short but takes them from four marks on.
  return (
    title.trim() !== "" &&
    indentOf(title) === 0 &&
    text.length >= Math.min(title.trimEnd().length, 4) &&
    /\w/.test(title)
  );
}

function readSection(lines: readonly string[], at: number, reading: Reading): number | null {
  const line = lines[at] ?? "";
  const next = lines[at + 1] ?? "";
  const overlined = /^([^\w\s])\1{2,}\s*$/.test(line) && (lines[at + 2] ?? "").trimEnd() === line.trimEnd();
  const title = overlined ? next.trim() : line;
  if (!overlined && !isUnderline(next, line)) return null;
  if (overlined && title === "") return null;
  const style = `${overlined ? "over" : ""}${(overlined ? line : next)[0] ?? ""}`;
  if (!reading.styles.includes(style)) reading.styles.push(style);
  reading.list.heading(reading.styles.indexOf(style) + 1, withoutInlineMarkup(title));
  return at + (overlined ? 3 : 2);
}

function readParagraph(lines: readonly string[], start: number, reading: Reading): number {
  const indent = indentOf(lines[start] ?? "");
  let at = start;
  while (
    at < lines.length &&
    lines[at]?.trim() !== "" &&
    !(at > start && isUnderline(lines[at + 1] ?? "", lines[at] ?? ""))
  ) {
    at += 1;
  }
  const text = lines.slice(start, at).join("\n");
  if (/^\s*>>> /.test(text)) {
    reading.list.fence("python", dedent(lines.slice(start, at)));
    return at;
  }
  if (!text.trimEnd().endsWith("::")) {
    reading.list.text(withoutInlineMarkup(text));
    return at;
  }
  const lead = text.trimEnd().slice(0, -1);
  if (lead.trim() !== ":") reading.list.text(withoutInlineMarkup(lead.replace(/\s+:$/, "")));
  // A list item's text is indented too: its literal block is what lies deeper than the paragraph's last line.
  const last = Math.max(indent, indentOf(lines[at - 1] ?? ""));
  const end = endOfIndented(lines, at, last);
  reading.list.fence("", dedent(lines.slice(at, end)));
  return end;
}

/** `.. directive:: argument`, `.. _target:`, `.. |substitution| …` and comments: all but directives are dropped. */
function readExplicit(lines: readonly string[], at: number, reading: Reading): number {
  const end = endOfIndented(lines, at + 1, 0);
  const directive = /^\.\.\s+(?:\|[^|]*\|\s+)?([\w:+.-]+?)::(?:\s+(.*))?$/.exec(lines[at] ?? "");
  if (directive === null) return end;
  const name = directive[1] ?? "";
  const argument = (directive[2] ?? "").trim();
  const content = withoutOptions(lines.slice(at + 1, end));
  if (codeDirectives.has(name)) {
    reading.list.fence(name === "console" || name === "prompt" ? "console" : argument, dedent(content));
    return end;
  }
  const isObject = objectDirective.test(name);
  if (!isObject && !proseDirectives.has(name)) return end;
  if (argument !== "") reading.list.text(isObject ? `**${argument}**` : withoutInlineMarkup(argument));
  if (reading.nesting >= nestingMax) reading.list.text(dedent(content));
  else readLines(dedent(content).split("\n"), { ...reading, nesting: reading.nesting + 1 });
  return end;
}

function endOfIndented(lines: readonly string[], start: number, indent: number): number {
  let end = start;
  for (let at = start; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (line.trim() === "") continue;
    if (indentOf(line) <= indent) break;
    end = at + 1;
  }
  return Math.max(end, start);
}

/** `:name: value` lines directly below a directive are its options. */
function withoutOptions(content: readonly string[]): string[] {
  let at = 0;
  while (at < content.length && /^\s+:[\w-]+:/.test(content[at] ?? "")) at += 1;
  return content.slice(at);
}

function withoutInlineMarkup(text: string): string {
  return text
    .replace(/``([^`]+)``/g, "`$1`")
    .replace(/:[a-z][\w:+.-]{0,40}:`([^`<]{1,400}?)\s*<[^`>]{0,400}>`/gi, "$1")
    .replace(/:[a-z][\w:+.-]{0,40}:`~?([^`]{1,400})`/gi, "`$1`")
    .replace(/`([^`<]{1,400}?)\s*<([^`>]{0,400})>`__?/g, "$1 ($2)");
}
