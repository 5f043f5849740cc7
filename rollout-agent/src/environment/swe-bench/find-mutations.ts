// The bugs that could be put into a project's sources: found inside the sandbox by Python's own parser, or by oxc's outside.
import { HindcastError } from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import { z } from "zod";
import { mutateJavaScript } from "./mutate-javascript.ts";
import { mutatePython } from "./mutate-python.ts";
import { Mutation } from "./mutation.ts";
import type { Testbed } from "./testbed.ts";

const listBytesMax = 16 * 1024 * 1024;
export const sourceBytesMax = 4 * 1024 * 1024;
/** Sources of one JavaScript project that are looked at; each is read out of the sandbox. */
const sourceFilesMax = 1_000;

export type Language = "python" | "javascript";

/** In an order that depends on the commit only, and never two from one line. */
export async function findMutations(
  testbed: Testbed,
  { language, commit }: { language: Language; commit: string },
  signal: AbortSignal,
): Promise<Mutation[]> {
  const all = language === "python" ? await pythonMutations(testbed, signal) : await scriptMutations(testbed, signal);
  const order = (each: Mutation): string => sha256Hex(`${commit} ${each.file} ${each.start} ${each.operator}`);
  const lines = new Set<string>();
  return all
    .map((each) => ({ each, rank: order(each) }))
    .toSorted((a, b) => (a.rank < b.rank ? -1 : 1))
    .flatMap(({ each }) => {
      const line = `${each.file}:${each.line}`;
      if (lines.has(line)) return [];
      lines.add(line);
      return [each];
    });
}

async function pythonMutations(testbed: Testbed, signal: AbortSignal): Promise<Mutation[]> {
  return z.array(Mutation).parse(await onPythonSources(testbed, mutatePython, signal));
}

/** What a program of Python's prints as JSON of the project's sources, its tests left out. */
export async function onPythonSources(testbed: Testbed, program: string, signal: AbortSignal): Promise<unknown> {
  const script = `(cd /testbed && cat > /tmp/sources.py && git ls-files -z '*.py' | grep -zvE '(^|/)(tests?|testing|docs?|examples?)/|(^|/)(test_[^/]*|conftest|setup)\\.py$|_test\\.py$' | xargs -0r python /tmp/sources.py)`;
  const text = await outputOf(testbed, { script, stdin: Buffer.from(program) }, signal);
  return JSON.parse(text === "" ? "[]" : text);
}

async function scriptMutations(testbed: Testbed, signal: AbortSignal): Promise<Mutation[]> {
  return await onScriptSources(testbed, mutateJavaScript, signal);
}

/** What is found in the project's scripts, its tests and tools left out. */
export async function onScriptSources<T>(
  testbed: Testbed,
  find: (file: string, source: string) => readonly T[],
  signal: AbortSignal,
): Promise<T[]> {
  const files = (await scriptsIn(testbed, signal)).filter((file) => !isTestOrTool(file)).slice(0, sourceFilesMax);
  const found: T[] = [];
  for (const file of files) found.push(...find(file, await textOf(testbed, file)));
  return found;
}

/** Tests, documents, what a build made, and what configures tools. */
const isTestOrTool = (file: string): boolean =>
  /(^|\/)(tests?|__tests__|specs?|docs?|examples?|bench\w*|dist|build|coverage|fixtures|scripts?|node_modules)\//.test(
    file,
  ) || /(\.|^|\/)(test|spec|config|conf|bench|min|d)\.\w+$|(^|\/)\.\w+rc\.\w+$/.test(file);

/** Every file of JavaScript or TypeScript that git knows, sorted. */
export async function scriptsIn(testbed: Testbed, signal: AbortSignal): Promise<string[]> {
  const script = `(cd /testbed && git ls-files -z | grep -zE '\\.([cm]?[jt]s|[jt]sx)$')`;
  const text = await outputOf(testbed, { script, mayBeEmpty: true }, signal);
  return text
    .split("\0")
    .filter((file) => file !== "")
    .toSorted();
}

export async function textOf(testbed: Testbed, file: string): Promise<string> {
  return Buffer.from(await testbed.sandbox.readFile(file, sourceBytesMax)).toString("utf8");
}

async function outputOf(
  testbed: Testbed,
  { script, stdin, mayBeEmpty = false }: { script: string; stdin?: Uint8Array; mayBeEmpty?: boolean },
  signal: AbortSignal,
): Promise<string> {
  const run = {
    outputBytesMax: listBytesMax,
    outputBytesKill: 2 * listBytesMax,
    ...(stdin === undefined ? {} : { stdin }),
  };
  const { exitCode, output } = await testbed.run(script, run, signal);
  const text = Buffer.from(output).toString("utf8");
  // Of grep: nothing was found.
  if (exitCode === 0 || (mayBeEmpty && exitCode === 1)) return text;
  throw new HindcastError({
    code: "ENVIRONMENT_SETUP_FAILED",
    boundary: "environment",
    message: `the project's sources could not be read: ${text.slice(-500)}`,
  });
}
