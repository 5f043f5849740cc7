// Requirements: 6.10.javascript
import { describe, expect, it } from "vitest";
import { holdsPatch, issueOf } from "./issue-text.ts";
import { filesWith, pythonFileOf, titlesIn } from "./test-files.ts";

describe("the files of tests", () => {
  const titles = new Map([
    [
      "test/a.test.js",
      titlesIn("test/a.test.js", 'describe("calc", () => { it("adds", f); it.only(`adds twice`, f); });'),
    ],
    ["test/b.test.ts", titlesIn("test/b.test.ts", 'test.each([1])("adds", f); it("multiplies", f);')],
  ]);

  it.each([
    ["- adds twice", ["test/a.test.js"]],
    ["calc multiplies", ["test/b.test.ts"]],
    // Hidden in both: nobody can tell which it is.
    ["- adds", ["test/a.test.js", "test/b.test.ts"]],
    ["test/b.test.ts > calc > adds", ["test/b.test.ts"]],
    ["- divides", []],
  ])("%s", (test, files) => {
    expect(filesWith(test, titles)).toEqual(files);
  });

  it("of Python are named by the tests' own ids", () => {
    expect(pythonFileOf("tests/test_a.py::A::test_b[x]")).toBe("tests/test_a.py");
    expect(pythonFileOf("test_b (tests.test_a.Case.test_b)")).toBe("tests/test_a.py");
    expect(pythonFileOf("adds")).toBeNull();
  });
});

describe("the issue's text", () => {
  const fix = "--- a/x\n+++ b/x\n-  return total - amount;\n+  return total + amount;\n }\n";

  it("tells what is seen, and no line of the patch", () => {
    const log = "  AssertionError: 1 != 3\n  TypeError: at return   total - amount; of x\nplain\n";
    const mutation = { file: "x.js", operator: "o", scope: "add", line: 1, start: 0, end: 1, replacement: "" };
    const issue = issueOf(mutation, { failToPass: ["t"], log, fix });
    expect(issue).toContain("AssertionError: 1 != 3");
    expect(issue).not.toContain("TypeError");
    expect(holdsPatch(issue, fix)).toBe(false);
  });

  it("with a line of the patch in it is known, and short lines are nobody's", () => {
    expect(holdsPatch("use `return total + amount;` instead", fix)).toBe(true);
    expect(holdsPatch("a } and more", fix)).toBe(false);
  });
});
