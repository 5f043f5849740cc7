// The offline proposer: tasks from a document's own examples. It understands nothing; it takes commands that the
// document shows, the words the document has for them, and a start state by rule.
import type { ProposedTask } from "../../prompt/prompt.ts";
import { readDocument, type DocumentExample } from "./document-examples.ts";
import { imperative } from "./imperative.ts";
import { pickName } from "./names.ts";
import { needsOf } from "./needs.ts";
import { fillPlaceholders, isConcrete } from "./placeholders.ts";
import { onlyReads } from "./reading.ts";
import { choices, type Choices } from "./seeded.ts";
import { simpleCommands } from "./shell-words.ts";
import { startState } from "./start-state.ts";
import { contentWords, likeness } from "./text.ts";
import { commandValues, withMarkedValues, withValues } from "./wording.ts";

export interface DocumentText {
  title: string;
  source: string;
  path: string;
  text: string;
}

/** Steps of one example; longer ones are sessions to read, not tasks. */
const commandsMax = 6;
/** Two tasks whose instructions are more alike than this ask for the same. */
const likenessMax = 0.9;

/** All tasks that a document carries, the most useful first. */
export function proposedTasks(document: DocumentText, seed: string): ProposedTask[] {
  const { application, examples } = readDocument(document);
  const tasks = examples.flatMap((example, index) => {
    const chosen = choices(seed, document.source, index);
    const task = taskFrom(example, application, chosen);
    return task === null ? [] : [{ task, rank: rankOf(task, example) }];
  });
  const kept: ProposedTask[] = [];
  for (const { task } of tasks.toSorted((a, b) => b.rank - a.rank)) {
    if (
      kept.every(
        (other) =>
          likeness(other.instruction, task.instruction) < likenessMax && other.guidance.join() !== task.guidance.join(),
      )
    )
      kept.push(task);
  }
  return kept;
}

function taskFrom(example: DocumentExample, application: readonly string[], chosen: Choices): ProposedTask | null {
  if (example.commands.length > commandsMax) return null;
  const names = new Map<string, string>();
  const filled = example.commands.map((command) =>
    isConcrete(command) ? command : fillPlaceholders(command, names, chosen),
  );
  const commands = filled.flatMap((command) => (command === null ? [] : [command]));
  if (commands.length < filled.length) return null;
  const state = startState(commands, chosen);
  if (state.commands.length === 0) return null;
  const request = requestOf(
    { ...example, leads: example.leads.map((lead) => named(lead, names)) },
    state.commands,
    application,
  );
  if (request === null) return null;
  const needs = needsOf(state.commands);
  const isReading = state.commands.every(onlyReads);
  // What is printed can be kept in a file as well: then the end state shows whether it was done. Only where the document's
  // words and the command's are about the same, or nobody could tell afterwards what the file holds.
  const isTold = isReading && sharesWords(request, state.commands);
  const guidance = isTold ? writtenToFile(state.commands, chosen) : state.commands;
  const asksForAnswer = isReading && guidance === state.commands;
  const instruction = fullInstruction(request, guidance, application, asksForAnswer);
  return {
    instruction,
    asksForAnswer,
    expectedResult: asksForAnswer
      ? `The answer is what ${application[0] ?? "the application"} shows: ${lowered(request)}.`
      : `The files show that this was done: ${lowered(request)}.`,
    guidance,
    files: state.files,
    setup: state.setup,
    needs,
  };
}

/** A sentence with the values that its placeholders were filled with; others lose their brackets. */
function named(lead: string, names: ReadonlyMap<string, string>): string {
  return lead.replace(/`?<([\w -]+)>`?/g, (_, name: string) => {
    const value = names.get(name);
    return value === undefined ? name.replaceAll("-", " ") : `\`${value}\``;
  });
}

function sharesWords(request: string, commands: readonly string[]): boolean {
  const asked = new Set(contentWords(request));
  const words = commands.flatMap((command) => contentWords(command.replace(/^\S+/, "").replace(/-/g, " ")));
  return words.filter((word) => asked.has(word)).length >= 2;
}

function writtenToFile(commands: readonly string[], chosen: Choices): string[] {
  const last = commands.at(-1) ?? "";
  return [...commands.slice(0, -1), `${last} > ${pickName("file", chosen)}.txt`];
}

function requestOf(
  example: DocumentExample,
  commands: readonly string[],
  application: readonly string[],
): string | null {
  for (const lead of example.leads) {
    const request = imperative(lead);
    if (request !== null && !mentionsCommand(request, commands)) return request;
  }
  const joined = example.leads.map((lead) => imperative(lead)).find((request) => request !== null);
  return joined === undefined || joined === null || application.length === 0 ? null : joined;
}

/** The instruction would give the solution away. */
function mentionsCommand(request: string, commands: readonly string[]): boolean {
  return commands
    .flatMap((command) => simpleCommands(command))
    .some((words) => words.length > 1 && request.includes(words.slice(0, 2).join(" ")));
}

function fullInstruction(
  request: string,
  commands: readonly string[],
  application: readonly string[],
  asksForAnswer: boolean,
): string {
  const values = commands
    .flatMap((command) => commandValues(command, application))
    .filter(({ kind }) => kind !== "switch");
  const marked = withMarkedValues(
    request,
    values.map(({ value }) => value),
  );
  const sentence = withValues(marked, commands, application);
  const program = simpleCommands(commands[0] ?? "")[0]?.[0] ?? application[0] ?? "";
  const name = application[0] ?? program;
  const named = new RegExp(`\\b${name.replace(/\W/g, "\\$&")}\\b`, "i").test(sentence)
    ? sentence
    : `Using ${name}, ${lowered(sentence)}`;
  return asksForAnswer ? `${named}. Answer with what is printed.` : `${named}.`;
}

export function lowered(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

/** Tasks that change files and need nothing come first; then those that print; what is declined comes last. */
function rankOf(task: ProposedTask, example: DocumentExample): number {
  const isSupported = task.needs.length === 0 ? 100 : 0;
  const changes = task.asksForAnswer ? 0 : 20;
  const steps = Math.min(task.guidance.length, 3) * 2;
  return isSupported + changes + steps + { example: 10, usage: 5, option: 0 }[example.origin];
}
