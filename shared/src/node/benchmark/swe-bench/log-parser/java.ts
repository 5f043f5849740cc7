// Maven, Ant and Gradle.
import { isWhitespace, splitWords, strip, stripStart } from "../python-text.ts";
import type { TestStatuses } from "../test-status.ts";
import { type LogParser, parseEachLine } from "./log-parser.ts";

const mavenOutcomes: Record<string, string> = { SUCCESS: "PASSED", FAILURE: "FAILED" };

/**
 * Maven names no test that passed, so each is run by a command of its own whose echo names it, and the builds end in the
 * order in which they began. Echo and result are printed by different processes: a result may come first.
 */
export const parseMaven: LogParser = (log) => {
  const statuses: TestStatuses = new Map();
  const tests: string[] = [];
  const early: string[] = [];
  let decided = 0;
  for (const line of log.split("\n").map(strip)) {
    const test = mavenTest(line);
    if (test !== null) tests.push(test);
    const result = Object.keys(mavenOutcomes).find((each) => line.endsWith(`BUILD ${each}`));
    if (result === undefined) continue;
    const next = tests[decided];
    if (next === undefined) early.push(result);
    else statuses.set(next, mavenOutcomes[result] ?? "");
    if (next !== undefined) decided += 1;
  }
  for (const [index, test] of tests.slice(decided, decided + early.length).entries()) {
    statuses.set(test, mavenOutcomes[early[index] ?? ""] ?? "");
  }
  return statuses;
};

/** The word behind the last `-Dtest=` that has one. */
function mavenTest(line: string): string | null {
  const flag = "-Dtest=";
  let at = line.lastIndexOf(flag);
  while (at !== -1) {
    const value = line.slice(at + flag.length);
    if (value !== "" && !isWhitespace(value[0])) return splitWords(value)[0] ?? null;
    at = at === 0 ? -1 : line.lastIndexOf(flag, at - 1);
  }
  return null;
}

const antOutcomes: Record<string, string> = { "[PASS]": "PASSED", "[FAIL]": "FAILED", "[ERR]": "FAILED" };

/** `[junit] [PASS] name` */
export const parseAnt: LogParser = parseEachLine((raw, statuses) => {
  const line = strip(raw);
  if (!line.startsWith("[junit]") || !isWhitespace(line["[junit]".length])) return;
  const rest = stripStart(line.slice("[junit]".length));
  const outcome = Object.keys(antOutcomes).find((each) => rest.startsWith(each) && isWhitespace(rest[each.length]));
  if (outcome !== undefined) statuses.set(stripStart(rest.slice(outcome.length)), antOutcomes[outcome] ?? "");
});

/** `Class > test PASSED`; the status may come on a later line when output is mixed. */
export const parseGradle: LogParser = (log) => {
  const statuses: TestStatuses = new Map();
  let pending: string | null = null;
  for (const line of log.split("\n").map(strip)) {
    const status = ["PASSED", "FAILED"].find((each) => line.endsWith(each));
    const name = status === undefined ? "" : line.slice(0, -status.length);
    if (status !== undefined && name.length >= 3 && !name.startsWith(">") && isWhitespace(name.at(-1))) {
      statuses.set(name.slice(0, -1), status);
      pending = null;
    } else if (isGradleTest(line)) pending = line;
    else if (pending !== null && status !== undefined && name === "") {
      statuses.set(pending, status);
      pending = null;
    }
  }
  return statuses;
};

function isGradleTest(line: string): boolean {
  const [suite = "", arrow, test, ...rest] = splitWords(line);
  return !suite.startsWith(">") && arrow === ">" && test !== undefined && rest.length === 0;
}
