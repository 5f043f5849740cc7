// A bug that a model wrote, as a replacement of bytes like any other: the whole function for the whole function. It
// counts only where the file still parses and has the functions that it had, and where its words do not give it away.
import type { FunctionInput } from "@hindcast/shared/node";
import { type Language, sourceBytesMax } from "./find-mutations.ts";
import { scopesOf } from "./find-functions.ts";
import type { Mutation } from "./mutation.ts";
import type { SourceFunction } from "./source-function.ts";
import type { AuthoredBug, TaskAuthor } from "./task-author.ts";
import type { Testbed } from "./testbed.ts";

/** Words of one who explains a bug; where the project used them itself they tell nothing. */
const telltales = /\b(bugs?|buggy|mistakes?|incorrect\w*|wrong\w*|broken|subtle|intentional\w*|off[- ]by[- ]one)\b/gi;

/** @returns null where the model's answer cannot be used */
export async function authoredBug(
  { kind, target }: { kind: AuthoredBug; target: SourceFunction },
  { testbed, author, language }: { testbed: Testbed; author: TaskAuthor; language: Language },
  signal: AbortSignal,
): Promise<Mutation | null> {
  const { file, scope, line, start, end } = target;
  const source = Buffer.from(await testbed.sandbox.readFile(file, sourceBytesMax));
  const written = await author.writeFunction(kind, inputOf(kind, target, source), signal);
  if (written === null) return null;
  const whole = source.subarray(start, end).toString("utf8");
  const replacement = indented(withoutFence(written), indentAt(source, start));
  const changed = Buffer.concat([source.subarray(0, start), Buffer.from(replacement), source.subarray(end)]);
  const scopes = async (text: Uint8Array): Promise<string[] | null> =>
    await scopesOf(testbed, { language, file, source: text }, signal);
  const isUsable =
    plain(replacement) !== plain(whole) &&
    !givesAway(replacement, whole) &&
    JSON.stringify(await scopes(changed)) === JSON.stringify(await scopes(source));
  if (isUsable) return { file, operator: `lm-${kind}`, scope, line, start, end, replacement };
  author.reject();
  return null;
}

/** Whoever shall write the body is not shown it. */
function inputOf(
  kind: AuthoredBug,
  { file, scope, start, end, bodyStart }: SourceFunction,
  source: Buffer,
): FunctionInput {
  const text = (from: number, to?: number): string => source.subarray(from, to).toString("utf8");
  const code = dedented(text(start, kind === "rewrite" ? bodyStart : end), indentAt(source, start));
  return { file, scope, code, before: text(0, start), after: text(end) };
}

export function givesAway(written: string, whole: string): boolean {
  const known = new Set(whole.toLowerCase().match(telltales));
  return (written.toLowerCase().match(telltales) ?? []).some((word) => !known.has(word));
}

/** What stands before the function's first word on its line. */
function indentAt(source: Buffer, start: number): string {
  const line = source.subarray(source.lastIndexOf(0x0a, start - 1) + 1, start).toString("utf8");
  return /^\s*/.exec(line)?.[0] ?? "";
}

function dedented(text: string, indent: string): string {
  return text.replaceAll(`\n${indent}`, "\n").trimEnd();
}

/** The lines after the first get the indentation of the place; what all of an answer's lines have is not theirs. */
export function indented(text: string, indent: string): string {
  const lines = text.trimEnd().split("\n");
  const common = Math.min(
    ...lines.filter((line) => line.trim() !== "").map((line) => /^\s*/.exec(line)?.[0].length ?? 0),
  );
  return lines
    .map((line) => (line.trim() === "" ? "" : line.slice(common)))
    .map((line, index) => (index === 0 || line === "" ? line : `${indent}${line}`))
    .join("\n");
}

function withoutFence(text: string): string {
  return /^\s*```\w*\n([\s\S]*?)\n\s*```\s*$/.exec(text)?.[1] ?? text.replace(/^\n+/, "");
}

const plain = (text: string): string => text.replace(/\s+/g, " ").trim();
