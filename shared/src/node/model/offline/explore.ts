// What the offline actor does when no demonstration helps: looks around, reads help texts, and tries one command that a
// usage line and the objective's values make up. `ls`, `cat` and `--help` are all the commands it knows.
import { plainUsage, withFirstArgument } from "./document-usage.ts";
import { literals, type Literal } from "./literals.ts";
import type { SeenObservation } from "./reading-prompts.ts";
import { shellQuote } from "./shell-words.ts";
import { isStopWord, likeness } from "./text.ts";

export interface Done {
  action: string;
  result: SeenObservation;
}

/** Help texts read before giving up. */
const helpMax = 3;
/** Less than this is an error message. */
const helpCharactersMin = 100;

/** The next exploring command with its reason; null when there is nothing left to try. */
export function explore(objective: string, done: readonly Done[]): { reason: string; command: string } | null {
  const commands = done.map(({ action }) => action);
  const listing = done.find(({ action }) => action === "ls");
  if (listing === undefined)
    return { reason: "No demonstration fits, so I look at what is here first.", command: "ls" };
  const readme = /^README[\w.]*$/m.exec(listing.result.output)?.[0];
  if (readme !== undefined && !commands.includes(`cat ${readme}`)) {
    return { reason: "A README may say how things are done here.", command: `cat ${readme}` };
  }
  const composed = commands.some((command, index) => index > 0 && !/^(?:ls|cat )|--help$/.test(command));
  const helps = done.filter(({ action }) => action.endsWith(" --help"));
  // Some programs print their help and still exit with an error; an unknown command (127) prints none.
  const useful = helps.filter(({ result }) => result.exitCode !== 127 && result.output.length >= helpCharactersMin);
  const next = nextHelp(objective, commands, useful);
  if (helps.length < helpMax && next !== null)
    return { reason: "The help text may name the command for this.", command: next };
  const command = composed
    ? null
    : useful
        .toReversed()
        .map(({ action, result }) => fromUsage(objective, action.split(" ")[0] ?? "", result.output))
        .find((found) => found !== null);
  return command === null || command === undefined
    ? null
    : { reason: "A usage line with the objective's values filled in.", command };
}

/** First the help of a program that the objective names, then that of a subcommand which both mention. */
function nextHelp(objective: string, commands: readonly string[], useful: readonly Done[]): string | null {
  const last = useful.at(-1);
  if (last === undefined) {
    const programs = [
      /\b[Uu]sing ([a-z][\w-]*)/,
      /\bwith (?:the help of )?([a-z][\w-]*)\b/,
      /\b(?:tool|program|command|use)\b[^.]*? ([a-z][\w-]*)(?: for it)?\.?$/,
    ].flatMap((pattern) => pattern.exec(objective)?.[1] ?? []);
    const words = objective.toLowerCase().match(/\b[a-z][a-z-]{1,11}\b/g) ?? [];
    return (
      [...programs, ...words]
        .filter((word) => !isStopWord(word))
        .map((word) => `${word} --help`)
        .find((command) => !commands.includes(command)) ?? null
    );
  }
  const program = last.action.split(" ")[0] ?? "";
  const told = objective.replaceAll(new RegExp(`\\b${program.replace(/\W/g, "\\$&")}\\b`, "gi"), "");
  const ranked = offeredSubcommands((useful[0] ?? last).result.output)
    .map(({ name, description }) => ({ name, score: likeness(told, `${name} ${description}`) }))
    .filter(({ name, score }) => name !== program && score > 0)
    .toSorted((a, b) => b.score - a.score);
  return ranked.map(({ name }) => `${program} ${name} --help`).find((command) => !commands.includes(command)) ?? null;
}

/** Subcommands of a help text: lines of a name and its description, and lists of names between commas. */
function offeredSubcommands(help: string): { name: string; description: string }[] {
  const described = [...help.matchAll(/^\s+([a-z][a-z-]+)\s{2,}(\S.*)$/gm)];
  const listed = help.split("\n").filter((line) => (line.match(/,/g) ?? []).length >= 3 && !/[.:<]/.test(line));
  return [
    ...described.map(([, name = "", description = ""]) => ({ name, description })),
    ...listed.flatMap((line) => (line.match(/[a-z][a-z-]+/g) ?? []).map((name) => ({ name, description: "" }))),
  ];
}

/** Usage lines that are tried, the most likely first. */
const usageLinesMax = 3;

/** The usage line most like the objective, its placeholders filled with the objective's values in order. */
function fromUsage(objective: string, program: string, help: string): string | null {
  const lines = help
    .split("\n")
    .map((line) => line.replace(/^\s*(?:usage|or):\s*/i, "").trim())
    .filter((line) => line.startsWith(`${program} `) && line.includes("<"));
  const values = literals(objective);
  const ranked = lines
    .map((line) => ({ line, score: likeness(objective, line) }))
    .toSorted((a, b) => b.score - a.score);
  for (const { line } of ranked.slice(0, usageLinesMax)) {
    for (const usage of [withFirstArgument(line), plainUsage(line)]) {
      const command = usage === null ? null : filled(usage, values);
      if (command !== null) return command;
    }
  }
  return null;
}

function filled(usage: string, values: readonly Literal[]): string | null {
  const rest = [...values];
  let isFilled = usage.includes("<");
  const command = usage.replace(/<[\w -]+>/g, () => {
    const value = rest.shift();
    if (value === undefined) isFilled = false;
    return shellQuote(value?.value ?? "");
  });
  return isFilled ? command : null;
}
