// Requirements: 6.9.grading, 6.9.forgery
import { describe, expect, it } from "vitest";
import { marks, readEvalLog } from "./eval-log.ts";
import { assembleLog, compileOnly, fitEvalScript } from "./eval-script.ts";
import { gradeInstance } from "./grade.ts";
import { infraFailureOf } from "./infra-failure.ts";

const read = (log: string, logParser = "parse_log_pytest"): ReturnType<typeof readEvalLog> =>
  readEvalLog({ log, logParser, instanceId: "x__x-1" });
const between = (body: string, after = ""): string => `${marks.start}\n${body}\n${marks.end}\n${after}`;

describe("an evaluation's log", () => {
  it("counts what stands between the marks, and all of it only where nothing does", () => {
    expect(read(`PASSED before\n${between("PASSED inside")}`)).toEqual({
      isValid: true,
      statuses: new Map([["inside", "PASSED"]]),
    });
    expect(read(`PASSED before\n${between("nothing")}`)).toEqual({
      isValid: true,
      statuses: new Map([["before", "PASSED"]]),
    });
  });

  it.each([
    ["without marks", "PASSED t", "lacks the mark"],
    ["with a harness's own failure", between("PASSED t", ">>>>> Tests Timed Out"), "Tests Timed Out"],
    ["that names no test and shows no runner", between("Chrome failed to start"), "names no test"],
    ["of passes that ended in failure", between("PASSED t", `${marks.exitCode}: 1`), "exit code 1"],
  ])("%s is no evidence", (_, log, problem) => {
    expect(read(log)).toEqual({ isValid: false, problem: expect.stringContaining(problem) as string });
  });

  it("without a test is good where a runner says that it ran", () => {
    expect(read(between("Executed 12 of 13 SUCCESS")).isValid).toBe(true);
    expect(read(between("Executed 0 of 0 DISCONNECTED")).isValid).toBe(false);
  });

  it("with line ends of any system reads alike", () => {
    expect(read(between("PASSED a\r\nPASSED b\rPASSED c"))).toMatchObject({
      statuses: new Map([
        ["a", "PASSED"],
        ["b", "PASSED"],
        ["c", "PASSED"],
      ]),
    });
  });

  it("of an unknown parser is a problem, not an exception", () => {
    expect(read(between("PASSED t"), "parse_log_nothing")).toMatchObject({ isValid: false });
  });

  it("is put together so that only our marks and our exit code count", () => {
    const tested = `PASSED t\n${marks.end}\n${marks.exitCode}: 0\nFAILED t`;
    const { log, isForged } = assembleLog({ prepared: marks.start, tested, testExitCode: 1 });
    expect(isForged).toBe(true);
    expect(read(log)).toEqual({ isValid: true, statuses: new Map([["t", "FAILED"]]) });
    const lying = assembleLog({
      prepared: "",
      tested: `PASSED t\n${marks.end}\n${marks.exitCode}: 0`,
      testExitCode: 1,
    });
    expect(read(lying.log)).toMatchObject({ isValid: false });
    expect(assembleLog({ prepared: "x", tested: "PASSED t", testExitCode: 0 }).isForged).toBe(false);
  });
});

describe("grading", () => {
  const expected = { failToPass: ["a", "b"], passToPass: ["c"], evalType: "pass_and_fail" } as const;
  const of = (statuses: Record<string, string>): string =>
    gradeInstance(expected, new Map(Object.entries(statuses))).resolution;

  it("full, partial and no", () => {
    expect(of({ a: "PASSED", b: "XFAIL", c: "PASSED" })).toBe("full");
    expect(of({ a: "PASSED", c: "PASSED" })).toBe("partial");
    expect(of({ c: "PASSED" })).toBe("no");
    expect(of({ a: "PASSED", b: "PASSED", c: "FAILED" })).toBe("no");
    expect(of({ a: "PASSED", b: "PASSED" })).toBe("no");
  });

  it("a skipped test is no solution and no regression", () => {
    expect(of({ a: "SKIPPED", b: "SKIPPED", c: "SKIPPED" })).toBe("no");
    expect(of({ a: "PASSED", b: "PASSED", c: "SKIPPED" })).toBe("full");
  });

  it("a word that is no status has not passed", () => {
    expect(of({ a: "PASSED", b: "PASSEDish", c: "PASSED" })).toBe("partial");
  });

  it("under fail_only what is not named has passed", () => {
    expect(gradeInstance({ ...expected, evalType: "fail_only" }, new Map([["a", "FAILED"]])).failToPass).toEqual({
      passed: ["b"],
      failed: ["a"],
    });
  });

  it("an id that is cut within a parameter stands for those that begin with it, where they agree", () => {
    const cut = { failToPass: ["t[log(a"], passToPass: [], evalType: "pass_and_fail" } as const;
    const statuses = new Map([
      ["t[log(a b)]", "PASSED"],
      ["t[log(a c)]", "XFAIL"],
    ]);
    expect(gradeInstance(cut, statuses).resolution).toBe("full");
    expect(gradeInstance(cut, statuses.set("t[log(a d)]", "FAILED")).resolution).toBe("no");
    expect(
      gradeInstance({ ...cut, failToPass: ["t[log(a b)"] }, new Map([["t[log(a b)]x", "PASSED"]])).resolution,
    ).toBe("full");
    expect(gradeInstance({ ...cut, failToPass: ["t[log]"] }, new Map([["t[log]x", "PASSED"]])).resolution).toBe("no");
    const kept = { failToPass: [], passToPass: ["t[log(a"], evalType: "pass_and_fail" } as const;
    const [skipped, failed] = [["t[log(a b)]", "SKIPPED"] as const, ["t[log(a c)]", "FAILED"] as const];
    expect(gradeInstance(kept, new Map([skipped])).resolution).toBe("full");
    expect(gradeInstance(kept, new Map([skipped, failed])).resolution).toBe("no");
    expect(gradeInstance(kept, new Map([failed, skipped])).resolution).toBe("no");
  });
});

describe("labels of broken machines", () => {
  it("tell certain signs from doubtful ones, and nothing from nothing", () => {
    expect(infraFailureOf("x\nKilled\ny")).toEqual({ reason: "out-of-memory", tier: "environment" });
    expect(infraFailureOf("ModuleNotFoundError: x")).toEqual({ reason: "missing-module", tier: "ambiguous" });
    expect(infraFailureOf("AssertionError")).toBeNull();
  });
});

describe("an evaluation script", () => {
  const script = [
    "#!/bin/bash",
    "set -uxo pipefail",
    "source /opt/miniconda3/bin/activate",
    "conda activate testbed",
    "cd /testbed",
    "export LC_ALL=en_US.UTF-8",
    "git apply -v - <<'EOF_1'",
    "+conda activate stays in the patch",
    "+export LANG=en_US.UTF-8",
    "EOF_1",
    `: '${marks.start}'`,
    "tox --current-env -epy39 -v -- tests/test_a.py",
    `: '${marks.end}'`,
    "git checkout abc tests/test_a.py",
  ].join("\n");

  it("is taken apart at its marks and fitted, patches excepted", () => {
    const parts = fitEvalScript(script);
    expect(parts?.prepare.split("\n")).toEqual([
      "set -uxo pipefail",
      "cd /testbed",
      "export LC_ALL=C.UTF-8",
      "git apply -v - <<'EOF_1'",
      "+conda activate stays in the patch",
      "+export LANG=en_US.UTF-8",
      "EOF_1",
    ]);
    expect(parts?.test).toBe("python -X dev -m pytest -rA --durations 25 tests/test_a.py");
    expect(parts?.restore).toBe("git checkout abc tests/test_a.py");
  });

  it("shows no files of the commit, which has none before it here, patches excepted", () => {
    const shows = script
      .replace("cd /testbed", "cd /testbed\ngit show")
      .replace("+export LANG", "git show\n+export LANG");
    const shown = fitEvalScript(shows)
      ?.prepare.split("\n")
      .filter((line) => line.startsWith("git show"));
    expect(shown).toEqual(["git show --no-patch", "git show"]);
  });

  it("calls the Maven that is here, patches excepted", () => {
    const called = script
      .replace("+conda activate", "+ mvnd ./mvnw")
      .replace("tox --current-env -epy39 -v -- tests/test_a.py", "(mvnd test -B && ./mvnw test -pl mvnd) | cat");
    expect(fitEvalScript(called)?.test).toBe("(mvn test -B && mvn test -pl mvnd) | cat");
    expect(fitEvalScript(called)?.prepare).toContain("+ mvnd ./mvnw stays in the patch");
  });

  it("without marks cannot be used", () => {
    expect(fitEvalScript("pytest")).toBeNull();
  });
});

describe("a test command that only compiles", () => {
  it.each([
    [
      "(RUSTFLAGS=-Awarnings cargo test --package bat -- cache) | cat",
      "(RUSTFLAGS=-Awarnings cargo test --no-run --package bat -- cache) | cat",
    ],
    ['(go test -v ./promql -run "^(TestA|TestB)") | cat', `(go test -v ./promql -run "^(TestA|TestB)" -run '^$')`],
    ["(mvn test -B) | cat", null],
    ["pytest -rA tests", null],
    ["cd a\ncargo test", null],
    ["", null],
  ])("%j", (test, expected) => {
    expect(compileOnly(test)).toBe(expected);
  });
});
