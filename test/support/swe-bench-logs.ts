// Logs as test runners print them, and as they never should: what parsers are compared and frightened with.
import fc from "fast-check";
import { logParserNames } from "../../shared/src/node/benchmark/swe-bench/log-parser/index.ts";

const name = fc.constantFrom(
  "tests/test_a.py::test_one",
  "tests/test_a.py::test_two[1-2]",
  "tests/test_b.py::test_p[/tmp/x/y/z.ini]",
  "tests/test_b.py::test_p[//host/x]",
  "tests/test_b.py::test_p[a b - c]",
  "tests/test_b.py::TestC::test_d[log(photon / m**2 s)]",
  "test_q[*/a]",
  "test_button[MouseButton.LEFT]",
  "a[b",
  "c]d[",
  "[12]",
  "[100%]",
  "test_x (app.tests.TestCase)",
  "test_y (app.tests.TestCase.test_y)",
  "A docstring of a test",
  "test_z",
  "module::tests::it_works",
  "TestThing/case_1",
  "com.example.Thing#method",
  "com.example.Thing > method",
  "does a thing (with parentheses)",
  "äöü ✓ works",
  "archives ./spec/a_spec.rb[1:1]",
  "Suite.Name",
  "",
);
const status = fc.constantFrom(
  "PASSED",
  "FAILED",
  "SKIPPED",
  "ERROR",
  "XFAIL",
  "XPASS",
  "ok",
  "FAIL",
  "E",
  "F",
  "PASS",
  ".",
);
const blank = fc.constantFrom(" ", "  ", "\t", "\u00a0", "");
const message = fc.constantFrom(
  "",
  " - AssertionError: a - b",
  " - x",
  " (12 ms)",
  " (3s)",
  " 12ms",
  " [skipped]",
  " in tests/x.tcl",
);

type Line = fc.Arbitrary<string>;
const line = (strings: TemplateStringsArray, ...parts: (Line | string)[]): Line =>
  fc
    .tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)))
    .map((values) => strings.reduce((text, piece, index) => `${text}${piece}${values[index] ?? ""}`, ""));

/** Lines that each family of parsers has an eye for. */
const families: Record<string, Line[]> = {
  pytest: [
    line`${status} ${name}${message}`,
    line`${status}${blank}${name}`,
    line`${name} ${status}`,
    line`${name} ${status} [ 50%]`,
    line`${name}${blank}${status}${blank}`,
    line`SKIPPED [3] tests/test_a.py:12: no network`,
    line`PASSED [100%]`,
    line`ERROR: file not found: ${name}`,
    line`\u001b[32m${status}\u001b[0m ${name}\u001b[1m`,
    line`[31m${status}[0m ${name}${message}`,
  ],
  django: [
    line`${name} ... ${fc.constantFrom("ok", "FAIL", "ERROR", "skipped 'no'", "OK", " OK", "expected failure")}`,
    line`${name} ... printed something`,
    line`${fc.constantFrom("ok", "  ok", "okay", "FAIL: ", "ERROR: ", "FAIL:", "ERROR:")}${name}`,
    line`--version is equivalent to version ... ${status}`,
    line`Applying sites.0002_alter_domain_unique...${name} ... ok`,
    line`${name} ... Testing against Django installed in '/testbed/django'\nwith (0 silenced).\nok`,
    line`${name} ... Testing against Django installed in `,
    line`silenced (1 silenced).\nok`,
    line`${name} ... Internal Server Error: /${name}/\nok`,
    line`${name} ... Internal Server Error: /\nok`,
    line`${name} ... System check identified no issues (0 silenced)\nok`,
    line`${name}\n... System check identified no issues (0 silenced)\nok${blank}`,
  ],
  sympy: [
    line`____ sympy/core/tests/test_a.py:${name} ____`,
    line`___${blank}x.py:${name}${blank}y.py:z ___`,
    line`${name} ${fc.constantFrom("ok", "E", "F", "f", "s", "[OK]")}`,
    line`test_${name} ${fc.constantFrom("ok", "E", "F", "f", "[FAIL]")}`,
  ],
  javascript: [
    line`${blank}${fc.constantFrom("✓", "✕", "○", "×", "↓", "✔", "✖")}${blank}${name}${message}`,
    line`[${status}] ${name}`,
    line`${fc.constantFrom("ok", "not ok", "okay")} ${fc.constantFrom("1", "23", "x")} ${name}`,
    line`START: Starting browser Chrome`,
    line`SUMMARY:`,
    line`${fc.constantFrom("  ", "    ", "      ")}${name}`,
    line`${fc.constantFrom("  ", "    ", "      ")}${fc.constantFrom("✔", "✖")} ${name}`,
  ],
  compiled: [
    line`test ${name} ... ${fc.constantFrom("ok", "FAILED", "ignored", "ok ok")}`,
    line`--- ${fc.constantFrom("PASS", "FAIL", "SKIP")}: ${name} (${fc.constantFrom("0.00s", "", "1 (2)")})`,
    line`[${fc.constantFrom("ok", "err", "skip", "ignore", "exception")}]: ${name}${message}${fc.constantFrom("", " (12 ms)")}`,
    line`${fc.constantFrom("PASS", "FAIL")}:${blank}${name}`,
    line`${fc.constantFrom("pass", "FAIL", "skip")} ${blank}${name}`,
    line`12: [${blank}${fc.constantFrom("OK", "FAILED", "RUN")}${blank}] ${name} (0 ms${fc.constantFrom(")", "), more")}`,
  ],
  java: [
    line`+ mvnd test -B -Dtest=${name} -pl x`,
    line`[INFO] BUILD ${fc.constantFrom("SUCCESS", "FAILURE", "OTHER")}`,
    line`  [junit]${blank} [${fc.constantFrom("PASS", "FAIL", "ERR", "SKIP")}] ${name}`,
    line`${name}${blank}${fc.constantFrom("PASSED", "FAILED")}`,
    line`com.A > ${name}`,
    line`>${name} PASSED`,
    line`${fc.constantFrom("PASSED", "FAILED")}`,
  ],
  others: [
    line`${fc.constantFrom("Round", "A b", "", "x")} (Tests\\${name})`,
    line` ${fc.constantFrom("✔", "✘", "↩", "∅")} ${name}`,
    line`${name} - ./a.rb[1:2] - ${fc.constantFrom("passed", "failed", "pending")}`,
    line`${fc.constantFrom("test: ", "")}${name}:${blank}${fc.constantFrom(".", "E", "F", "O", "Ex", ".: (0.1)")}`,
    line`${name}. = 0.01 s = ${fc.constantFrom(".", "F", "E", "S")}`,
    line`${name} ${fc.constantFrom(".", "..", "...F", ".F.", "F")}`,
  ],
};

const noise: Line = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "\t",
    "=== short test summary info ===",
    "collected 0 items",
    "Killed",
    "5 passing",
    "x\u0085y",
  ),
  fc.string({ unit: "grapheme", maxLength: 20 }),
);

/** Bodies of logs: lines of one family, of any other, and noise. */
export const logBody: fc.Arbitrary<string> = fc
  .constantFrom(...Object.keys(families))
  .chain((family) =>
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.oneof(...(families[family] ?? [])) },
        { weight: 1, arbitrary: fc.oneof(...Object.values(families).flat()) },
        { weight: 1, arbitrary: noise },
      ),
      { maxLength: 12 },
    ),
  )
  .map((lines) => lines.join("\n"));

export const parserName: fc.Arbitrary<string> = fc.constantFrom(...logParserNames);

/** Whole logs with marks, without, with too many, with an exit code, with words that only a harness writes. */
export const wholeLog: fc.Arbitrary<string> = fc
  .tuple(
    logBody,
    logBody,
    logBody,
    fc.constantFrom("+ : '>>>>> Start Test Output'", ">>>>> Start Test Output", ""),
    fc.constantFrom("+ : '>>>>> End Test Output'", ">>>>> End Test Output\n>>>>> Start Test Output", ""),
    fc.constantFrom(
      "",
      "",
      ">>>>> Test Exit Code: 0",
      ">>>>> Test Exit Code: 1",
      ">>>>> Tests Timed Out",
      "Executed 3 of 4",
      "12 specs, 0 failures",
    ),
  )
  .map(([before, inside, after, start, end, mark]) => [before, start, inside, end, mark, after].join("\n"));
