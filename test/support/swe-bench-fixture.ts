// A project with a history, and tasks in SWE-bench's form made from it: what the official repositories are where there is
// no network. Its tests are unittest's, so its environment is Python and nothing else.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

const environment = {
  PATH: process.env.PATH ?? "",
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "A",
  GIT_AUTHOR_EMAIL: "a@example.invalid",
  GIT_COMMITTER_NAME: "A",
  GIT_COMMITTER_EMAIL: "a@example.invalid",
  GIT_AUTHOR_DATE: "2026-01-01T00:00:00Z",
  GIT_COMMITTER_DATE: "2026-01-01T00:00:00Z",
};

/** Of the Pythons that this machine has, the one to test with; null where it has none. */
export const fixturePython: string | null = (() => {
  const root = join(homedir(), ".pyenv", "versions");
  const versions = existsSync(root) ? readdirSync(root) : [];
  const found = ["3.11", "3.12", "3.10", "3.9"].find((version) =>
    versions.some((name) => name.startsWith(`${version}.`)),
  );
  return found ?? ["3.11", "3.12", "3.13"].find((version) => existsSync(`/usr/bin/python${version}`)) ?? null;
})();

const source = {
  "calc/__init__.py": "def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return a * 2\n",
  "tests/__init__.py": "",
  "tests/test_calc.py":
    "import unittest\nfrom calc import add, double\n\n\nclass CalcTest(unittest.TestCase):\n    def test_double(self):\n        self.assertEqual(double(4), 8)\n",
  "README.md": "A calculator.\n",
};
const fixed = source["calc/__init__.py"].replace("a - b", "a + b");
const tested = `${source["tests/test_calc.py"]}\n    def test_add(self):\n        self.assertEqual(add(2, 3), 5)\n`;

export const tests = {
  add: "test_add (tests.test_calc.CalcTest.test_add)",
  double: "test_double (tests.test_calc.CalcTest.test_double)",
};

export interface SweBenchFixture {
  /** Readable by everybody, because sandboxes of root run as nobody. */
  folder: string;
  /** Holds `demo__calc`, a clone with history before and after the base commit. */
  repositories: string;
  clone: string;
  commits: { before: string; base: string; after: string };
  gold: string;
  testPatch: string;
  /** An instance, with whatever differs from the good one. */
  instance(change?: Record<string, unknown>): Record<string, unknown>;
  /** Writes a data file with its pins beside it. */
  data(instances: readonly Record<string, unknown>[]): string;
  /** A diff of one file against the base commit. */
  patch(file: string, content: string | null): string;
}

export function sweBenchFixture(): SweBenchFixture {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-swe-"));
  chmodSync(folder, 0o755);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const repositories = join(folder, "repositories");
  const clone = join(repositories, "demo__calc");
  mkdirSync(clone, { recursive: true });
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: clone, env: environment, encoding: "utf8" });
  const write = (files: Record<string, string>): void => {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(clone, path)), { recursive: true });
      writeFileSync(join(clone, path), content);
    }
  };
  const commit = (message: string): string => {
    git("add", "-A");
    git("commit", "--quiet", "-m", message);
    return git("rev-parse", "HEAD").trim();
  };
  git("init", "--quiet", "-b", "main");
  write({ "README.md": "Nothing yet.\n" });
  const before = commit("begin");
  git("tag", "v1.0");
  write(source);
  const base = commit("add and double");
  const diffOf = (files: Record<string, string | null>): string => {
    for (const [path, content] of Object.entries(files)) {
      if (content === null) rmSync(join(clone, path));
      else write({ [path]: content });
    }
    git("add", "-A");
    const diff = git("diff", "--cached");
    git("reset", "--quiet", "--hard", base);
    return diff;
  };
  const gold = diffOf({ "calc/__init__.py": fixed });
  const testPatch = diffOf({ "tests/test_calc.py": tested });
  write({ "calc/__init__.py": fixed, "tests/test_calc.py": tested });
  const after = commit("fix add: the future that nobody may see");
  git("tag", "v2");
  git("reset", "--quiet", "--hard", base);
  git("branch", "--quiet", "future", after);
  const commits = { before, base, after };
  return {
    folder,
    repositories,
    clone,
    commits,
    gold,
    testPatch,
    patch: (file, content) => diffOf({ [file]: content }),
    instance: (change = {}) => ({
      repo: "demo/calc",
      instance_id: "demo__calc-1",
      base_commit: base,
      patch: gold,
      test_patch: testPatch,
      problem_statement: "add(2, 3) gives -1.",
      version: "1.0",
      FAIL_TO_PASS: [tests.add],
      PASS_TO_PASS: [tests.double],
      eval_script: evalScript(base, testPatch, "python -m unittest -v tests.test_calc"),
      log_parser: "parse_log_django",
      eval_type: "pass_and_fail",
      ...change,
    }),
    data: (instances) => {
      const file = join(folder, "data.jsonl");
      writeFileSync(file, instances.map((each) => `${JSON.stringify(each)}\n`).join(""));
      const pins = instances.map(({ instance_id }) => ({ instance_id, python: `${fixturePython}.0`, pip: [] }));
      writeFileSync(join(folder, "pins.jsonl"), pins.map((each) => `${JSON.stringify(each)}\n`).join(""));
      return file;
    },
  };
}

/** A project of JavaScript without dependencies, with a test for each of its functions. */
export function scriptFixture(): { folder: string; repositories: string; commit: string } {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-swe-"));
  chmodSync(folder, 0o755);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const repositories = join(folder, "repositories");
  const clone = join(repositories, "demo__sums");
  mkdirSync(clone, { recursive: true });
  const test = (title: string, call: string, sum: number): string =>
    `import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { add, twice } from "./sums.js";\n\ntest("${title}", () => assert.equal([add, twice].length && ${call}, ${sum}));\n`;
  const files = {
    "package.json": '{ "type": "module" }\n',
    "sums.js": "export function add(a, b) {\n  return a + b;\n}\n\nexport function twice(a) {\n  return a * 2;\n}\n",
    "add.test.js": test("adds", "add(2, 3)", 5),
    "twice.test.js": test("doubles", "twice(4)", 8),
  };
  for (const [path, content] of Object.entries(files)) writeFileSync(join(clone, path), content);
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: clone, env: environment, encoding: "utf8" });
  git("init", "--quiet", "-b", "main");
  git("add", "-A");
  git("commit", "--quiet", "-m", "sums");
  return { folder, repositories, commit: git("rev-parse", "HEAD").trim() };
}

/**
 * One cache for all tests and runs: its entries are named by their content, and the fixture's commits are always the
 * same. Not in a home: sandboxes of root run as nobody.
 */
export const fixtureCache: string = join(tmpdir(), "hindcast-swe-bench-tests");
mkdirSync(fixtureCache, { recursive: true, mode: 0o755 });

/** As SWE-bench's own are. */
export function evalScript(base: string, testPatch: string, command: string): string {
  return [
    "#!/bin/bash",
    "set -uxo pipefail",
    "source /opt/miniconda3/bin/activate",
    "conda activate testbed",
    "cd /testbed",
    "git config --global --add safe.directory /testbed",
    "git status",
    "git show",
    `git -c core.fileMode=false diff ${base}`,
    `git checkout ${base} tests/test_calc.py`,
    "git apply -v - <<'EOF_114329324912'",
    testPatch,
    "EOF_114329324912",
    ": '>>>>> Start Test Output'",
    command,
    ": '>>>>> End Test Output'",
    `git checkout ${base} tests/test_calc.py`,
    "",
  ].join("\n");
}
