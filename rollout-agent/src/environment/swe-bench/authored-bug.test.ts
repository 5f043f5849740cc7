// Requirements: 6.10.author
import { describe, expect, it } from "vitest";
import { givesAway, indented } from "./authored-bug.ts";
import { steadyLog, tellsTooMuch } from "./issue-text.ts";
import { listJavaScriptFunctions } from "./list-javascript-functions.ts";

describe("what a model writes for a task", () => {
  it("lies where the function lay, however the answer was indented", () => {
    const place = "def f(a):\n        if a:\n\n            return 1";
    expect(indented("def f(a):\n    if a:\n\n        return 1\n", "    ")).toBe(place);
    expect(indented("    def f(a):\n        if a:\n  \n            return 1", "    ")).toBe(place);
  });

  it("is thrown away where its words explain the bug and the project's did not", () => {
    expect(givesAway("return a + 1  # Off-by-one", "return a")).toBe(true);
    expect(givesAway("if wrong: raise Buggy", "if wrong: pass")).toBe(true);
    expect(givesAway("if wrong: return debug", "if wrong: pass")).toBe(false);
  });

  it("is no issue where it holds the patch or names a hidden test", () => {
    const shown = {
      failToPass: ["test_add (tests.test_calc.CalcTest.test_add)"],
      log: "",
      fix: "--- a/calc.py\n+++ b/calc.py\n-    return first - second\n+    return first + second\n",
    };
    expect(tellsTooMuch("add(2, 3) gives -1", shown)).toBe(false);
    expect(tellsTooMuch("It should say `return  first + second`.", shown)).toBe(true);
    expect(tellsTooMuch("test_add fails", shown)).toBe(true);
  });
});

describe("a log that a model is shown", () => {
  it("is the same after every run that ended alike", () => {
    const log = (time: string, at: string): string => `Ran 2 tests in ${time}\n<Calc object at ${at}> != 5\n0x1f`;
    expect(steadyLog(log("0.004s", "0x7f00aa10"))).toBe(steadyLog(log("1.3 s", "0x7f11bb20")));
    expect(steadyLog("expected 10, got 0x1f")).toBe("expected 10, got 0x1f");
  });
});

describe("functions of JavaScript and TypeScript", () => {
  const source = [
    "// é",
    "export function add(a: number, b: number): number { return a + b; }",
    "const twice = (a) => { function inner() {} return a * 2; };",
    "class Calc { #n = 0; plus(a) { return this.#n + a; } static of = () => 1; }",
    "const short = (a) => a;",
  ].join("\n");

  it("are those with a name and a block, each at its bytes and none inside another", () => {
    const bytes = Buffer.from(source);
    const found = listJavaScriptFunctions("a.ts", source) ?? [];
    const text = (from: number, to: number): string => bytes.subarray(from, to).toString();
    expect(
      found.map(({ scope, line, start, end, bodyStart }) => [
        scope,
        line,
        text(start, bodyStart),
        text(bodyStart, end),
      ]),
    ).toEqual([
      ["add", 2, "function add(a: number, b: number): number {", " return a + b; }"],
      ["twice", 3, "twice = (a) => {", " function inner() {} return a * 2; }"],
      ["Calc.plus", 4, "plus(a) {", " return this.#n + a; }"],
    ]);
    expect(listJavaScriptFunctions("a.ts", "function (")).toBe(null);
  });
});
