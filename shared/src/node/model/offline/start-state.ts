// The start state that an example takes for granted, by rules that read its commands.
import type { SeedFile } from "../../../domain/environment-spec.ts";
import { literalKind } from "./literals.ts";
import type { Choices } from "./seeded.ts";
import { shellWords, simpleCommands } from "./shell-words.ts";
import { gitStartState, type StartState } from "./start-state-git.ts";
import { npmStartState } from "./start-state-npm.ts";

/** Files and setup for an example, and its commands without the steps that the start state stands for. */
export function startState(shown: readonly string[], chosen: Choices): StartState {
  // Only the working directory is writable: what an example puts beside it goes into it.
  const commands = shown.map((command) => command.replace(/(?<=^|[\s=])\.\.\/(?=\w)/g, ""));
  const files = mentionedFiles(commands);
  const programs = new Set(commands.flatMap((command) => simpleCommands(command)).map((words) => words[0]));
  const project = programs.has("npm") ? npmStartState(commands, files, chosen) : null;
  if (programs.has("git")) return gitStartState(project?.commands ?? commands, project?.files ?? files);
  return project ?? { files, setup: [], commands: [...commands] };
}

/** Files that the commands read: named, relative, and not made by the commands themselves. */
function mentionedFiles(commands: readonly string[]): SeedFile[] {
  const made = new Set<string>();
  const files = new Map<string, string>();
  for (const command of commands) {
    const words = shellWords(command);
    // Dotted arguments of these are fields and settings.
    if (/^(?:config|pkg|set|get)$/.test(words[1]?.text ?? "")) continue;
    for (const [index, word] of words.entries()) {
      const before = words[index - 1];
      if (before?.kind === "operator" && />/.test(before.text)) made.add(word.text);
      if (/^(?:-o|--output|touch|mkdir)$/.test(before?.text ?? "")) made.add(word.text);
      const path = word.text.replace(/^--?[\w-]+=/, "").replace(/^\.\//, "");
      const first = words[0]?.text ?? "";
      if (word.kind !== "word" || word === words[0] || first === "mkdir" || first === "echo") continue;
      if (
        /=/.test(path) ||
        !isFilePath(path) ||
        made.has(path) ||
        isDestination(
          words.map((other) => other.text),
          index,
        )
      )
        continue;
      for (const example of globExamples(path)) files.set(example, sampleContent(example));
    }
  }
  return [...files].map(([path, content]) => ({ path, content }));
}

function isFilePath(path: string): boolean {
  if (path.startsWith("/") || path.includes("..") || /^[-~@^:]|[\s$`]/.test(path)) return false;
  return (
    (literalKind(path.replace(/[*?]/g, "x")) === "file" && !/^package(?:-lock)?\.json$/.test(path)) ||
    /^Makefile$/.test(path)
  );
}

/** The last of several names that a command moves or copies is where they go. */
function isDestination(words: readonly string[], index: number): boolean {
  const isMove = /^(?:mv|cp|ln)$/.test(words[0] ?? "") || /^(?:mv|cp)$/.test(words[1] ?? "");
  return isMove && index === words.length - 1;
}

function globExamples(path: string): string[] {
  if (!/[*?[]/.test(path)) return [path];
  const plain = path.replace(/\\/g, "").replace(/\[(\w)[^\]]*\]/g, "$1");
  return ["one", "two"].map((name) => plain.replace("*", name).replace(/[*?]/g, ""));
}

function sampleContent(path: string): string {
  const name = (path.split("/").at(-1) ?? path).replace(/\.\w+$/, "");
  if (path.endsWith(".json")) return `{\n  "name": "${name}"\n}\n`;
  if (/\.[mc]?js$/.test(path)) return `console.log("${name}");\n`;
  if (/\.(?:c|h)$/.test(path)) return `/* ${name} */\nint ${name.replace(/\W/g, "_")}(void);\n`;
  if (path.endsWith(".sh")) return `echo ${name}\n`;
  if (path.endsWith(".csv")) return "id,name\n1,alder\n2,birch\n";
  if (/^Makefile$/.test(path)) return "all:\n\techo built\n";
  return `${name}\nfirst line\nsecond line\n`;
}
