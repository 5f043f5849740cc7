// Tasks that a reference page spells out without an example: the usage lines of its synopsis, the options it describes,
// and, on the page of a settings command, the settings.
import type { Block } from "./document-blocks.ts";
import type { DocumentExample } from "./document-examples.ts";
import { onlyReads } from "./reading.ts";
import { shellWords } from "./shell-words.ts";
import { firstSentence } from "./text.ts";

interface Described {
  /** As the term has it: `-c <new-branch>, --create <new-branch>`. */
  term: string;
  description: string;
}

export function usageExamples(
  blocks: readonly Block[],
  application: readonly string[],
  descriptions: readonly string[],
): DocumentExample[] {
  const options = describedOptions(blocks);
  const lines = synopsis(blocks, application);
  return [
    ...lines.flatMap((line) => fromUsage(line, options, lines.length === 1 ? descriptions : [])),
    ...options.flatMap((option) => fromOption(option, lines, application)),
    ...settingExamples(blocks, application),
  ];
}

function synopsis(blocks: readonly Block[], application: readonly string[]): string[] {
  return blocks.flatMap((block, index) => {
    const heading = blocks.slice(0, index).findLast((other) => other.kind === "heading")?.lines[0] ?? "";
    return block.kind !== "heading" && /synopsis|usage/i.test(heading) ? usageLines(block.lines, application) : [];
  });
}

/** Usage lines may be wrapped; a new one starts with the application's name. */
function usageLines(lines: readonly string[], application: readonly string[]): string[] {
  const name = application[0] ?? "";
  const joined: string[] = [];
  for (const line of lines) {
    const text = line.trim().replace(/^`|`$/g, "");
    if (text.startsWith(`${name} `)) joined.push(text);
    else if (text !== "" && !text.startsWith("alias") && joined.length > 0)
      joined.push(`${joined.pop() ?? ""} ${text}`);
  }
  return joined;
}

/** A usage line, told by the option that sets it apart, else by what the whole page is about. */
function fromUsage(line: string, options: readonly Described[], descriptions: readonly string[]): DocumentExample[] {
  const plain = plainUsage(line);
  const command = withFirstArgument(line) ?? plain;
  const words = new Set(shellWords(command.replace(/[<>]/g, "")).map((word) => word.text));
  const told = options.find(({ term }) => optionNames(term).some((name) => words.has(name)));
  const leads = [...(told === undefined ? [] : [told.description]), ...descriptions];
  return leads.length === 0 ? [] : [{ commands: [command], leads, origin: "usage" }];
}

/** An option put into the first usage line that takes it, with what else that line requires. */
function fromOption(
  { term, description }: Described,
  lines: readonly string[],
  application: readonly string[],
): DocumentExample[] {
  const names = optionNames(term);
  const option = term.split(/,\s+(?=-)/).find((form) => form.startsWith("--")) ?? term.split(/,\s+(?=-)/)[0] ?? "";
  if (lines.some((line) => names.some((name) => plainUsage(line).split(" ").includes(name)))) return [];
  const line = lines.find((text) => names.some((name) => text.includes(name)) || /\[<?options>?/.test(text));
  // Without a synopsis nobody knows what else is required; commands that only show something mostly need nothing.
  if (line === undefined && (lines.length > 0 || !onlyReads(application.join(" ")))) return [];
  const [base, required] = splitUsage(plainUsage(line ?? application.join(" ")), application);
  // Alternatives exclude each other; the usage line has taken the first of them.
  if (/--?\w/.test(required) || / --?\w/.test(base)) return [];
  const filled = option.replace(/\[=?<[^>]*>\]|\[no-\]/g, "").replace(/\[[^\]]*\]/g, "");
  if (!/^--?[\w-]+(?:[= ]<[\w -]+>)?$/.test(filled)) return [];
  return [{ commands: [`${base} ${filled} ${required}`.trim()], leads: [description], origin: "option" }];
}

/** The command's own words, and the arguments behind them. */
function splitUsage(usage: string, application: readonly string[]): [string, string] {
  const words = usage.split(" ");
  const own = words.findIndex((word, index) => index >= application.length || word !== application[index]);
  return own === -1 ? [usage, ""] : [words.slice(0, own).join(" "), words.slice(own).join(" ")];
}

/** Drops optional parts, takes the first of alternatives, and one of what may be repeated. */
export function plainUsage(line: string): string {
  return withoutBrackets(line.replace(/\(\s*[A-Z][^)]*\)|`/g, ""))
    .replace(/\(([^()|]+)(?:\|[^()]*)?\)/g, "$1")
    .replace(/\.\.\.|…/g, "")
    .replace(/ --(?= |$)/g, "")
    .replace(/\s*\|.*$/, "")
    .replace(/\s+/g, " ")
    .trim();
}

/** Removes bracketed parts, nested ones with their surroundings. */
function withoutBrackets(text: string): string {
  let depth = 0;
  let kept = "";
  for (const character of text) {
    if (character === "[") depth += 1;
    else if (character === "]") depth = Math.max(0, depth - 1);
    else if (depth === 0) kept += character;
  }
  return kept;
}

/** The usage line with its first optional argument kept: `npm version [<newversion> | major]` → `npm version <newversion>`. */
export function withFirstArgument(line: string): string | null {
  const argument = /\[(?:<options>\] \[)?(<[\w-]+>)(?:\s*\||\s*\]|\s*\.\.\.)/.exec(line)?.[1];
  const plain = plainUsage(line);
  return argument === undefined || plain.includes("<") ? null : `${plain} ${argument}`;
}

function describedOptions(blocks: readonly Block[]): Described[] {
  return blocks.flatMap((block, index) => {
    const term = block.lines.join(" ").replace(/[`*]/g, "").trim();
    const body = blocks[index + 1];
    if (block.kind !== "prose" || !/^-{1,2}[a-zA-Z]/.test(term) || term.length > 120 || body?.kind !== "prose")
      return [];
    return [{ term, description: firstSentence(body.lines.join(" ")) }];
  });
}

function optionNames(term: string): string[] {
  return [...term.matchAll(/(?<=^|[\s,])-{1,2}[a-zA-Z][\w-]*/g)].map((match) => match[0]);
}

/** On the page of `… config`, each described key is a setting; its description says what kind of value it takes. */
function settingExamples(blocks: readonly Block[], application: readonly string[]): DocumentExample[] {
  if (application.at(-1) !== "config") return [];
  const settings = blocks.flatMap((block, index): DocumentExample[] => {
    const key = block.lines.join(" ").trim();
    const body = blocks[index + 1];
    if (block.language !== "term" || body?.kind !== "prose" || !/^[a-z][\w-]*\.[\w.-]*\w$/i.test(key)) return [];
    const description = body.lines.join(" ");
    const value = settingValue(description);
    if (value === null) return [];
    return [
      {
        commands: [`${application.join(" ")} ${key} ${value}`],
        leads: [`Set \`${key}\` to \`${value}\``],
        origin: "option",
      },
    ];
  });
  // One stands for all: the others would differ in nothing but their key.
  return settings.slice(0, 1);
}

function settingValue(description: string): string | null {
  const offered = /\b(?:set to|values? (?:are|is)|either|to be|be set to)\s+["']([\w-]+)["']/.exec(description)?.[1];
  if (offered !== undefined) return offered;
  if (/\b(?:boolean|if (?:set to )?true|if set|when true|when set to true)\b/i.test(description)) return "true";
  if (/\b(?:the number of|how many|number of|limit)\b/i.test(description)) return "3";
  return null;
}
