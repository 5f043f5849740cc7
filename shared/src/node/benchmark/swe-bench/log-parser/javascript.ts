// Jest, Vitest, Karma and TAP.
import { isWhitespace, strip, whitespaceClass } from "../python-text.ts";
import type { TestStatuses } from "../test-status.ts";
import { type LogParser, parseEachLine } from "./log-parser.ts";
import { withoutDuration } from "./duration.ts";

const marks: Record<string, string> = {
  "✓": "PASSED",
  "✕": "FAILED",
  "×": "FAILED",
  "○": "SKIPPED",
  "↓": "SKIPPED",
  "✔": "PASSED",
  "✖": "FAILED",
};
const vitestEnd = new RegExp(`[${whitespaceClass}](?:\\p{Nd}+[${whitespaceClass}]*m?s?|\\[skipped\\])$`, "u");

/** `--verbose`: `✓ name (12 ms)`. */
export const parseJest: LogParser = markedLines("✓✕○", (text) => strip(withoutDuration(text)));

/** `--reporter=verbose`: `✓ file > suite > name 12ms`. */
export const parseVitest: LogParser = markedLines("✓×↓", (text) => {
  const end = text.slice(1).search(vitestEnd);
  return end === -1 ? text : text.slice(0, end + 1);
});

/** Jest's JSON, made into lines by the evaluation script: `[PASSED] suite > name`. */
export const parseJestJson: LogParser = parseEachLine((raw, statuses) => {
  const line = strip(raw);
  const status = ["PASSED", "FAILED"].find((each) => line.startsWith(`[${each}]`));
  if (status === undefined) return;
  const rest = line.slice(status.length + 2);
  if (rest.length > 1 && isWhitespace(rest[0])) statuses.set(rest.slice(1), status);
});

/** immutable-js changed its runner between its two tasks. */
export const parseImmutableJs: LogParser = (log, facts) =>
  facts.instanceId.endsWith("-2005") ? parseJestJson(log, facts) : parseJest(log, facts);

/** `ok 3 name`, `not ok 4 name`. */
export const parseTap: LogParser = parseEachLine((raw, statuses) => {
  const match = /^(ok|not ok) \p{Nd}+ (.+)$/su.exec(strip(raw));
  if (match !== null) statuses.set(match[2] ?? "", match[1] === "ok" ? "PASSED" : "FAILED");
});

/** Suites are lines further in than the one before; a summary ends the log. */
export const parseKarma: LogParser = (log) => {
  const statuses: TestStatuses = new Map();
  const suites: string[] = [];
  let indent = -1;
  let isStarted = false;
  for (const line of log.split("\n")) {
    if (line.startsWith("SUMMARY:")) break;
    if (line.includes("Starting browser")) {
      isStarted = true;
      continue;
    }
    const found = isStarted ? karmaLine(line) : null;
    if (found === null) continue;
    if (found.mark !== null) statuses.set([...suites, found.name].join(" > "), marks[found.mark] ?? "");
    else if (found.indent > indent && found.indent > 0) {
      indent = found.indent;
      suites.push(found.name);
    } else if (found.indent < indent && found.indent > 0) {
      indent = found.indent;
      suites.pop();
    }
  }
  return statuses;
};

function karmaLine(line: string): { indent: number; mark: string | null; name: string } | null {
  let start = 0;
  while (start < line.length && isWhitespace(line[start])) start += 1;
  const mark = line[start];
  if ((mark === "✔" || mark === "✖") && isWhitespace(line[start + 1])) {
    return { indent: start, mark, name: line.slice(start + 2) };
  }
  // One blank of the indentation is the one in front of the name.
  return start === 0 ? null : { indent: start - 1, mark: null, name: line.slice(start) };
}

function markedLines(known: string, nameOf: (text: string) => string): LogParser {
  return parseEachLine((raw, statuses) => {
    const line = strip(raw);
    const mark = line[0];
    if (mark === undefined || !known.includes(mark) || !isWhitespace(line[1]) || line.length < 3) return;
    statuses.set(nameOf(line.slice(2)), marks[mark] ?? "");
  });
}
