// PHPUnit; RSpec, Minitest, Test::Unit and Cucumber.
import { isWhitespace, strip, stripStart } from "../python-text.ts";
import type { TestStatuses } from "../test-status.ts";
import { type LogParser, parseEachLine } from "./log-parser.ts";

const phpMarks: Record<string, string> = { "✔": "PASSED", "✘": "FAILED", "↩": "SKIPPED" };

/** `--testdox`: `Suite (Full\Name)` over lines of ` ✔ What it does`. */
export const parsePhpUnit: LogParser = (log) => {
  const statuses: TestStatuses = new Map();
  let suite = "None";
  for (const line of log.split("\n")) {
    const heading = phpSuite(line);
    if (heading !== null) {
      suite = heading;
      continue;
    }
    const test = stripStart(line);
    const status = phpMarks[test[0] ?? ""];
    if (status !== undefined) statuses.set(`${suite} > ${stripStart(test.slice(1))}`, status);
  }
  return statuses;
};

function phpSuite(line: string): string | null {
  if (!line.endsWith(")") || !/^[\p{L}\p{N}_]/u.test(line)) return null;
  // Neither the name nor what is in parentheses is empty.
  const open = line.lastIndexOf(" (", line.length - " (x)".length);
  return open >= 2 ? line.slice(0, open) : null;
}

/** The evaluation script makes lines of RSpec's JSON: `name - ./file.rb[1:2] - passed`. */
export const parseRspec: LogParser = parseEachLine((raw, statuses) => {
  const line = strip(raw);
  const passed = line.lastIndexOf(" - passed");
  const failed = line.lastIndexOf(" - failed");
  const at = Math.max(passed, failed);
  if (at > 0) statuses.set(line.slice(0, at), at === passed ? "PASSED" : "FAILED");
});

const unitOutcomes: Record<string, string> = { ".": "PASSED", E: "FAILED", F: "FAILED", O: "SKIPPED" };

/** `test: name: .: (0.001)`; the outcome is a letter by itself. */
export const parseRubyUnit: LogParser = parseEachLine((raw, statuses) => {
  const line = strip(raw);
  for (const start of line.startsWith("test: ") ? ["test: ".length, 0] : [0]) {
    for (let colon = line.lastIndexOf(":"); colon > start; colon = line.lastIndexOf(":", colon - 1)) {
      const rest = isWhitespace(line[colon + 1]) ? stripStart(line.slice(colon + 1, nextWordEnd(line, colon + 1))) : "";
      const status = unitOutcomes[rest[0] ?? ""];
      if (status === undefined || (rest[0] !== "." && /^[\p{L}\p{N}_]/u.test(rest.slice(1)))) continue;
      statuses.set(line.slice(start, colon), status);
      return;
    }
  }
});

/** Two characters behind the white space at `from`: all that an outcome is told by. */
function nextWordEnd(line: string, from: number): number {
  let at = from;
  while (at < line.length && isWhitespace(line[at])) at += 1;
  return at + 3;
}

/** `Class#test_x = 0.01 s = .` with a full stop and a blank behind the name. */
export const parseMinitest: LogParser = parseEachLine((raw, statuses) => {
  const line = strip(raw);
  const outcome = Math.max(line.lastIndexOf("."), line.lastIndexOf("F"), line.lastIndexOf("E"));
  const equals = outcome <= 0 ? -1 : line.lastIndexOf("=", outcome - 1);
  const name = equals < ". ".length ? -1 : line.lastIndexOf(". ", equals - ". ".length);
  if (name > 0) statuses.set(line.slice(0, name), line[outcome] === "." ? "PASSED" : "FAILED");
});

/** `--format progress`: `name ...F` */
export const parseCucumber: LogParser = parseEachLine((raw, statuses) => {
  const line = strip(raw);
  for (let blank = line.lastIndexOf(" ."); blank !== -1; blank = blank === 0 ? -1 : line.lastIndexOf(" .", blank - 1)) {
    let end = blank + 1;
    while (line[end] === ".") end += 1;
    const isFailure = line[end] === "F";
    if (!isFailure && end - blank < 3) continue;
    statuses.set(line.slice(0, blank), isFailure ? "FAILED" : "PASSED");
    return;
  }
});

/** Jekyll changed its runner between tasks. */
export const parseJekyll: LogParser = (log, facts) =>
  /-(8761|8771)$/.test(facts.instanceId) ? parseCucumber(log, facts) : parseMinitest(log, facts);
