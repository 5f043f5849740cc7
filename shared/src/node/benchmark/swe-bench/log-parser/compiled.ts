// Cargo, `go test`, and the runners of C and C++ projects.
import { isWhitespace, splitWords, strip, stripStart, whitespaceClass } from "../python-text.ts";
import { withoutDuration } from "./duration.ts";
import { type LogParser, parseEachLine } from "./log-parser.ts";

/** `test a::b ... ok` */
export const parseCargo: LogParser = parseEachLine((line, statuses) => {
  const [test, name = "", dots, outcome, ...rest] = splitWords(line);
  if (test !== "test" || dots !== "..." || rest.length > 0) return;
  if (outcome === "ok") statuses.set(name, "PASSED");
  else if (outcome === "FAILED") statuses.set(name, "FAILED");
});

const goOutcomes = { PASS: "PASSED", FAIL: "FAILED", SKIP: "SKIPPED" } as const;

/** `--- PASS: TestX/case_1 (0.00s)` */
export const parseGoTest: LogParser = parseEachLine((raw, statuses) => {
  const line = strip(raw);
  const outcome = (["PASS", "FAIL", "SKIP"] as const).find((each) => line.startsWith(`--- ${each}: `));
  if (outcome === undefined || !line.endsWith(")")) return;
  const rest = line.slice("--- PASS: ".length, -1);
  // The duration is never empty.
  const open = rest.lastIndexOf(" (", rest.length - " (x".length);
  if (open > 0) statuses.set(rest.slice(0, open), goOutcomes[outcome]);
});

const redisOutcomes = new Map([
  ["ok", "PASSED"],
  ["err", "FAILED"],
  ["skip", "SKIPPED"],
  ["ignore", "SKIPPED"],
]);

/** `[ok]: name (12 ms)`; a failed test's name is followed by its file. */
export const parseRedis: LogParser = parseEachLine((raw, statuses) => {
  const line = strip(raw);
  const close = line.indexOf("]:");
  const outcome = line.startsWith("[") ? line.slice(1, close) : "";
  const status = redisOutcomes.get(outcome);
  if (status === undefined || !isWhitespace(line[close + 2]) || line.length < close + 4) return;
  const name = withoutDuration(line.slice(close + 3));
  statuses.set(outcome === "err" ? withoutFile(name) : name, status);
});

/** `name in path`: the last three words, where the name has no blank at its end. */
function withoutFile(name: string): string {
  if (isWhitespace(name.at(-1))) return name;
  const path = wordStart(name, name.length);
  const between = wordEnd(name, path);
  const word = wordStart(name, between);
  if (path === between || name.slice(word, between) !== "in") return name;
  const end = wordEnd(name, word);
  return end === word ? name : name.slice(0, end);
}

/** Where the run of characters that ends at `end` and is no white space begins. */
function wordStart(text: string, end: number): number {
  let start = end;
  while (start > 0 && !isWhitespace(text[start - 1])) start -= 1;
  return start;
}

/** Where the text in front of the white space that ends at `start` ends. */
function wordEnd(text: string, start: number): number {
  let end = start;
  while (end > 0 && isWhitespace(text[end - 1])) end -= 1;
  return end;
}

/** automake's `PASS: tests/x` */
export const parseJq: LogParser = parseEachLine((raw, statuses) => {
  const line = strip(raw);
  const isPass = line.startsWith("PASS:");
  if (!isPass && !line.startsWith("FAIL:")) return;
  if (isWhitespace(line[5]) && line.length > 6) statuses.set(line.slice(6), isPass ? "PASSED" : "FAILED");
});

const micropythonOutcomes: Record<string, string> = { pass: "PASSED", FAIL: "FAILED", skip: "SKIPPED" };

/** `pass  basics/x.py` */
export const parseMicropython: LogParser = parseEachLine((raw, statuses) => {
  const line = strip(raw);
  const status = micropythonOutcomes[line.slice(0, 4)];
  if (status !== undefined && isWhitespace(line[4])) statuses.set(stripStart(line.slice(4)), status);
});

const googleMark = new RegExp(`\\[[${whitespaceClass}]*(OK|FAILED)[${whitespaceClass}]*\\][${whitespaceClass}]`, "g");

/** `12: [       OK ] Suite.Name (0 ms)`, whatever CTest puts in front. */
export const parseGoogleTest: LogParser = parseEachLine((raw, statuses) => {
  const line = strip(raw);
  if (!line.endsWith(")")) return;
  let end = line.lastIndexOf("(");
  while (end > 0 && !isWhitespace(line[end - 1])) end = line.lastIndexOf("(", end - 1);
  if (end <= 0) return;
  const mark = [...line.matchAll(googleMark)].findLast(({ index, 0: text }) => index + text.length <= end - 1);
  if (mark === undefined) return;
  statuses.set(line.slice(mark.index + mark[0].length, end - 1), mark[1] === "OK" ? "PASSED" : "FAILED");
});
