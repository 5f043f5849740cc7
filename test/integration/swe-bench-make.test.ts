// Requirements: 6.10.make, 6.10.javascript
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { SweBenchInstance } from "../../shared/src/node/benchmark/swe-bench/instance.ts";
import { HindcastProcess } from "../support/hindcast.ts";
import { fixtureCache, fixturePython, scriptFixture, sweBenchFixture, tests } from "../support/swe-bench-fixture.ts";

describe.skipIf(fixturePython === null)("hindcast bench swe-bench make", () => {
  it("makes tasks that are admitted, hide what shows the bug, and come out the same again", async () => {
    const fixture = sweBenchFixture();
    const make = (out: string): Promise<{ code: number | null; stderr: string; stdout: string }> => {
      const project = ["--repo", "demo/calc", "--commit", fixture.commits.after, "--python", String(fixturePython)];
      const run = ["--test", "python -m unittest -v tests.test_calc", "--parser", "parse_log_django", "--count", "2"];
      const places = ["--repos", fixture.repositories, "--cache", fixtureCache, "--memory-gib", "2"];
      const args = ["bench", "swe-bench", "make", ...project, ...run, ...places, "--out", join(fixture.folder, out)];
      return new HindcastProcess(args, { cwd: fixture.folder }).done;
    };
    const made = await make("tasks");
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect(made.stdout).toContain("wrote 2 tasks to");
    const text = readFileSync(join(fixture.folder, "tasks", "tasks.jsonl"), "utf8");
    const instances = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as SweBenchInstance);
    const repository = join(fixture.folder, "tasks", "repositories", "demo__calc.git");
    for (const {
      base_commit: base,
      FAIL_TO_PASS: failing,
      PASS_TO_PASS: passing,
      problem_statement: issue,
      patch,
    } of instances) {
      expect([...failing, ...passing].toSorted()).toEqual(Object.values(tests).toSorted());
      const files = execFileSync("git", ["--git-dir", repository, "ls-tree", "-r", "--name-only", base], {
        encoding: "utf8",
      });
      expect(files).toContain("calc/__init__.py");
      expect(files).not.toContain("tests/test_calc.py");
      expect(issue).toMatch(/`(add|double)` in calc\/__init__\.py does not work/);
      for (const line of patch.split("\n").filter((each) => /^[+-] /.test(each)))
        expect(issue).not.toContain(line.slice(1).trim());
    }
    expect((await make("again")).code).toBe(0);
    expect(readFileSync(join(fixture.folder, "again", "tasks.jsonl"), "utf8")).toBe(text);

    const places = [
      "--repos",
      join(fixture.folder, "tasks", "repositories"),
      "--cache",
      fixtureCache,
      "--memory-gib",
      "2",
    ];
    const verify = ["bench", "swe-bench", "verify", "--tasks", join(fixture.folder, "tasks", "tasks.jsonl"), ...places];
    const verified = await new HindcastProcess(verify, { cwd: fixture.folder }).done;
    expect(verified.stdout).toMatch(/2 instances +2 admitted/);
  });
});

describe("hindcast bench swe-bench make, of JavaScript", () => {
  it("makes tasks that are admitted, and hides what shows the bug", async () => {
    const { folder, repositories, commit } = scriptFixture();
    const project = ["--repo", "demo/sums", "--commit", commit, "--language", "javascript", "--count", "2"];
    const run = ["--test", "node --test --test-reporter=tap"];
    const places = ["--cache", fixtureCache, "--memory-gib", "2"];
    const out = join(folder, "tasks");
    const args = [...project, ...run, "--repos", repositories, ...places, "--out", out];
    const made = await new HindcastProcess(["bench", "swe-bench", "make", ...args], { cwd: folder }).done;
    expect(made).toMatchObject({ code: 0, stderr: "" });
    const instances = readFileSync(join(out, "tasks.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as SweBenchInstance);
    expect(instances).toHaveLength(2);
    for (const {
      base_commit: base,
      patch,
      test_patch: hidden,
      FAIL_TO_PASS: failing,
      log_parser: parser,
    } of instances) {
      const repository = join(out, "repositories", "demo__sums.git");
      const files = execFileSync("git", ["--git-dir", repository, "ls-tree", "-r", "--name-only", base]).toString();
      expect({ parser, files: files.trim().split("\n"), failing }).toEqual({
        parser: "parse_log_tap",
        files: expect.not.arrayContaining(failing.map((test) => (test === "- adds" ? "add.test.js" : "twice.test.js"))),
        failing: expect.arrayContaining([expect.stringMatching(/^- (adds|doubles)$/)]),
      });
      expect(patch).toContain("sums.js");
      expect(hidden).toContain("test.js");
    }
    const verify = ["bench", "swe-bench", "verify", "--tasks", join(out, "tasks.jsonl"), ...places];
    const verified = await new HindcastProcess([...verify, "--repos", join(out, "repositories")], { cwd: folder }).done;
    expect(verified.stdout).toMatch(/2 instances +2 admitted/);
  });
});
