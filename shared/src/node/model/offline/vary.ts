// Held-out tasks, offline. A learned task is varied: other names and values throughout instruction, files, setup and
// commands, other words around them, more files beside them. Or a task is taken from a document nobody learned from.
import type { SeedFile } from "../../../domain/environment-spec.ts";
import type { EvaluationTaskOutput, EvaluationTaskProposal } from "../../prompt/prompt.ts";
import { findSection, sectionsOf, type Section } from "../../prompt/sections.ts";
import { substitute } from "./adapt.ts";
import { readDocument } from "./document-examples.ts";
import { literalKind, literals, replaceAllNames } from "./literals.ts";
import { otherValue, pickName } from "./names.ts";
import { lowered, proposedTasks, type DocumentText } from "./propose.ts";
import { onlyReads } from "./reading.ts";
import { textOf } from "./reading-prompts.ts";
import { choices, type Choices } from "./seeded.ts";
import { simpleCommands } from "./shell-words.ts";
import { capitalised } from "./text.ts";
import { commandValues, states, type CommandValue } from "./wording.ts";

interface Learned {
  instruction: string;
  guidance: string[];
  files: SeedFile[];
  setup: string[];
}

/** Words that mean something to the application and so are nobody's name. */
const fixedValues =
  /^(?:HEAD|FETCH_HEAD|ORIG_HEAD|master|main|origin|null|\.|json|tar|zip|tar\.gz|all|none|always|never|auto|package(?:-lock)?\.json|README(?:\.md)?|Makefile)$|^:|^HEAD[~^@]/;

export function evaluationTasksOffline(sections: readonly Section[], seed: number): EvaluationTaskOutput {
  const document = documentOf(sections);
  const count = Number(textOf(sections, "count"));
  const variation = textOf(sections, "variation");
  const learned = findSection(sections, "learned_task");
  if (learned === null) return { tasks: fromDocument(document, `${variation} ${seed}`).slice(0, count) };
  const task = learnedTask(learned.children);
  const tasks = Array.from({ length: count }, (_, index) =>
    vary(task, document, choices("vary", variation, seed, index, task.instruction)),
  );
  return { tasks: tasks.flatMap((varied) => (varied === null ? [] : [varied])) };
}

export function documentOf(sections: readonly Section[]): DocumentText {
  const section = findSection(sections, "document");
  return {
    title: section?.attributes.title ?? "",
    source: section?.attributes.source ?? "",
    path: section?.attributes.path ?? "",
    text: section?.text ?? "",
  };
}

function fromDocument(document: DocumentText, seed: string): EvaluationTaskProposal[] {
  return proposedTasks(document, seed)
    .filter((task) => task.needs.length === 0 && !task.asksForAnswer)
    .map(({ instruction, files, setup, guidance }) => ({ instruction, files, setup, referenceCommands: guidance }));
}

function learnedTask(sections: readonly Section[]): Learned {
  const start = findSection(sections, "start_state")?.children ?? [];
  return {
    instruction: textOf(sectionsOf(sections, "instruction"), "instruction"),
    guidance: sectionsOf(findSection(sections, "guidance")?.children ?? [], "command").map(({ text }) => text),
    files: sectionsOf(start, "file").map(({ attributes, text }) => ({ path: attributes.path ?? "", content: text })),
    setup: sectionsOf(start, "setup").map(({ text }) => text),
  };
}

/** Null where the task has nothing to vary, changes nothing, or would no longer state what its commands need. */
function vary(task: Learned, document: DocumentText, chosen: Choices): EvaluationTaskProposal | null {
  if (task.guidance.length === 0 || task.guidance.every(onlyReads)) return null;
  const { application } = readDocument(document);
  const names = otherNames(task, application, document.text, chosen);
  if (names.size === 0) return null;
  // Numbers and switches such as `true` also mean other things in the start state, where they stay.
  const proper = new Map([...names].filter(([value]) => !/^(?:\d+|true|false)$/.test(value)));
  const commands = task.guidance.map((command) => substitute(command, names));
  const instruction = reworded(replaceAllNames(task.instruction, names), application, chosen);
  const values = commands
    .flatMap((command) => commandValues(command, application))
    .filter(({ kind }) => kind !== "switch");
  if (values.some(({ value }) => !states(instruction, value) && !fixedValues.test(value))) return null;
  return {
    instruction,
    files: [
      ...task.files.map(({ path, content }) => ({
        path: replaceAllNames(path, proper),
        content: replaceAllNames(otherPackage(path, content, chosen), proper),
      })),
      ...unrelatedFiles(task, chosen),
    ],
    setup: task.setup.map((command) => replaceAllNames(command, proper)),
    referenceCommands: commands,
  };
}

/** Which names and values of the commands are the user's, with others for them. */
function otherNames(
  task: Learned,
  application: readonly string[],
  document: string,
  chosen: Choices,
): Map<string, string> {
  const words = new Set(
    task.guidance.flatMap((command) => simpleCommands(command)).flatMap((parts) => parts.slice(0, 2)),
  );
  const named = [...task.instruction.matchAll(/\b(?:named|called) [`"']?([\w.-]+)/g)].map((match) => match[1] ?? "");
  const values = task.guidance.flatMap((command) => commandValues(command, application));
  const start = JSON.stringify([task.files, task.setup]);
  const names = new Map<string, string>();
  const candidates = [...named, ...values.flatMap((one) => (isFixed(one) || isField(one, start) ? [] : [one.value]))];
  for (const value of candidates) {
    const isOwn =
      !words.has(value) && !fixedValues.test(value) && !isKeyword(value, document) && !/[*?$^~:@{}\\]/.test(value);
    if (!isOwn || names.has(value) || !isLiteral(value, task.instruction)) continue;
    const other = freshValue(value, new Set(names.values()), chosen);
    if (other !== value) names.set(value, other);
  }
  return names;
}

/** Switches have no value, and what words of an option mean (`2 weeks ago`) only the application knows. */
function isFixed({ kind, role, value }: CommandValue): boolean {
  return (
    kind === "switch" ||
    (kind === "option" && /\s/.test(value) && !/message|description|title|note|reason|name|text/.test(role))
  );
}

/** `engines.node` as an argument of its own names a field; a file has the same look but lies in the start state. */
function isField({ value, kind }: CommandValue, start: string): boolean {
  return (
    kind === "argument" && /^[a-z][\w-]*(?:\.[\w-]+|\[\d*\])+$/i.test(value) && !start.includes(`"path":"${value}"`)
  );
}

/** The usage lines of the document offer it as one of several words. */
function isKeyword(value: string, document: string): boolean {
  const escaped = value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`[|(\\[]\\s*${escaped}\\s*[|)\\]]`).test(document);
}

function isLiteral(value: string, instruction: string): boolean {
  return literals(instruction).some((literal) => literal.value === value || literal.value.includes(value));
}

function freshValue(value: string, taken: ReadonlySet<string>, chosen: Choices): string {
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const other = otherValue(value, literalKind(value), chosen);
    if (!taken.has(other) && other !== value) return other;
  }
  return value;
}

function otherPackage(path: string, content: string, chosen: Choices): string {
  return path === "package.json"
    ? content.replace(/("name": ")[^"]+(")/, `$1${pickName("package", chosen)}$2`)
    : content;
}

function unrelatedFiles(task: Learned, chosen: Choices): SeedFile[] {
  const path = `${pickName("directory", chosen)}/${pickName("file", chosen)}.md`;
  return task.files.some((file) => file.path === path)
    ? []
    : [{ path, content: `# ${capitalised(pickName("word", chosen))}\n` }];
}

const otherVerbs: Record<string, string> = {
  set: "change",
  define: "add",
  create: "make",
  delete: "remove",
  remove: "delete",
  add: "put in",
  rename: "give another name:",
  update: "bring up to date",
};

/** The same request in other words. */
function reworded(instruction: string, application: readonly string[], chosen: Choices): string {
  const name = application[0] ?? "";
  const request = instruction.replace(new RegExp(`^Using ${name}, `), "").replace(/\.$/, "");
  const [verb = "", ...rest] = lowered(request).split(" ");
  const told = [otherVerbs[verb] !== undefined && chosen.below(2) === 0 ? otherVerbs[verb] : verb, ...rest].join(" ");
  const frames = [
    `The project here is managed with ${name}. ${capitalised(told)}.`,
    `Please ${told}. The tool for it is ${name}.`,
    `I would like you to ${told}, with the help of ${name}.`,
    `Your task with ${name}: ${told}.`,
  ];
  return chosen.pick(frames);
}
