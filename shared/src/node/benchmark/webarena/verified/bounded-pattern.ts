// Regular expressions from task files. They are Python's, so they are translated; and they are foreign, so they run
// against a clock: V8 stops a script in the middle of a backtracking match.
import { createContext, Script, type Context } from "node:vm";
import { HindcastError } from "../../../../errors.ts";
import { limits } from "../../../../limits.ts";

/** A text in task files that starts with ^ and ends with $ is a pattern. */
export function isPattern(text: string): boolean {
  return text.length >= 2 && text.startsWith("^") && text.endsWith("$");
}

export interface PatternUse {
  /** `start`: from the start, as `re.match`; `whole`: all of it, as `re.fullmatch`; `anywhere`: as `re.search`. */
  at: "start" | "whole" | "anywhere";
  ignoreCase?: boolean;
  /** `.` matches line breaks too. */
  dotAll?: boolean;
}

const program = new Script("new RegExp(source, flags).test(text)");
/** Made when a pattern first needs it: most processes never judge anything. */
let place: Context | null = null;

/**
 * Whether the pattern fits; null where it is no pattern that can be read.
 * @throws HindcastError CONFIG_INVALID where it takes too long, so that nobody takes that for an answer
 */
export function fits(pattern: string, text: string, use: PatternUse): boolean | null {
  const translated = translate(pattern, use);
  if (!isReadable(translated)) return null;
  if (text.length > limits.taskPatternTextMax) throw tooLong(pattern, `a text of ${text.length} characters`);
  if (isTame(pattern, text)) return new RegExp(translated.source, translated.flags).test(text);
  place ??= createContext({}, { codeGeneration: { strings: false, wasm: false } });
  Object.assign(place, { ...translated, text });
  try {
    return Boolean(program.runInContext(place, { timeout: limits.taskPatternMs }));
  } catch (error) {
    throw tooLong(pattern, `more than ${limits.taskPatternMs} ms`, error);
  }
}

function tooLong(pattern: string, why: string, cause?: unknown): HindcastError {
  return new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message: `the pattern ${JSON.stringify(pattern.slice(0, 200))} was given up: ${why}`,
    ...(cause === undefined ? {} : { cause }),
  });
}

interface Translated {
  source: string;
  flags: string;
}

function translate(pattern: string, { at, ignoreCase = false, dotAll = false }: PatternUse): Translated {
  let flags = (ignoreCase ? "i" : "") + (dotAll ? "s" : "");
  let source = pattern;
  const inline = /^\(\?([aiLmsux]+)\)/.exec(source);
  if (inline !== null) {
    source = source.slice(inline[0].length);
    for (const flag of inline[1] ?? "") if ("ims".includes(flag) && !flags.includes(flag)) flags += flag;
  }
  source = source
    .replace(/\(\?P<([A-Za-z_]\w*)>/g, "(?<$1>")
    .replace(/\(\?P=([A-Za-z_]\w*)\)/g, "\\k<$1>")
    .replace(/\\A/g, "^")
    .replace(/\\Z/g, "(?![\\s\\S])");
  // Python's last $ also fits before a line break at the end.
  const endsInAnchor = /(?:^|[^\\])(?:\\\\)*\$$/.test(source);
  if (at !== "whole" && endsInAnchor) source = `${source.slice(0, -1)}(?=\\n?$)`;
  if (at === "start") source = `^(?:${source})`;
  if (at === "whole") source = `^(?:${source})$`;
  return { source, flags };
}

function isReadable({ source, flags }: Translated): boolean {
  try {
    return new RegExp(source, flags).source !== "";
  } catch {
    return false;
  }
}

/** Nothing repeated repeats anything, and there is little of it: no such pattern is slow. */
function isTame(pattern: string, text: string): boolean {
  const repetitions = pattern.match(/[*+{]/g)?.length ?? 0;
  return text.length <= 4_000 && repetitions <= 2 && !/\)[*+?{]/.test(pattern) && !/\\\d/.test(pattern);
}
