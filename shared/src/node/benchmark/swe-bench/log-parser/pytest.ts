// pytest's summary (`-rA`): a line per test that begins with its status, in the four forms that SWE-bench tells apart.
import { splitWords } from "../python-text.ts";
import { type TestStatuses, testStatuses } from "../test-status.ts";
import { type LogParser, parseEachLine } from "./log-parser.ts";

/** An assertion's message follows the id of a failed test. */
const messageMark = " - ";
// Colour codes lose their escape and their bracket: `ESC[32m` is first `[32m` by itself.
const colour = /\[\p{Nd}+m/gu;
// oxlint-disable-next-line no-control-regex -- the control characters are what is removed
const controls = /[\x01-\x1f]/g;

export const parsePytest: LogParser = summaryParser((id) => id);

/** A parameter that is a path (`[/tmp/x/y]`) is known by its last part, because the rest differs between machines. */
export const parsePytestOptions: LogParser = summaryParser(withShortPath);

/** Values of an enumeration print differently from Python 3.8 on. */
export const parseMatplotlib: LogParser = (log, facts) =>
  parsePytest(log.replaceAll("MouseButton.LEFT", "1").replaceAll("MouseButton.RIGHT", "3"), facts);

/** Ids may hold blanks: all of the rest of the line is the id. Old versions print the status last. */
export const parsePytestV2: LogParser = parseEachLine((raw, statuses) => {
  const line = raw.replaceAll(colour, "").replaceAll(controls, "");
  if (startsWithStatus(line)) {
    const [status = "", ...id] = splitWords(line.startsWith("FAILED") ? (line.split(messageMark)[0] ?? "") : line);
    if (id.length > 0 && !isSkipSummary(status, id[0])) statuses.set(id.join(" "), status);
  } else if (testStatuses.some((status) => line.endsWith(status))) {
    const words = splitWords(line);
    const status = words.pop() ?? "";
    if (words.length > 0) statuses.set(words.join(" "), status);
  }
});

/** Statuses first, or after the id with more behind it (`test_x PASSED [ 5%]`). */
export const parseSeaborn: LogParser = parseEachLine((line, statuses) => {
  const [first, second] = splitWords(line);
  if (first === undefined || second === undefined) return;
  if (line.startsWith("FAILED")) statuses.set(second, "FAILED");
  else if (line.includes(" PASSED ")) {
    if (second === "PASSED") statuses.set(first, "PASSED");
  } else if (line.startsWith("PASSED")) statuses.set(second, "PASSED");
});

function summaryParser(idOf: (word: string) => string): LogParser {
  return parseEachLine((line, statuses: TestStatuses) => {
    if (!startsWithStatus(line)) return;
    const [status, id] = splitWords(line.startsWith("FAILED") ? line.replaceAll(messageMark, " ") : line);
    if (status !== undefined && id !== undefined && !isSkipSummary(status, id)) statuses.set(idOf(id), status);
  });
}

function startsWithStatus(line: string): boolean {
  return testStatuses.some((status) => line.startsWith(status));
}

/**
 * `SKIPPED [3] file.py:12: reason` counts, and names no test. Only of skipped ones: pytest-5262 and -7521 expect a test
 * that is called `[100%]`, which is a wrapped progress line.
 */
function isSkipSummary(status: string, id: string | undefined): boolean {
  return status === "SKIPPED" && /^\[\p{Nd}+\]$/u.test(id ?? "");
}

function withShortPath(id: string): string {
  const open = id.indexOf("[");
  const close = id.lastIndexOf("]");
  if (open === -1 || close < open) return id;
  const parameter = id.slice(open + 1, close);
  const isPath = parameter.startsWith("/") && !parameter.startsWith("//") && !parameter.includes("*");
  return `${id.slice(0, open)}[${isPath ? parameter.slice(parameter.lastIndexOf("/")) : parameter}]`;
}
