// The repository that a git example takes for granted: commits to go back to, the branches and tags it names, changes to
// commit or stash. Rules over the example's commands; the actor never sees them.
import type { SeedFile } from "../../../domain/environment-spec.ts";
import { simpleCommands } from "./shell-words.ts";

export interface StartState {
  files: SeedFile[];
  setup: string[];
  /** The example's commands as far as they are left to do. */
  commands: string[];
}

/** Subcommands whose plain arguments name branches that exist. */
const takesBranch = new Set(
  "switch checkout merge rebase cherry-pick log diff show merge-base cherry show-branch range-diff branch worktree".split(
    " ",
  ),
);
const createOptions = new Set(["-c", "-C", "-b", "-B", "--create", "--orphan"]);
const dirtyVerbs = new Set("add commit stash restore checkout reset diff clean status update-index".split(" "));
const commitOptions = /^(?:-m|--message|-F|-C|--no-edit|--dry-run|-am|--reuse-message|--fixup)/;

export function gitStartState(commands: readonly string[], files: readonly SeedFile[]): StartState {
  const left = withDefaults(withoutEditors(withoutClone(commands)));
  const calls = left.flatMap((command) => simpleCommands(command)).filter((words) => words[0] === "git");
  if (calls.some((words) => words[1] === "init" || words[1] === "clone"))
    return { files: [...files], setup: [], commands: left };
  const named = [
    ...files,
    ...pathsIn(calls)
      .filter((path) => !files.some((file) => file.path === path))
      .map((path) => ({ path, content: `${path}\nfirst line\n` })),
  ];
  const tracked = [...named, ...defaultFiles.filter((file) => !named.some((other) => other.path === file.path))];
  const setup = [
    "git init -q -b master",
    'git add -A && git commit -q -m "Import the project"',
    'echo "Read the guide first." >> README.md && git commit -q -a -m "Point to the guide"',
    'echo "Ask before you copy." >> README.md && git commit -q -a -m "Mention copies"',
    'echo "first draft" > plan.txt && git add plan.txt && git commit -q -m "Add a plan"',
    'echo "second draft" > notes.txt && git add notes.txt && git commit -q -m "Add notes"',
    ...historyOf(named),
    'echo "Free to use." > LICENSE && git add LICENSE && git commit -q -m "Add a license"',
    'echo "1.1: notes added" >> CHANGELOG.md && git commit -q -a -m "Update the changelog"',
    ...tagsIn(calls).map((tag) => `git tag -a -m "Release ${tag}" ${tag} HEAD~1`),
    ...branchesIn(calls).map(branchSetup),
    ...settingsIn(calls),
    ...remoteSetup(calls),
    ...dirtySetup(calls, named),
    // Picking the tip of master makes sense from a branch that lacks it.
    ...(calls.some((words) => words[1] === "cherry-pick" && words.some((word) => /(?:^|\.\.)master$/.test(word)))
      ? ["git switch -q -c maintenance HEAD~1"]
      : []),
  ];
  return { files: tracked, setup, commands: left };
}

const defaultFiles: SeedFile[] = [
  { path: "README.md", content: "# Project\n\nA small project.\n" },
  { path: "CHANGELOG.md", content: "1.0: first release\n" },
];

/** Documents clone something to work in; the start state stands for the clone. */
function withoutClone(commands: readonly string[]): string[] {
  const clone = commands.findIndex((command) => /^git clone\b/.test(command));
  if (clone === -1 || commands.length < 2) return [...commands];
  const rest = commands.slice(clone + 1);
  return /^cd\b/.test(rest[0] ?? "") ? rest.slice(1) : rest;
}

/** What an example leaves to an editor: changes are part of the start state, a commit gets its message as an argument. */
function withoutEditors(commands: readonly string[]): string[] {
  return commands
    .filter((command) => !/^(?:edit|vi|vim|emacs|nano|mailx|make|hack)\b/.test(command))
    .map((command) =>
      /^git tag .*(?:-a|--annotate)\b/.test(command) && !/ -m| -F|--message|--file/.test(command)
        ? `${command} -m "Mark this state"`
        : command,
    )
    .map((command, index) =>
      /^git commit\b[^|;&]*$/.test(command) && !command.split(" ").some((word) => commitOptions.test(word))
        ? `${command.replace(/ -c ORIG_HEAD| \.\.\.$/g, "")} -m "${["Record the changes", "Finish the work", "Complete the change"][index % 3] ?? ""}"`
        : command,
    );
}

/** Plain arguments of the subcommands that take paths. */
function pathsIn(calls: readonly string[][]): string[] {
  return calls
    .filter((words) => /^(?:add|rm|mv|blame|annotate|update-index)$/.test(words[1] ?? ""))
    .flatMap((words) =>
      words[1] === "mv"
        ? words
            .slice(2)
            .filter((word) => !word.startsWith("-"))
            .slice(0, -1)
        : words.slice(2),
    )
    .filter((word) => /^[A-Za-z][\w-]*$/.test(word));
}

/** What these subcommands work on when an example leaves it out, because it was said before or comes from a pipe. */
const defaultArguments: Record<string, string> = {
  shortlog: "HEAD",
  "rev-list": "HEAD",
  blame: "README.md",
  grep: "project",
};

function withDefaults(commands: readonly string[]): string[] {
  return commands.map((command) => {
    const verb = /^git ([\w-]+)(?: -[^\s|>]+)*$/.exec(command)?.[1] ?? "";
    // Picking the commit one stands on picks nothing.
    if (/^git cherry-pick .*\bHEAD$/.test(command)) return command.replace(/HEAD$/, "master");
    return defaultArguments[verb] === undefined ? command : `${command} ${defaultArguments[verb]}`;
  });
}

/** A second version of each named file, so that there is something to go back to. */
function historyOf(files: readonly SeedFile[]): string[] {
  const text = files.filter((file) => !file.path.endsWith(".json"));
  if (text.length === 0) return [];
  const edits = text.map((file) => `echo "revised" >> ${file.path}`);
  return [`${edits.join(" && ")} && git commit -q -a -m "Revise the files"`];
}

function tagsIn(calls: readonly string[][]): string[] {
  const created = calls.filter(
    (words) =>
      words[1] === "tag" && !words.some((word) => /^-(?:d|l|v)$|^--(?:delete|list|contains|verify)/.test(word)),
  );
  const createdNames = new Set(created.flatMap((words) => words.slice(2)));
  const words = calls.flatMap((call) => call.slice(2)).flatMap((word) => word.split(/\.{2,3}/));
  const deleted = calls.filter((call) => call[1] === "tag" && !created.includes(call)).flatMap(plainArguments);
  const named = words.map((word) => /^(v\d[\w.-]*\w)/.exec(word)?.[1] ?? "");
  const described = calls.some((words) => words[1] === "describe") ? ["v1.0"] : [];
  return [...new Set([...named, ...deleted, ...described])].filter(
    (name) => /^\w[\w./-]*$/.test(name) && !createdNames.has(name),
  );
}

function branchesIn(calls: readonly string[][]): string[] {
  const created = new Set<string>(["master", "HEAD", "origin", "FETCH_HEAD", "ORIG_HEAD"]);
  const needed = new Set<string>();
  for (const words of calls) {
    const create = words.findIndex((word) => createOptions.has(word));
    if (create !== -1) created.add(words[create + 1] ?? "");
    if (!takesBranch.has(words[1] ?? "")) continue;
    const existing = words[1] === "branch" ? branchArguments(words) : plainArguments(words);
    if (words[1] === "branch" && existing.length === 0) created.add(plainArguments(words)[0] ?? "");
    for (const name of existing
      .flatMap((word) => word.replace(/^\^/, "").split(/\.{2,3}/))
      .map((word) => word.replace(/[~^@].*$/, ""))) {
      if (/^[a-z][\w/-]*$/i.test(name) && !created.has(name) && !name.startsWith("origin/")) needed.add(name);
    }
  }
  return [...needed];
}

/** Which arguments of `git branch` must exist already: those it deletes, renames or describes; not the one it creates. */
function branchArguments(words: readonly string[]): string[] {
  const names = plainArguments(words);
  if (words.some((word) => /^-[dD]$|^--delete$|^--edit-description$|^--unset-upstream$/.test(word))) return names;
  if (words.some((word) => /^-[mMcC]$|^--move$|^--copy$/.test(word))) return names.length > 1 ? names.slice(0, 1) : [];
  return [];
}

/** Arguments behind the subcommand that are neither options, nor option values, nor paths behind `--`. */
function plainArguments(words: readonly string[]): string[] {
  const end = words.indexOf("--");
  return words
    .slice(2, end === -1 ? undefined : end)
    .filter(
      (word, index, all) =>
        !word.startsWith("-") &&
        !isOptionValue(words[1] ?? "", all[index - 1] ?? "") &&
        !/[.*\s]\w*$/.test(word.replace(/\.{2,3}/g, "")),
    );
}

/** `-m` takes a message for some subcommands and nothing for others. */
function isOptionValue(verb: string, option: string): boolean {
  return /^-[CcbBFo]$|^--message$/.test(option) || (option === "-m" && /^(?:commit|tag|notes|merge|stash)$/.test(verb));
}

/** A branch of its own, with one commit; a branch that is merely deleted or renamed has one too. */
function branchSetup(name: string): string {
  const file = `${name.replace(/\W/g, "-")}.txt`;
  return `git switch -q -c ${name} && echo "work on ${name}" > ${file} && git add ${file} && git commit -q -m "Work on ${name}" && git switch -q master`;
}

/** Settings that are read, changed or removed must be there. */
function settingsIn(calls: readonly string[][]): string[] {
  return calls
    .filter(
      (words) => words[1] === "config" && words.some((word) => /^--(?:get|unset|replace|rename|remove)/.test(word)),
    )
    .flatMap((words) =>
      words
        .slice(2)
        .filter((word) => /^[a-z][\w-]*(?:\.[\w-]+)+$/i.test(word))
        .slice(0, 1),
    )
    .map((key) => `git config ${key} true`);
}

/** A remote to talk to without a network: a bare clone inside the repository's own folder. */
function remoteSetup(calls: readonly string[][]): string[] {
  const isNeeded = calls.some(
    (words) =>
      /^(?:pull|push|fetch)$/.test(words[1] ?? "") ||
      words.slice(2).some((word) => /^origin(?:\/|$)|@\{(?:u|upstream|push)\}/.test(word)),
  );
  if (!isNeeded || calls.some((words) => words[1] === "remote" && words[2] === "add")) return [];
  return [
    "git clone -q --bare . .git/origin.git",
    "git remote add origin .git/origin.git && git fetch -q origin && git branch -q -u origin/master",
  ];
}

function dirtySetup(calls: readonly string[][], files: readonly SeedFile[]): string[] {
  const verbs = calls.map((words) => words[1] ?? "");
  if (!verbs.some((verb) => dirtyVerbs.has(verb))) return [];
  const isHard = calls.some((words) => words.includes("--hard"));
  const path = files.find((file) => !file.path.endsWith(".json"))?.path ?? "README.md";
  const edits = (files.length === 0 ? [path] : files.map((file) => file.path)).filter(
    (file) => !file.endsWith(".json"),
  );
  const lines = edits.map((file) => `echo "work in progress" >> ${file}`);
  const first = verbs.find((verb) => dirtyVerbs.has(verb)) ?? "";
  const untracked = first === "clean" ? ['echo "scratch" > scratch.tmp'] : [];
  const staged =
    calls.some((words) => words.includes("--staged") || words.includes("--cached")) ||
    (first === "commit" && !calls.some((words) => words[1] === "add" || words.some((word) => /^-\w*a/.test(word)))) ||
    (first === "reset" && !isHard);
  const stash =
    calls.some((words) => words[1] === "stash" && /^(?:pop|apply|drop|show|list|branch)$/.test(words[2] ?? "")) &&
    !calls.some((words) => words[1] === "stash" && (words.length === 2 || words[2] === "push"));
  return [...lines, ...untracked, ...(staged ? ["git add -A"] : []), ...(stash ? ["git stash -q"] : [])];
}
