// Literals: the names and values in an instruction, as opposed to its words. They are what a demonstration's commands
// take from its instruction, and what has to be exchanged when the commands serve another one.

export type LiteralKind = "file" | "version" | "number" | "url" | "email" | "text" | "path" | "name";

export interface Literal {
  value: string;
  kind: LiteralKind;
  start: number;
  end: number;
  /** The two words before it (stop words included: "named", "to", "as" say what a value is for). */
  before: string[];
  /** The word after it. */
  after: string;
}

const pattern =
  /`([^`\n]+)`|"([^"\n]+)"|“([^”\n]+)”|(?<![\p{L}\d])'([^'\n]+)'(?![\p{L}\d])|((?:https?|git|ssh|file):\/\/[^\s,;)]+[^\s,;).])|([\w.+-]+@[\w-]+\.[\w.-]*\w)|(\bv?\d+(?:\.\d+)+(?:-[\w.]+)?\b)|((?:\.{0,2}\/)?[\w@-][\w@.-]*\/[\w@./-]*[\w/]|(?<![\w.])\.?[\w-]+(?:\.[\w-]+)*\.[a-z][a-z\d]{0,4}\b(?!\())|(\b\d+\b)/gu;

const fileName =
  /(?:^|\/)\.[a-z]\w+$|\.(?:json|m?js|cjs|ts|tsx|c|h|cc|cpp|rs|go|java|py|sh|txt|md|tgz|tar|gz|zip|ya?ml|toml|cfg|conf|ini|html|css|patch|diff|log|csv|xml|bundle)$/i;

/** The literals of a text in order of appearance. */
export function literals(text: string): Literal[] {
  const found: Literal[] = [];
  for (const match of text.matchAll(pattern)) {
    const value = match.slice(1).find((part) => part !== undefined);
    if (value === undefined || value.trim() === "") continue;
    const start = match.index;
    const end = start + match[0].length;
    found.push({
      value: value.trim(),
      kind: literalKind(value.trim()),
      start,
      end,
      before: (
        text
          .slice(Math.max(0, start - 60), start)
          .toLowerCase()
          .match(/[a-z]+/g) ?? []
      ).slice(-2),
      after: /^[^a-z]*([a-z]+)/.exec(text.slice(end, end + 40).toLowerCase())?.[1] ?? "",
    });
  }
  return found;
}

export function literalKind(value: string): LiteralKind {
  if (/^[a-z+]+:\/\//i.test(value)) return "url";
  if (/^[\w.+-]+@[\w-]+\.[\w.-]+$/.test(value)) return "email";
  if (/^[\^~<>=v]*\d+(\.\d+)+(-[\w.]+)?$/.test(value)) return "version";
  if (/^-?\d+$/.test(value)) return "number";
  if (/\s/.test(value)) return "text";
  if (fileName.test(value)) return "file";
  if (value.includes("/")) return "path";
  return "name";
}

/** The text with every literal replaced by a word for its kind, so that two cases of one task read alike. */
export function masked(text: string): string {
  let result = "";
  let at = 0;
  for (const literal of literals(text)) {
    result += `${text.slice(at, literal.start)} ${literal.kind}`;
    at = literal.end;
  }
  return result + text.slice(at);
}

/** A literal's parts between dots, slashes, brackets, `=`, `@` and `:`. */
export function atoms(value: string): string[] {
  return value.split(/[./[\]=@:]+/).filter((part) => part !== "");
}

/** Replaces whole occurrences of each key by its value in one pass, longest first; parts of longer words stay. */
export function replaceAllNames(text: string, names: ReadonlyMap<string, string>): string {
  const keys = [...names.keys()].filter((key) => key !== "").sort((a, b) => b.length - a.length);
  if (keys.length === 0) return text;
  const alternatives = keys.map((key) => key.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  return text.replace(
    new RegExp(`(?<![\\p{L}\\d_])(?:${alternatives})(?![\\p{L}\\d_])`, "gu"),
    (key) => names.get(key) ?? key,
  );
}
