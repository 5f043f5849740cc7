// Requirements: 6.9.parsers, 6.9.grading
// Our reading of logs against SWE-bench's own, on logs of every shape: hundreds of cases, each parser among them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { infraFailureOf } from "../../shared/src/node/benchmark/swe-bench/infra-failure.ts";
import { readEvalLog } from "../../shared/src/node/benchmark/swe-bench/eval-log.ts";
import { gradeInstance } from "../../shared/src/node/benchmark/swe-bench/grade.ts";
import { logParserNamed, logParserNames } from "../../shared/src/node/benchmark/swe-bench/log-parser/index.ts";
import { isPassing, testStatuses } from "../../shared/src/node/benchmark/swe-bench/test-status.ts";
import { pythonWith } from "../support/python.ts";
import { logBody, parserName, wholeLog } from "../support/swe-bench-logs.ts";

interface Case {
  log: string;
  logParser: string;
  instanceId: string;
  failToPass: string[];
  passToPass: string[];
  evalType: "pass_and_fail" | "fail_only";
}

interface Answer {
  parsed: { statuses: Record<string, string> } | { error: string };
  graded:
    | { error: string }
    | { isValid: false }
    | {
        isValid: true;
        statuses: Record<string, string>;
        resolution: string;
        failToPass: { success: string[]; failure: string[] };
        passToPass: { success: string[]; failure: string[] };
      };
  infra: [reason: string, tier: string] | null;
}

const found = await pythonWith("python-swebench-5.0.2", ["swebench==5.0.2", "unidiff==0.7.5"], "swebench, unidiff", [
  "--no-deps",
]);
const skipped = "reason" in found ? found.reason : null;

async function askOracle(cases: readonly Case[]): Promise<Answer[]> {
  if (!("python" in found)) throw new Error("no oracle");
  const script = new URL("../support/swe-bench-oracle.py", import.meta.url).pathname;
  const child = spawn(found.python, [script], { stdio: ["pipe", "pipe", "pipe"] });
  const out: Buffer[] = [];
  const complaints: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => complaints.push(chunk));
  child.stdin.end(cases.map((each) => `${JSON.stringify(each)}\n`).join(""));
  await once(child, "close");
  if (child.exitCode !== 0) throw new Error(Buffer.concat(complaints).toString());
  return Buffer.concat(out)
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Answer);
}

const instanceOf = (logParser: string): string =>
  ({ parse_log_jekyll: "jekyll__jekyll-8761", parse_log_immutable_js: "immutable-js__immutable-js-2005" })[logParser] ??
  "x__x-1";

/** Ids to look for: some that the log names, whole and cut, and some that it does not. */
function withExpectations(log: string, logParser: string, random: number): Case {
  const instanceId = instanceOf(logParser);
  const statuses = logParserNamed(logParser)?.(log, { instanceId }) ?? new Map<string, string>();
  const ids = [...statuses.keys()];
  const good = ids.filter((id) => isPassing(statuses.get(id)));
  const cut = ids.filter((id) => id.includes("[")).map((id) => id.slice(0, id.indexOf("[") + 2));
  return {
    log,
    logParser,
    instanceId,
    failToPass: [...ids.filter((_, index) => (index + random) % 3 === 0), ...cut.slice(0, 1)],
    // Now and then only tests that pass: else hardly anything would be resolved in part.
    passToPass: [
      ...(random % 2 === 0 ? good : ids).filter((_, index) => (index + random) % 3 === 1),
      ...cut.slice(1),
      ...(random % 5 === 0 ? ["no such test"] : []),
    ],
    evalType: random % 4 === 0 ? "fail_only" : "pass_and_fail",
  };
}

describe.skipIf(skipped !== null)(`against swebench 5.0.2${skipped === null ? "" : ` (${skipped})`}`, () => {
  let cases: Case[] = [];
  let answers: Answer[] = [];

  beforeAll(async () => {
    const each = logParserNames.flatMap((logParser, seed) =>
      fc.sample(logBody, { numRuns: 25, seed }).map((log, index) => withExpectations(log, logParser, index)),
    );
    const whole = fc
      .sample(fc.tuple(wholeLog, parserName), { numRuns: 4_000, seed: 7 })
      .map(([log, logParser], index) => withExpectations(log, logParser, index));
    cases = [...each, ...whole];
    answers = await askOracle(cases);
  }, 120_000);

  it("parses every log to the same tests with the same statuses, in the same order", () => {
    let compared = 0;
    for (const [index, answer] of answers.entries()) {
      const { log, logParser, instanceId } = cases[index] as Case;
      // What the oracle cannot read, it throws over; ours must only go on.
      const ours = [...(logParserNamed(logParser)?.(log, { instanceId }) ?? [])];
      if ("error" in answer.parsed) continue;
      compared += 1;
      expect({ logParser, log, statuses: ours }).toEqual({
        logParser,
        log,
        statuses: Object.entries(answer.parsed.statuses),
      });
    }
    expect(compared).toBeGreaterThan(2_000);
  });

  it("judges every log as valid or not, and every instance alike", () => {
    const resolutions = { RESOLVED_FULL: "full", RESOLVED_PARTIAL: "partial", RESOLVED_NO: "no" } as Record<
      string,
      string
    >;
    const seen = { invalid: 0, full: 0, partial: 0, no: 0 } as Record<string, number>;
    for (const [index, { graded }] of answers.entries()) {
      const one = cases[index] as Case;
      const read = readEvalLog(one);
      if ("error" in graded) continue;
      expect({ log: one.log, isValid: read.isValid }).toEqual({ log: one.log, isValid: graded.isValid });
      if (!read.isValid || !graded.isValid) {
        seen["invalid"] = (seen["invalid"] ?? 0) + 1;
        continue;
      }
      // A status that pytest has no word for counts neither way there; here it has not passed.
      if ([...read.statuses.values()].some((status) => !(testStatuses as readonly string[]).includes(status))) continue;
      const ours = gradeInstance(one, read.statuses);
      expect({ one, resolution: ours.resolution, f2p: ours.failToPass.passed, p2p: ours.passToPass.passed }).toEqual({
        one,
        resolution: resolutions[graded.resolution],
        f2p: graded.failToPass.success,
        p2p: graded.passToPass.success,
      });
      seen[ours.resolution] = (seen[ours.resolution] ?? 0) + 1;
    }
    // Each outcome was really among the cases.
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(10);
  });

  it("labels broken machines alike", () => {
    const names: Record<string, string> = {
      browser_launch_failed: "browser-launch",
      display_unavailable: "no-display",
      out_of_memory: "out-of-memory",
      container_unavailable: "container",
      network_unreachable: "name-resolution",
      missing_module: "missing-module",
      no_tests_collected: "no-tests-collected",
      tests_timed_out: "timeout",
    };
    for (const [index, { infra }] of answers.entries()) {
      const ours = infraFailureOf(cases[index]?.log ?? "");
      expect(ours).toEqual(infra === null ? null : { reason: names[infra[0]], tier: infra[1] });
    }
  });
});
