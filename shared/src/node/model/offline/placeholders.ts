// Fills what a document writes as `<placeholder>` with a name that fits, or gives up: a command with an unknown gap is
// no task.
import { pickName, type Pool } from "./names.ts";
import type { Choices } from "./seeded.ts";

type Filler = (chosen: Choices) => string;

const word =
  (pool: Pool): Filler =>
  (chosen) =>
    pickName(pool, chosen);

const rules: readonly (readonly [RegExp, Filler])[] = [
  [/url|repository|remote|server|registry|host|spec|pkg|package|initializer|scope|user|team|token|otp|term/, () => ""],
  [/(new-?|to-?)?version/, (chosen) => `${2 + chosen.below(6)}.${chosen.below(9)}.${chosen.below(9)}`],
  [/message|msg|reason|description/, word("text")],
  [/branch|topic/, word("branch")],
  [/tag-?name|^tag$|mark/, (chosen) => `v${1 + chosen.below(5)}.${chosen.below(9)}`],
  [/commit|tree-?ish|revision|^rev$|start-?point|object|^head$|upstream|tree/, () => "HEAD"],
  [/source|^file|pathspec|^path|paths|filename|^from$/, (chosen) => `${pickName("file", chosen)}.txt`],
  [/destination|^dest|^target$|^to$|output/, (chosen) => `${pickName("file", chosen)}-${pickName("word", chosen)}.txt`],
  [/directory|^dir$|folder/, word("directory")],
  [/^key$|^name$|field|variable/, (chosen) => `${pickName("word", chosen)}.${pickName("word", chosen)}`],
  [/value/, word("word")],
  [/^n$|number|count|depth|lines|^num$/, (chosen) => String(2 + chosen.below(2))],
  [/prefix/, word("directory")],
  [/pattern|regex/, () => "project"],
  [/e-?mail/, (chosen) => `${pickName("person", chosen).toLowerCase()}@example.org`],
];

/**
 * The command with every placeholder filled, equal ones alike; null when one cannot be. `filled` collects what each
 * placeholder stands for and is shared by the commands of one example.
 */
export function fillPlaceholders(command: string, filled: Map<string, string>, chosen: Choices): string | null {
  const text = command
    .replace(/(?<=\s)\[[^\]]*\]/g, (group) => (/^\[[^\s<]*\]$/.test(group) && /\.\w|=/.test(command) ? group : ""))
    .replace(/<([\w -]+)>/g, (whole, name: string) => {
      const known = filled.get(name);
      if (known !== undefined) return quotedForShell(known);
      const rule = rules.find(([pattern]) => pattern.test(name.toLowerCase()));
      const value = setting(command, name, chosen) ?? rule?.[1](chosen) ?? "";
      if (value === "") return whole;
      filled.set(name, value);
      return quotedForShell(value);
    })
    .replace(/ {2,}/g, " ")
    .trim();
  return isConcrete(text) ? text : null;
}

/** npm knows its settings by name and refuses others. */
function setting(command: string, name: string, chosen: Choices): string | null {
  if (!/^npm (?:config |c )?(?:set|get|delete)\b/.test(command)) return null;
  if (name === "key") return chosen.pick(["fund", "audit", "color", "save-exact", "progress"]);
  return name === "value" ? "false" : null;
}

function quotedForShell(value: string): string {
  return /\s/.test(value) ? `"${value}"` : value;
}

/** No gap left: neither brackets for a reader, nor an ellipsis, nor a word that only stands for another. */
export function isConcrete(command: string): boolean {
  if (/[|&]$|`|<<|\$[A-Z]|(?:^|[;|&]\s*)(?:while|for|if|do|done|then|fi)\b/.test(command)) return false;
  if (/<[\w -]+>|\.\.\.(?![\w])|…|\[<|\{\{|\$\{|\s\[[\w -]+\]/.test(command)) return false;
  if (/(^|\s)(?:key|key=value|section\.key|FILE|PATH|NAME)(\s|$)/.test(command)) return false;
  return !/\b[0-9a-f]{7,40}\b(?<=\d\w*)/.test(command) || /\d{7,}/.test(command);
}
