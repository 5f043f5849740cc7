// The offline relabeller: what a window achieved, as an instruction. Effects say what was done; the actions only add the
// values that effects do not show (a start point, say). A window that changed nothing becomes a question.
import type { NewTaskOutput } from "../../prompt/prompt.ts";
import { findSection, type Section, sectionsOf } from "../../prompt/sections.ts";
import { change, type Change } from "./change.ts";
import { changesOf } from "./changes.ts";
import { toldSteps, type ToldStep } from "./page/told-step.ts";
import { seenSteps, type SeenStep, textOf } from "./reading-prompts.ts";
import { simpleCommands } from "./shell-words.ts";
import { capitalised, englishList, quoted } from "./text.ts";
import { commandValues, withValues } from "./wording.ts";

/** More changes than this are told by the files they touch. */
const changesMax = 6;
/** An answer longer than this is a document, not an answer. */
const answerCharactersMax = 4_000;

export function relabel(sections: readonly Section[]): NewTaskOutput {
  const trajectory = findSection(sections, "trajectory")?.children ?? [];
  const steps = seenSteps(trajectory);
  const onPages = toldSteps(textOf(sectionsOf(trajectory, "observation"), "observation"), steps);
  if (onPages !== null) return relabelPages(onPages.filter((told) => told !== null));
  const done = steps.filter(succeeded);
  const application = applicationOf(done.length === 0 ? steps : done);
  const changes = steps
    .flatMap((step) => stepChanges(step, application))
    .filter((one, index, all) => all.findIndex((other) => other.request === one.request) === index);
  const hasEffects = steps.some((step) => step.effects.some((effect) => !/_logs|_cacache/.test(effect.path)));
  if (changes.length === 0 && !hasEffects) return question(done.length === 0 ? steps : done, application);
  const commands = done.map((step) => step.action);
  const request =
    changes.length === 0
      ? commandWords(commands, application)
      : englishList(changes.slice(0, changesMax).map((one) => one.request));
  const instruction = `${withProgram(withValues(request, commands, application), application)}.`;
  const result =
    changes.length === 0
      ? capitalised(request)
      : capitalised(englishList(changes.slice(0, changesMax).map((one) => one.past)));
  return { instruction, asksForAnswer: false, answer: null, expectedResult: `${result}.` };
}

/** On pages the steps themselves say what was achieved: there are no files to look at. */
function relabelPages(told: readonly ToldStep[]): NewTaskOutput {
  const request = englishList(told.map((one) => one.request));
  const past = englishList(told.map((one) => one.past));
  const instruction = request === "" ? "" : `${capitalised(request)}.`;
  return { instruction, asksForAnswer: false, answer: null, expectedResult: `${capitalised(past)}.` };
}

/** A step's changes; a file that only holds what a command printed is told by the command. */
function stepChanges(step: SeenStep, application: readonly string[]): Change[] {
  const target = commandValues(step.action, application).find(({ kind }) => kind === "output")?.value;
  const told = changesOf(step.effects);
  if (target === undefined) return told;
  const words = commandWords([step.action], application);
  return told.map((one) =>
    one.request.includes(quoted(target))
      ? change("write", "wrote", `what ${words === "" ? "it" : words} shows to ${quoted(target)}`)
      : one,
  );
}

function succeeded(step: SeenStep): boolean {
  return step.observation.exitCode === 0 || step.observation.exitCode === null;
}

function question(steps: readonly SeenStep[], application: readonly string[]): NewTaskOutput {
  const last = steps.at(-1);
  const answer = (last?.observation.output ?? "").slice(0, answerCharactersMax);
  const commands = last === undefined ? [] : [last.action];
  const words = commandWords(commands, application);
  const instruction = `${withProgram(withValues(`find out what it shows for ${words === "" ? "this" : words}`, commands, application), application)}. Answer with what is printed.`;
  return {
    instruction,
    asksForAnswer: true,
    answer,
    expectedResult: "The answer is what the last command printed.",
  };
}

/** The program that the commands run, with their subcommands: `git`, `ls-files`. */
function applicationOf(steps: readonly SeenStep[]): string[] {
  const calls = steps.flatMap((step) => simpleCommands(step.action)).filter((words) => !shellTools.has(words[0] ?? ""));
  const program = calls[0]?.[0] ?? simpleCommands(steps[0]?.action ?? "")[0]?.[0] ?? "the shell";
  const subcommands = calls.flatMap((words) =>
    words
      .slice(1)
      .filter((word) => !word.startsWith("-"))
      .slice(0, 1),
  );
  return [program, ...new Set(subcommands.filter((word) => /^[a-z][a-z-]+$/.test(word)))];
}

/** Programs whose first argument is a value and no subcommand. */
const shellTools = new Set("cd ls cat echo mkdir touch cp mv rm printf ln tar sed grep find sort head tail".split(" "));

function withProgram(request: string, [program = ""]: readonly string[]): string {
  return new RegExp(`\\b${program.replace(/\W/g, "\\$&")}\\b`).test(request)
    ? capitalised(request)
    : `Using ${program}, ${request}`;
}

/** Subcommands as words, where effects do not tell what happened: `git stash push` → "stash push". */
function commandWords(commands: readonly string[], application: readonly string[]): string {
  const words = commands.flatMap((command) => {
    const values = new Set(commandValues(command, application).map(({ value }) => value));
    return simpleCommands(command)
      .flatMap((parts) => parts.slice(1))
      .filter((word) => !word.startsWith("-") && !values.has(word) && /^[a-z][\w-]*$/i.test(word));
  });
  return [...new Set(words)].join(" ");
}
