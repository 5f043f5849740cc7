// What an evaluation script printed, read as SWE-bench 5.0.2 reads it: which part of it the tests wrote, and whether it
// can be believed at all. A log is the work of a program that a model may have changed.
import type { LogFacts } from "./log-parser/log-parser.ts";
import { logParserNamed } from "./log-parser/index.ts";
import { universalNewlines } from "./python-text.ts";
import type { TestStatuses } from "./test-status.ts";

export const marks = {
  start: ">>>>> Start Test Output",
  end: ">>>>> End Test Output",
  exitCode: ">>>>> Test Exit Code",
} as const;

/** What the harness itself writes when it could not run the tests. */
const failureMarks = [">>>>> Patch Apply Failed", ">>>>> Reset Failed", ">>>>> Tests Errored", ">>>>> Tests Timed Out"];

/**
 * Signs that a runner ran tests and had nothing to report. Every number is at least 1: a browser that is lost at once
 * still prints "Executed 0 of 0".
 */
const runnerSigns = [
  /Executed [1-9]\d* of \d/,
  /TOTAL: [1-9]\d* (?:SUCCESS|FAILED)/,
  /[1-9]\d{0,12} passing/,
  /Tests:\s+[1-9]/,
  /Test Suites:\s+(?:\d+ \w+, )*[1-9]\d* total/,
  /^# tests [1-9]/m,
  /[1-9]\d{0,12} specs?, \d+ failures?/,
  /': ok$/m,
];

const exitCodeMark = new RegExp(`${marks.exitCode}:\\s*(-?\\d+)`);

export interface EvalLog extends LogFacts {
  log: string;
  /** As the instance names it. */
  logParser: string;
}

/** @property problem why nothing can be concluded: the log is no evidence for or against the patch */
export type ReadEvalLog = { isValid: true; statuses: TestStatuses } | { isValid: false; problem: string };

/** Never throws; a parser that is not known is a problem like any other. */
export function readEvalLog({ log: raw, logParser, instanceId }: EvalLog): ReadEvalLog {
  const parse = logParserNamed(logParser);
  if (parse === null) return invalid(`there is no parser for logs of "${logParser}"`);
  const log = universalNewlines(raw);
  const failure = failureMarks.find((mark) => log.includes(mark));
  if (failure !== undefined) return invalid(`the log says "${failure.slice(">>>>> ".length)}"`);
  const start = log.indexOf(marks.start);
  if (start === -1 || !log.includes(marks.end)) {
    return invalid(`the log lacks the mark "${start === -1 ? marks.start : marks.end}": the tests were not reached`);
  }
  const facts = { instanceId };
  const printed = parse(betweenMarks(log, start + marks.start.length), facts);
  // Runners that write to the other stream may be found outside the marks.
  const statuses = printed.size > 0 ? printed : parse(log, facts);
  if (statuses.size === 0 && !runnerSigns.some((sign) => sign.test(log)))
    return invalid("the log names no test, and no runner says that it ran");
  const exitCode = Number(exitCodeMark.exec(log)?.[1] ?? 0);
  const hasFailure = [...statuses.values()].some((status) => status === "FAILED" || status === "ERROR");
  if (exitCode !== 0 && statuses.size > 0 && !hasFailure) {
    return invalid(`the tests ended with exit code ${exitCode}, and yet the log names no test that failed`);
  }
  return { isValid: true, statuses };
}

/** Up to whichever mark comes next: a second beginning ends the first part. */
function betweenMarks(log: string, from: number): string {
  const ends = [marks.start, marks.end].map((mark) => log.indexOf(mark, from)).filter((at) => at !== -1);
  return log.slice(from, Math.min(log.length, ...ends));
}

function invalid(problem: string): ReadEvalLog {
  return { isValid: false, problem };
}
