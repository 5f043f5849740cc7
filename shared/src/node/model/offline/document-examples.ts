// Finds what a document shows people to do: its example commands with the sentence that introduces them, and the usage
// lines of its synopsis with the description of the option that tells them apart.
import { documentBlocks, type Block } from "./document-blocks.ts";
import { shellWords } from "./shell-words.ts";
import { usageExamples } from "./document-usage.ts";
import { firstSentence } from "./text.ts";

export interface DocumentExample {
  commands: string[];
  /** Prose that says what the commands do: sentences, a heading or an option's description, most telling first. */
  leads: string[];
  origin: "example" | "usage" | "option";
}

interface ReadDocument {
  /** Commands that the document is about, as their words: `["npm", "pkg"]`. */
  application: string[];
  examples: DocumentExample[];
}

const shellTools = new Set("cd mkdir echo touch cp mv rm cat printf ls ln export tar".split(" "));
const shellLanguages = new Set(["", "bash", "sh", "shell", "console", "shell-session", "term"]);
/** Where a fence says that it is shell, every line is a command; elsewhere only those of a known program are. */
const surelyShell = new Set(["bash", "sh", "shell"]);

/** Reads a document chunk; `title` and `source` name the application where the text does not. */
export function readDocument(document: { title: string; source: string; path: string; text: string }): ReadDocument {
  const blocks = documentBlocks(document.text.replace(/^---\n[\s\S]*?\n---\n/, ""));
  const application = applicationOf(document, blocks);
  const descriptions = descriptionsOf(document.text, blocks);
  return {
    application,
    examples: [...blockExamples(blocks, application), ...usageExamples(blocks, application, descriptions)],
  };
}

/** What the page says it is about: its description line, the NAME section, the first sentence below its title. */
function descriptionsOf(text: string, blocks: readonly Block[]): string[] {
  const under = (heading: RegExp): string | undefined => {
    const index = blocks.findIndex((block) => block.kind === "heading" && heading.test(block.lines[0] ?? ""));
    const body = blocks[index + 1];
    return index === -1 || body?.kind !== "prose" ? undefined : firstSentence(body.lines.join(" "));
  };
  const lines = [
    /^description:\s*(.+)$/m.exec(text)?.[1],
    /^\s*[\w.-]+ (?:-|–|—|\\-) ([A-Z].+)$/m.exec(text)?.[1],
    text.trimStart().startsWith("# ") ? under(/./) : undefined,
    under(/^description$/i),
  ];
  return lines.flatMap((line) => (line === undefined ? [] : [line.trim()]));
}

/** `man:git-tag(1)`, `commands/npm-pkg.md` and `help:npm pkg` all name a command; a hyphen stands for a space. */
function applicationOf(document: { source: string; text: string }, blocks: readonly Block[]): string[] {
  const named = /^help:(.+)$/.exec(document.source)?.[1];
  if (named !== undefined) return named.split(" ");
  const base = (document.source.split("/").at(-1) ?? "").replace(/^man:/, "").replace(/\(\d\w*\)$|\.\w+$/, "");
  const commands = [...document.text.matchAll(/^\s*(?:[$%] )?([a-z][\w.-]+) ([a-z][\w-]+)?/gm)].map(
    (match) => match[1],
  );
  const first = base.split("-")[0] ?? base;
  const rest = base.slice(first.length + 1);
  const isSplit = commands.includes(first) || document.text.includes(`${first} ${rest}`);
  const isWhole = new RegExp(`(?:^|[\\s\`])${base}[ \\t]+(?!-\\s)[-<[\\w]`, "m").test(document.text);
  const isSpokenOf = new RegExp(`\\b${first}\\b`, "i").test(document.text) && !isWhole;
  if (rest !== "" && (isSplit || isSpokenOf)) return [first, rest];
  if (commands.includes(base) || isWhole) return [base];
  const counts = new Map<string, number>();
  const fenced = blocks.filter(({ kind, language }) => kind === "code" && surelyShell.has(language));
  for (const [, word = ""] of [
    ...document.text.matchAll(/^\s*(?:[$%] |`)([a-z][\w.-]+) /gm),
    ...fenced.flatMap(({ lines }) => [...lines.join("\n").matchAll(/^([a-z][\w.-]+) /gm)]),
  ]) {
    if (!shellTools.has(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const most = [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
  if (most === first && rest !== "") return [first, rest];
  return most === undefined ? [first] : [most];
}

function blockExamples(blocks: readonly Block[], application: readonly string[]): DocumentExample[] {
  const examples: DocumentExample[] = [];
  for (const [index, block] of blocks.entries()) {
    const heading = blocks.slice(0, index).findLast((other) => other.kind === "heading")?.lines[0] ?? "";
    if (/synopsis|usage|see also/i.test(heading)) continue;
    if (block.kind === "prose") {
      const command = definedCommand(block, application);
      const body = blocks[index + 1];
      if (command !== null && body?.kind === "prose") {
        examples.push({ commands: [command], leads: [firstSentence(body.lines.join(" "))], origin: "example" });
      }
      continue;
    }
    if (block.kind !== "code" || !shellLanguages.has(block.language)) continue;
    const context = { before: leadsBefore(blocks, index), notes: notesAfter(blocks, index) };
    examples.push(...codeExamples(block, application, context));
  }
  return examples;
}

/** A definition's term that is a command line: `git archive -o latest.zip HEAD` or an item such as "* `npm pkg fix`". */
function definedCommand(block: Block, application: readonly string[]): string | null {
  const line = block.lines.join(" ").replace(/\s+/g, " ");
  const item = /^[*•-] `([^`]+)`:?$/.exec(line)?.[1] ?? (block.language === "term" ? line.replace(/^`|`$/g, "") : "");
  const name = application[0] ?? "";
  return item.startsWith(`${name} `) ? (item.split(`, ${name} `)[0] ?? item) : null;
}

/** Prose just before, then the heading. */
function leadsBefore(blocks: readonly Block[], index: number): string[] {
  const before = blocks[index - 1];
  const heading = blocks.slice(0, index).findLast((other) => other.kind === "heading")?.lines[0];
  const prose = before?.kind === "prose" ? sentences(before.lines.join(" ")).toReversed().slice(0, 2) : [];
  return [...prose, ...(heading === undefined || /^examples?$/i.test(heading) ? [] : [heading])];
}

function sentences(text: string): string[] {
  return text
    .replace(/\s+/g, " ")
    .split(/(?<=[^.\d][.:!?])\s+(?=[A-Z(`"])/)
    .filter((sentence) => sentence.trim() !== "");
}

/** The numbered callouts below a block, as `git` pages have them. */
function notesAfter(blocks: readonly Block[], index: number): string[] {
  const after = blocks[index + 1];
  if (after?.kind !== "prose") return [];
  const items = ` ${after.lines.join(" ")}`.split(/\s(?=\d+\. )/).filter((item) => /^\s*\d+\. /.test(item));
  return items.map((item) => item.replace(/^\s*\d+\. /, ""));
}

function codeExamples(
  block: Block,
  application: readonly string[],
  context: { before: string[]; notes: string[] },
): DocumentExample[] {
  const lines = joinContinuations(block.lines);
  const prompted = lines.some((line) => /^[$%] /.test(line));
  const commands: { text: string; notes: string[] }[] = [];
  let comment: string | null = null;
  for (const line of lines) {
    const source = prompted ? /^[$%] (.*)$/.exec(line)?.[1] : line;
    if (source === undefined) continue;
    if (/^\s*#/.test(source)) {
      comment = source.replace(/^\s*#+\s*/, "");
      continue;
    }
    const { text, note } = withoutNotes(source, context.notes);
    if (isCommand(text, application, prompted || surelyShell.has(block.language))) {
      commands.push({ text, notes: [...(comment === null ? [] : [comment]), ...(note === null ? [] : [note])] });
      comment = null;
    }
  }
  if (commands.length === 0) return [];
  if (areAlternatives(commands.map(({ text }) => text))) {
    return commands.map(({ text, notes }) => ({
      commands: [text],
      leads: [...notes, ...context.before],
      origin: "example",
    }));
  }
  const notes = commands.flatMap((command) => command.notes);
  const leads = commands.length === 1 ? [...notes, ...context.before] : [...context.before, ...notes];
  return [{ commands: commands.map(({ text }) => text), leads, origin: "example" }];
}

function joinContinuations(lines: readonly string[]): string[] {
  return lines
    .join("\n")
    .replace(/\\\n\s*/g, " ")
    .split("\n");
}

/** Strips a trailing `(1)` callout or `# comment` and returns what it says. */
function withoutNotes(line: string, notes: readonly string[]): { text: string; note: string | null } {
  const callout = /^(.*?)\s+\((\d)\)$/.exec(line);
  if (callout !== null) return { text: (callout[1] ?? "").trim(), note: notes[Number(callout[2]) - 1] ?? null };
  const comment = /^(.*?\S)\s+#\s+(.+)$/.exec(line);
  return comment === null
    ? { text: line.trim(), note: null }
    : { text: (comment[1] ?? "").trim(), note: comment[2] ?? null };
}

function isCommand(text: string, application: readonly string[], isSure: boolean): boolean {
  const first = shellWords(text)[0]?.text ?? "";
  if (first === application[0]) return true;
  return shellTools.has(first) || (isSure && /^[a-z][\w.-]*$/.test(first));
}

/** Several lines that start alike are choices, not steps. */
function areAlternatives(commands: readonly string[]): boolean {
  const starts = new Set(commands.map((command) => command.split(" ").slice(0, 2).join(" ")));
  return commands.length > 1 && starts.size === 1;
}
