// Requirements: 6.9.parsers
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { logBody } from "../../../../../../test/support/swe-bench-logs.ts";
import { logParserNamed, logParserNames } from "./index.ts";

const parse = (name: string, log: string, instanceId = "x__x-1"): Record<string, string> =>
  Object.fromEntries(logParserNamed(`parse_log_${name}`)?.(log, { instanceId }) ?? []);

describe("log parsers", () => {
  it("pytest: the second word is the id, counts of skipped ones are none, a wrapped progress line is one", () => {
    const log = [
      "PASSED tests/a.py::test_one",
      "FAILED tests/a.py::test_two - AssertionError: 1 - 2",
      "SKIPPED [3] tests/a.py:12: no network",
      "PASSED [100%]",
      "XFAIL tests/a.py::test_three",
      "tests/a.py::test_four PASSED",
    ].join("\n");
    expect(parse("pytest", log)).toEqual({
      "tests/a.py::test_one": "PASSED",
      "tests/a.py::test_two": "FAILED",
      "[100%]": "PASSED",
      "tests/a.py::test_three": "XFAIL",
    });
  });

  it("pytest_options: a path as parameter is known by its end", () => {
    expect(
      parse("requests", "PASSED t.py::a[/home/u/x/certs.pem]\nPASSED t.py::b[//h/x]\nPASSED t.py::c[/a/*]"),
    ).toEqual({
      "t.py::a[/certs.pem]": "PASSED",
      "t.py::b[//h/x]": "PASSED",
      "t.py::c[/a/*]": "PASSED",
    });
  });

  it("pytest_v2: ids with blanks, colours, and the status last as old versions have it", () => {
    const log = "\u001b[32mPASSED\u001b[0m t.py::a[b c]\nFAILED t.py::d[e f] - why - not\nt.py::old FAILED";
    expect(parse("sphinx", log)).toEqual({ "t.py::a[b c]": "PASSED", "t.py::d[e f]": "FAILED", "t.py::old": "FAILED" });
  });

  it("django: results on one line, over several, and interrupted by Django's own words", () => {
    const log = [
      "test_a (app.T) ... ok",
      "test_b (app.T) ... FAIL",
      "test_c (app.T) ... skipped 'no database'",
      "test_d (app.T) ... printed",
      "more of it",
      "ok",
      "ERROR: test_e (app.T)",
      "test_f (app.T) ... Testing against Django installed in '/testbed/django'",
      "System check identified 1 issue (0 silenced).",
      "ok",
      "test_g (app.T) ... Internal Server Error: /admin/",
      "ok",
    ].join("\n");
    expect(parse("django", log)).toMatchObject({
      "test_a (app.T)": "PASSED",
      "test_b (app.T)": "FAILED",
      "test_c (app.T)": "SKIPPED",
      "test_d (app.T)": "PASSED",
      test_e: "ERROR",
      "test_f (app.T)": "PASSED",
      "test_g (app.T)": "PASSED",
    });
  });

  it("sympy, seaborn, matplotlib", () => {
    expect(parse("sympy", "____ sympy/a/tests/test_b.py:test_c ____\ntest_d ok\ntest_e F\ntest_f E")).toEqual({
      "sympy/a/tests/test_b.py:test_c": "FAILED",
      test_d: "PASSED",
      test_e: "FAILED",
      test_f: "ERROR",
    });
    expect(parse("seaborn", "t.py::a PASSED [ 5%]\nFAILED t.py::b - x\nPASSED t.py::c")).toEqual({
      "t.py::a": "PASSED",
      "t.py::b": "FAILED",
      "t.py::c": "PASSED",
    });
    expect(parse("matplotlib", "PASSED t.py::a[MouseButton.LEFT]")).toEqual({ "t.py::a[1]": "PASSED" });
  });

  it("cargo, go, jest, vitest, tap", () => {
    expect(parse("cargo", "test a::b ... ok\ntest c ... FAILED\ntest d ... ignored")).toEqual({
      "a::b": "PASSED",
      c: "FAILED",
    });
    expect(parse("gotest", "    --- PASS: TestA/b_(c) (0.00s)\n--- SKIP: TestD (0.01s)")).toEqual({
      "TestA/b_(c)": "PASSED",
      TestD: "SKIPPED",
    });
    expect(parse("jest", "  ✓ adds (3 ms)\n  ✕ subtracts\n  ○ skipped one")).toEqual({
      adds: "PASSED",
      subtracts: "FAILED",
      "skipped one": "SKIPPED",
    });
    expect(parse("vitest", " ✓ a.spec.ts > b > c 12ms\n × a.spec.ts > d\n ↓ e [skipped]")).toEqual({
      "a.spec.ts > b > c": "PASSED",
      "a.spec.ts > d": "FAILED",
      e: "SKIPPED",
    });
    expect(parse("tap", "ok 1 does x\nnot ok 2 does y\nok")).toEqual({ "does x": "PASSED", "does y": "FAILED" });
  });

  it("names in logs never reach an object's own words", () => {
    const log = "[constructor]: x\n__proto__ ... ok\nPASSED __proto__";
    expect(
      logParserNames.flatMap((name) => [...(logParserNamed(name)?.(log, { instanceId: "x" }).values() ?? [])]),
    ).toSatisfy((values: unknown[]) => values.every((value) => typeof value === "string"));
    expect(logParserNamed("parse_log_constructor")).toBeNull();
    expect(logParserNamed("django")).toBeNull();
  });

  it("never throw, whatever is printed", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...logParserNames),
        fc.oneof(
          logBody,
          fc.string({ unit: "binary", maxLength: 200 }),
          fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
        ),
        (name, log) => {
          const statuses = logParserNamed(name)?.(log, { instanceId: "x__x-1" });
          expect([...(statuses ?? [])].every((entry) => entry.every((each) => typeof each === "string"))).toBe(true);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  // What makes a backtracking matcher slow: long runs of what a pattern may or may not take.
  const hostile = [
    " ".repeat(50),
    "[".repeat(50),
    "a ... Internal Server Error: /x ",
    " ... Testing against Django installed in ",
    " silenced).",
    "1".repeat(50),
    "___ a.py:b ",
    " (",
    ": ",
    " .",
    "-Dtest= ",
    "[ OK",
    ". =E",
    "Test Suites: 1 a, ",
    "PASSED ",
    "<TestCase name",
    "aaaaaaaaaaaaaaaaaaaa",
  ];
  it.each(logParserNames)("%s needs time in proportion to the log", (name) => {
    const parser = logParserNamed(name);
    for (const unit of hostile) {
      for (const head of ["", "✓ ", "Starting browser\n"]) {
        const log = head + unit.repeat(Math.ceil(60_000 / unit.length));
        const startedAt = performance.now();
        parser?.(log, { instanceId: "x__x-1" });
        // Quadratic time would be minutes; linear time is a few milliseconds.
        expect(performance.now() - startedAt, JSON.stringify({ head, unit })).toBeLessThan(1_500);
      }
    }
  });
});
