// The project that an npm example takes for granted: a package.json with the fields, scripts, workspaces and installed
// packages that its commands name. Rules over the example's commands; the actor never sees them.
import type { SeedFile } from "../../../domain/environment-spec.ts";
import { pickName } from "./names.ts";
import type { Choices } from "./seeded.ts";
import { simpleCommands } from "./shell-words.ts";
import type { StartState } from "./start-state-git.ts";

type Json = { [key: string]: JsonValue };
type JsonValue = string | number | boolean | JsonValue[] | Json;

export function npmStartState(commands: readonly string[], files: readonly SeedFile[], chosen: Choices): StartState {
  const left = commands.map((command) => command.replace(/^npm init( -w \S+)?$/, "npm init -y$1"));
  const calls = left.flatMap((command) => simpleCommands(command)).filter((words) => words[0] === "npm");
  const isInit = calls.some((words) => /^(?:init|create|innit)$/.test(words[1] ?? "") && !usesWorkspace(words));
  if (isInit || files.some((file) => file.path === "package.json"))
    return { files: [...files], setup: [], commands: left };
  const workspaces = workspacesIn(calls);
  const project: Json = {
    name: pickName("package", chosen),
    version: "1.0.0",
    description: "An example project",
    main: "index.js",
    scripts: { build: "echo building", test: "echo testing", start: "echo starting", ...scriptsIn(calls) },
    keywords: ["example"],
    license: "ISC",
    ...(workspaces.length === 0 ? {} : { workspaces: workspaces.map((name) => `packages/${name}`) }),
  };
  for (const key of keysRead(calls)) setIn(project, key);
  const installed = installedIn(calls);
  if (installed.length > 0) project.dependencies = Object.fromEntries(installed.map((name) => [name, "^1.0.0"]));
  return {
    files: [
      { path: "package.json", content: json(project) },
      { path: "index.js", content: 'module.exports = "index";\n' },
      ...workspaces.map((name) => packageFile(`packages/${name}`, name)),
      ...installed.map((name) => packageFile(`node_modules/${name}`, name)),
      ...files,
    ],
    setup: [],
    commands: left,
  };
}

function json(value: Json): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function packageFile(folder: string, name: string): SeedFile {
  return {
    path: `${folder}/package.json`,
    content: json({
      name,
      version: "1.0.0",
      scripts: { test: `echo testing ${name}`, build: `echo building ${name}` },
    }),
  };
}

function usesWorkspace(words: readonly string[]): boolean {
  return words.some((word) => /^(?:-w|--workspace(?:=.*)?|-ws|--ws|--workspaces)$/.test(word));
}

function workspacesIn(calls: readonly string[][]): string[] {
  const isInit = (words: readonly string[]): boolean => /^(?:init|create)$/.test(words[1] ?? "");
  const named = calls
    .filter((words) => !isInit(words))
    .flatMap((words) => [
      ...words.filter((_, index) => /^(?:-w|--workspace)$/.test(words[index - 1] ?? "")),
      ...words.flatMap((word) => /^--workspace=(.+)$/.exec(word)?.[1] ?? []),
    ]);
  const all = calls.some((words) => words.some((word) => /^(?:-ws|--ws|--workspaces)$/.test(word)));
  const names = [...new Set(named.map((name) => name.split("/").at(-1) ?? name))].filter((name) =>
    /^[\w-]+$/.test(name),
  );
  return names.length === 0 && all ? ["a", "b"] : names;
}

function scriptsIn(calls: readonly string[][]): Json {
  const run = calls
    .filter((words) => /^(?:run|run-script|rum|urn)$/.test(words[1] ?? ""))
    .map((words) => words[2] ?? "");
  const lifecycle = calls.map((words) => words[1] ?? "").filter((verb) => /^(?:test|start|stop|restart)$/.test(verb));
  return Object.fromEntries(
    [...run, ...lifecycle].filter((name) => /^[\w:-]+$/.test(name)).map((name) => [name, `echo running ${name}`]),
  );
}

/** Fields that are read or deleted must be there. */
function keysRead(calls: readonly string[][]): string[] {
  return calls
    .filter((words) => words[1] === "pkg" && /^(?:get|delete)$/.test(words[2] ?? ""))
    .flatMap((words) => words.slice(3).filter((word) => !word.startsWith("-")));
}

function setIn(project: Json, key: string): void {
  const [root = "", ...rest] = key.split(/[.[\]]+/).filter((part) => part !== "");
  if (root === "" || (project[root] !== undefined && rest.length === 0)) return;
  if (root === "contributors") project[root] = [{ name: "Foo Bar", email: "foo@bar.example" }];
  else if (rest.length === 0) project[root] = `some ${root}`;
  else {
    const present = project[root];
    const object: Json = typeof present === "object" && !Array.isArray(present) ? present : {};
    object[rest.join(".")] ??= `./${rest.at(-1) ?? root}.js`;
    project[root] = object;
  }
}

/** Packages that are removed, explained or listed must be installed. */
function installedIn(calls: readonly string[][]): string[] {
  return calls
    .filter((words) => /^(?:uninstall|remove|rm|unlink|explain|why|ls|list|rebuild|prune)$/.test(words[1] ?? ""))
    .flatMap((words) => words.slice(2).filter((word) => /^[a-z][\w-]*$/.test(word)));
}
