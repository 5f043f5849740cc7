// Instructions in English for commands: the document's own words for what is done, and every value that is needed to do
// exactly that, without the commands.
import { literals } from "./literals.ts";
import { shellWords } from "./shell-words.ts";
import { englishList, quoted } from "./text.ts";

/** A value that a command uses, and what the command says about it. */
export interface CommandValue {
  value: string;
  /** The key of `key=value`, the long name of an option, or empty for a plain argument. */
  role: string;
  kind: "assignment" | "option" | "argument" | "output" | "switch";
}

/** Second and third words that are subcommands rather than values. */
const subcommands = new Set(
  (
    "add set get delete remove rm list ls show create pop push apply drop clear init start stop update prune rename move mv copy append edit run fix config restore " +
    "save branch tag commit merge rebase reset remote stash notes switch checkout pkg version install uninstall pack test link view search query worktree submodule exec " +
    "log status diff clean archive bundle verify unset-url set-url get-url set-head lock unlock repair sparse-checkout reflog expire cache dedupe shrinkwrap fund explain"
  ).split(" "),
);

/** What short options mean by custom, for wording alone. */
const shortOptions: Record<string, string> = {
  "-m": "message",
  "-o": "output file",
  "-b": "new branch",
  "-c": "new branch",
  "-C": "new branch",
  "-w": "workspace",
};

export function commandValues(command: string, application: readonly string[]): CommandValue[] {
  const values: CommandValue[] = [];
  const words = shellWords(command);
  let atStart = true;
  for (const [index, word] of words.entries()) {
    const before = words[index - 1];
    if (word.kind === "operator") {
      atStart = !/^(?:2?>|>>|<)$/.test(word.text);
      continue;
    }
    if (before?.kind === "operator" && /^(?:>|>>)$/.test(before.text))
      values.push({ value: word.text, role: "file", kind: "output" });
    else if (index === 0 || (before?.kind === "operator" && atStart)) continue;
    else if (atStart && (application.includes(word.text) || subcommands.has(word.text))) continue;
    else {
      if (!word.text.startsWith("-")) atStart = false;
      values.push(...wordValues(word.text, before?.text ?? ""));
    }
  }
  return values;
}

function wordValues(text: string, before: string): CommandValue[] {
  if (/^--?$|^\.$|^:\/$/.test(text)) return [];
  const option = /^--([\w-]+)=([\s\S]+)$/.exec(text);
  if (option !== null)
    return [{ value: option[2] ?? "", role: (option[1] ?? "").replaceAll("-", " "), kind: "option" }];
  if (/^--[\w-]+$/.test(text)) return [{ value: text, role: text.slice(2).replaceAll("-", " "), kind: "switch" }];
  if (text.startsWith("-")) return [];
  const assignment = /^([A-Za-z][\w.[\]@:/-]*)=([\s\S]*)$/.exec(text);
  if (assignment !== null) return [{ value: assignment[2] ?? "", role: assignment[1] ?? "", kind: "assignment" }];
  const isCustomary = before === "-m" ? /\s/.test(text) : before !== "-w" || !text.includes(".");
  if (/^-\w$/.test(before) && shortOptions[before] !== undefined && isCustomary)
    return [{ value: text, role: shortOptions[before], kind: "option" }];
  return [{ value: text, role: "", kind: "argument" }];
}

/** Whether a text states a value: as it stands, or with its parts as words of their own. */
export function states(text: string, value: string): boolean {
  if (value === "" || contains(text, value)) return true;
  const parts = value.split(/[./[\]=:]+/).filter((part) => part.length > 1);
  return parts.length > 1 && parts.every((part) => contains(text, part));
}

function contains(text: string, value: string): boolean {
  const escaped = value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(?<![\\w.])${escaped}(?![\\w])`, "i").test(text);
}

/** The request with every value of the commands in it; values that it states already are not repeated. */
export function withValues(request: string, commands: readonly string[], application: readonly string[]): string {
  const values = commands.flatMap((command) => commandValues(command, application));
  const isMissing = ({ value, role, kind }: CommandValue): boolean =>
    kind === "switch"
      ? !contains(request, role)
      : !states(request, value) || (kind === "assignment" && !states(request, role) && values.length > 1);
  const missing = unique(values.filter(isMissing));
  const switches = missing.filter(({ kind }) => kind === "switch").map(({ role }) => role);
  const assignments = missing
    .filter(({ kind }) => kind === "assignment")
    .map(({ role, value }) => `${quoted(role)} to ${quoted(value)}`);
  const options = missing
    .filter(({ kind }) => kind === "option")
    .map(({ role, value }) => `the ${role} ${quoted(value)}`);
  const outputs = missing
    .filter(({ kind }) => kind === "output")
    .map(({ value }) => `write the result to ${quoted(value)}`);
  const plain = missing.filter(({ kind }) => kind === "argument").map(({ value }) => quoted(value));
  return [
    request,
    ...(assignments.length === 0 ? [] : [`: set ${englishList(assignments)}`]),
    ...(plain.length === 0
      ? []
      : [assignments.length === 0 ? `: ${englishList(plain)}` : `, for ${englishList(plain)}`]),
    ...(options.length === 0 ? [] : [`, with ${englishList(options)}`]),
    ...(switches.length === 0 ? [] : [` (${switches.join(", ")})`]),
    ...(outputs.length === 0 ? [] : [`, and ${englishList(outputs)}`]),
  ].join("");
}

function unique(values: readonly CommandValue[]): CommandValue[] {
  const seen = new Set<string>();
  return values.filter(({ role, value, kind }) => {
    const key = `${kind} ${role} ${value}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Puts values that a sentence names bare into backticks, so that a reader sees where a value begins and ends. */
export function withMarkedValues(sentence: string, values: readonly string[]): string {
  let text = sentence;
  for (const value of values.toSorted((a, b) => b.length - a.length)) {
    if (value.length < 2 || literals(text).some((literal) => literal.value.includes(value))) continue;
    const escaped = value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    text = text.replace(new RegExp(`(?<![\\w\`"'./])${escaped}(?![\\w\`"'/]|\\.\\w)`), `\`${value}\``);
  }
  return text;
}
