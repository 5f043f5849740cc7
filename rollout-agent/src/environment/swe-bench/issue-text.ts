// What a user would report of a bug, without a word about what was changed.
import type { Mutation } from "./mutation.ts";

export interface Shown {
  /** The tests that the bug breaks. */
  failToPass: readonly string[];
  log: string;
  /** The patch that mends it: nothing of it may be told. */
  fix: string;
}

/** Shorter lines of a patch (`}`, `return x`) may be in any text. */
const telltaleCharsMin = 12;

/** Whether a text holds a line that a patch takes away or brings. */
export function holdsPatch(text: string, patch: string): boolean {
  const plain = text.replace(/\s+/g, " ");
  return patch
    .split("\n")
    .filter((line) => /^[+-](?![+-])/.test(line))
    .map((line) => line.slice(1).trim().replace(/\s+/g, " "))
    .some((line) => line.length >= telltaleCharsMin && plain.includes(line));
}

/** A log without what differs from run to run: equal bugs are asked about in equal words, and bought once. */
export function steadyLog(log: string): string {
  return log.replace(/\b\d+(?:\.\d+)?\s?(?:ms|s|sec|seconds?)\b/g, "some time").replace(/\b0x[\da-f]{6,}\b/g, "0x…");
}

/** Whether a report says what its writer could only know from the patch or the tests. */
export function tellsTooMuch(issue: string, { failToPass, fix }: Shown): boolean {
  const names = failToPass.flatMap((test) => test.match(/\btest_\w+/g) ?? []);
  return holdsPatch(issue, fix) || names.some((name) => issue.includes(name));
}

/** What a user would see: where, and how it shows; never what was changed. */
export function issueOf({ file, scope }: Mutation, { failToPass, log, fix }: Shown): string {
  const shown = log
    .split("\n")
    .filter((line) => /^\s*(E {3}|\w*(Error|Exception|Warning)\b)/.test(line))
    .filter((line) => !holdsPatch(line, fix))
    .slice(0, 3)
    .map((line) => `    ${line.trim()}`);
  return [
    `\`${scope}\` in ${file} does not work as it should.`,
    "",
    `It used to; now ${failToPass.length === 1 ? "a use of it gives a wrong result" : `${failToPass.length} uses of it give wrong results`} or fails.`,
    ...(shown.length === 0 ? [] : ["What is seen:", "", ...shown]),
    "",
    "Find the cause and mend it without changing what else the project does.",
  ].join("\n");
}
