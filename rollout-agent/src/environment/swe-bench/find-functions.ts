// The functions that a model may be asked to write anew or to break, and whether what it wrote is still such a function.
import { sha256Hex } from "@hindcast/shared/node";
import { z } from "zod";
import { type Language, onPythonSources, onScriptSources } from "./find-mutations.ts";
import { listJavaScriptFunctions } from "./list-javascript-functions.ts";
import { listPythonFunctions } from "./list-python-functions.ts";
import { SourceFunction } from "./source-function.ts";
import type { Testbed } from "./testbed.ts";

/** A model gets whole functions to read and to write; longer ones are left alone. */
const functionBytesMax = 12_000;
const listBytesMax = 4 * 1024 * 1024;

/** In an order that depends on the commit only. */
export async function findFunctions(
  testbed: Testbed,
  { language, commit }: { language: Language; commit: string },
  signal: AbortSignal,
): Promise<SourceFunction[]> {
  const all =
    language === "python"
      ? z.array(SourceFunction).parse(await onPythonSources(testbed, listPythonFunctions, signal))
      : await onScriptSources(testbed, (file, source) => listJavaScriptFunctions(file, source) ?? [], signal);
  return all
    .filter(({ start, end, bodyStart }) => end - start <= functionBytesMax && bodyStart < end)
    .map((each) => ({ each, rank: sha256Hex(`${commit} ${each.file} ${each.start}`) }))
    .toSorted((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ each }) => each);
}

/** The scopes of a source text's functions, in order; null where it does not parse. Python is parsed in the sandbox. */
export async function scopesOf(
  testbed: Testbed,
  { language, file, source }: { language: Language; file: string; source: Uint8Array },
  signal: AbortSignal,
): Promise<string[] | null> {
  if (language === "javascript") {
    return listJavaScriptFunctions(file, Buffer.from(source).toString("utf8"))?.map(({ scope }) => scope) ?? null;
  }
  const script = `python -c '${listPythonFunctions.replaceAll("'", "'\\''")}'`;
  const options = { stdin: source, outputBytesMax: listBytesMax, outputBytesKill: 2 * listBytesMax };
  const { exitCode, output } = await testbed.run(script, options, signal);
  if (exitCode !== 0) return null;
  return z
    .array(SourceFunction)
    .parse(JSON.parse(Buffer.from(output).toString("utf8")))
    .map(({ scope }) => scope);
}
