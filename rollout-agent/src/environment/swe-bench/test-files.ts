// Which files the tests of a log are in, so that they can be hidden with what they show.
import { childrenOf, isNode, parseJavaScript, type SyntaxNode } from "./mutate-javascript.ts";
import { type Language, scriptsIn, textOf } from "./find-mutations.ts";
import type { Testbed } from "./testbed.ts";

/** @returns the files that a test may be in; empty where nobody can say */
export type FilesOfTest = (test: string) => readonly string[];

const testFilesMax = 1_000;
const runners = ["test", "it", "specify", "describe", "suite", "context"];

export async function findTestFiles(testbed: Testbed, language: Language, signal: AbortSignal): Promise<FilesOfTest> {
  if (language === "python") {
    return (test) => {
      const file = pythonFileOf(test);
      return file === null ? [] : [file];
    };
  }
  const files = (await scriptsIn(testbed, signal)).filter(isTestFile).slice(0, testFilesMax);
  const titles = new Map<string, string[]>();
  for (const file of files) titles.set(file, titlesIn(file, await textOf(testbed, file)));
  return (test) => filesWith(test, titles);
}

const isTestFile = (file: string): boolean =>
  /(^|\/)(tests?|__tests__|specs?)\/|(^|[./_-])(test|spec)s?\.\w+$/.test(file);

/**
 * Logs name a test by its title, with those of its suites in front of it: "- adds", "calc adds", "a.test.js > calc > adds".
 * A title in several files may be of any of them.
 */
export function filesWith(test: string, titles: ReadonlyMap<string, readonly string[]>): string[] {
  const named = [...titles.keys()].find((file) => test.startsWith(`${file} `));
  if (named !== undefined) return [named];
  const lengthOf = (all: readonly string[]): number =>
    Math.max(0, ...all.filter((title) => test === title || test.endsWith(` ${title}`)).map(({ length }) => length));
  const longest = Math.max(0, ...[...titles.values()].map(lengthOf));
  return longest === 0 ? [] : [...titles].filter(([, all]) => lengthOf(all) === longest).map(([file]) => file);
}

/** What a file calls its tests and suites: `it("adds", …)`, `test.only("adds", …)`. */
export function titlesIn(file: string, source: string): string[] {
  const found: string[] = [];
  const visit = (node: SyntaxNode): void => {
    const { callee, arguments: all } = node;
    const first: unknown = Array.isArray(all) ? (all as unknown[])[0] : undefined;
    if (node.type === "CallExpression" && isNode(callee) && isNode(first) && runners.includes(runnerOf(callee))) {
      const title = literal(first);
      if (title !== null && title !== "") found.push(title);
    }
    for (const child of childrenOf(node)) visit(child);
  };
  const program = parseJavaScript(file, source);
  if (program !== null) visit(program);
  return found;
}

function runnerOf(callee: SyntaxNode): string {
  const { name, object, property, callee: called, tag } = callee;
  if (typeof name === "string") return name;
  // `test.each([1, 2])("adds", …)`, and with a table in a template.
  const inner = isNode(called) ? called : tag;
  if (isNode(inner)) return runnerOf(inner);
  const own = isNode(property) && typeof property["name"] === "string" ? property["name"] : "";
  return runners.includes(own) || !isNode(object) ? own : runnerOf(object);
}

function literal({ type, value, quasis }: SyntaxNode): string | null {
  if (type === "Literal") return typeof value === "string" ? value : null;
  const only: unknown = Array.isArray(quasis) && quasis.length === 1 ? quasis[0] : undefined;
  const text = isNode(only) ? (only["value"] as { cooked?: unknown }).cooked : undefined;
  return typeof text === "string" ? text : null;
}

/** "tests/test_a.py::test_b", "test_b (tests.test_a.Case.test_b)" */
export function pythonFileOf(test: string): string | null {
  const pytest = /^([^\s:[]+\.py)::/.exec(test)?.[1];
  if (pytest !== undefined) return pytest;
  const module = /^\w+ \(([\w.]+)\)$/.exec(test)?.[1];
  const names = module?.split(".") ?? [];
  const last = names.findLastIndex((name) => name.startsWith("test_") && names.indexOf(name) < names.length - 1);
  return last === -1 ? null : `${names.slice(0, last + 1).join("/")}.py`;
}
