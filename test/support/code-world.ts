// A small package with examples in its docstrings, a tool that mends it, its manual, and bugs in SWE-bench's form: what a
// campaign on code needs where there is no network.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { fixtureCache, fixturePython } from "./swe-bench-fixture.ts";

const modules = {
  "shapes/area.py":
    'def area(width, height):\n    """\n    >>> area(3, 5)\n    15\n    """\n    return width * height\n',
  "shapes/edge.py":
    'def edge(width, height):\n    """\n    >>> edge(3, 5)\n    16\n    """\n    return 2 * (width + height)\n',
  "shapes/gap.py": 'def gap(outer, inner):\n    """\n    >>> gap(9, 4)\n    5\n    """\n    return outer - inner\n',
  "shapes/fits.py":
    'def fits(inner, outer):\n    """\n    >>> fits(4, 4)\n    True\n    >>> fits(5, 4)\n    False\n    """\n    return inner <= outer\n',
};
type Module = keyof typeof modules;

const bugs: { file: Module; from: string; to: string; test: string }[] = [
  { file: "shapes/area.py", from: "width * height", to: "width + height", test: "area(2, 7), 14" },
  { file: "shapes/gap.py", from: "outer - inner", to: "outer + inner", test: "gap(8, 3), 5" },
  { file: "shapes/edge.py", from: "width + height", to: "width - height", test: "edge(2, 7), 18" },
  { file: "shapes/fits.py", from: "inner <= outer", to: "inner < outer", test: "fits(2, 2), True" },
];

const mend = `"""Finds an operator that was exchanged by mistake: tries others until the module's examples hold."""
import doctest, re, sys, types

OTHERS = {"+": "-*", "-": "+*", "*": "+-", "<": ["<=", ">"], "<=": ["<", ">="]}

def holds(text):
    module = types.ModuleType("module")
    exec(text, module.__dict__)
    runner = doctest.DocTestRunner(verbose=False)
    tests = doctest.DocTestFinder().find(module, globs=module.__dict__)
    for test in tests:
        runner.run(test, out=lambda line: None)
    return runner.summarize(verbose=False).failed == 0

path = sys.argv[1]
source = open(path).read()
for found in re.finditer(r" (<=|[-+*<]) ", source):
    for other in OTHERS[found.group(1)]:
        text = source[:found.start(1)] + other + source[found.end(1):]
        if holds(text):
            open(path, "w").write(text)
            sys.exit(print("mended", path))
sys.exit("no operator makes the examples hold")
`;

const manual = `# Mending

## A wrong operator

Mend the wrong operator in the module \`<file>\` by trying the others:

\`\`\`sh
python tools/mend.py <file>
git add <file>
\`\`\`
`;

export interface CodeWorld {
  instances: string;
  documents: string;
  cache: string;
  repositories: string[];
}

/** Instances in the order of their files; the environment is Python and nothing else. */
export function codeWorld(): CodeWorld {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-code-"));
  chmodSync(folder, 0o755);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const clone = join(folder, "repositories", "demo__shapes");
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: clone, env: gitEnvironment, encoding: "utf8" });
  const write = (base: string, files: Record<string, string>): void => {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(base, path)), { recursive: true });
      writeFileSync(join(base, path), content);
    }
  };
  const commit = (message: string): string => {
    git("add", "-A");
    git("commit", "--quiet", "-m", message);
    return git("rev-parse", "HEAD").trim();
  };
  mkdirSync(clone, { recursive: true });
  git("init", "--quiet", "-b", "main");
  write(clone, {
    ...modules,
    "shapes/__init__.py": "",
    "tests/__init__.py": "",
    "tools/mend.py": mend,
    "README.md": "Shapes.\n",
  });
  const good = commit("shapes");
  const rows = bugs.map(({ file, from, to, test }) => {
    const name = file.slice("shapes/".length, -".py".length);
    git("reset", "--quiet", "--hard", good);
    write(clone, { [file]: modules[file].replace(from, to) });
    const base = commit(`change ${name}`);
    git("branch", "--quiet", `bug-${name}`, base);
    write(clone, { [file]: modules[file] });
    const patch = git("diff");
    git("checkout", "--quiet", "--", ".");
    const tests = testsOf(name, test);
    return {
      repo: "demo/shapes",
      instance_id: `demo__shapes-${name}`,
      base_commit: base,
      patch,
      test_patch: tests,
      problem_statement: `\`${name}\` in ${file} does not work as it should.\n\nIt used to; now a use of it gives a wrong result or fails.\n\nFind the cause and mend it without changing what else the project does.`,
      version: "1.0",
      FAIL_TO_PASS: ["test_it (tests.test_hidden.Hidden.test_it)"],
      PASS_TO_PASS: [],
      eval_script: evalScript(tests),
      log_parser: "parse_log_django",
      eval_type: "pass_and_fail",
    };
  });
  write(folder, {
    "tasks.jsonl": rows.map((row) => `${JSON.stringify(row)}\n`).join(""),
    "pins.jsonl": rows
      .map(({ instance_id }) => `${JSON.stringify({ instance_id, python: `${fixturePython}.0`, pip: [] })}\n`)
      .join(""),
    "docs/mending.md": manual,
  });
  return {
    instances: folder,
    documents: join(folder, "docs"),
    cache: fixtureCache,
    repositories: [join(folder, "repositories")],
  };
}

function testsOf(name: string, test: string): string {
  const lines = [
    "import unittest",
    `from shapes.${name} import ${name}`,
    "",
    "class Hidden(unittest.TestCase):",
    "    def test_it(self):",
    `        self.assertEqual(${test})`,
  ];
  return [
    "diff --git a/tests/test_hidden.py b/tests/test_hidden.py",
    "new file mode 100644",
    "--- /dev/null",
    "+++ b/tests/test_hidden.py",
    `@@ -0,0 +1,${lines.length} @@`,
    ...lines.map((line) => `+${line}`),
    "",
  ].join("\n");
}

function evalScript(tests: string): string {
  return [
    "#!/bin/bash",
    "set -uxo pipefail",
    "cd /testbed",
    "git apply -v - <<'EOF_114329324912'",
    tests,
    "EOF_114329324912",
    ": '>>>>> Start Test Output'",
    "python -m unittest -v tests.test_hidden",
    ": '>>>>> End Test Output'",
    "",
  ].join("\n");
}

const gitEnvironment = {
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
