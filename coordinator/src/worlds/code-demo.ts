// The code world that is shipped: a small package of JavaScript with tests, the bugs that can be put into it, and its
// manual. A repository and instances in SWE-bench's form are made of it without a network, the same on every machine.
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { HindcastError, messageOf } from "@hindcast/shared";
import { type ProcessEnvironment, sha256Hex, type SweBenchInstance } from "@hindcast/shared/node";
import { z } from "zod";

const shipped = resolve(import.meta.dirname, "../../worlds/code-demo");
const repository = "demo/lengths";
/** Raised when instances come out otherwise from the same package. */
const version = 1;

const Bug = z.strictObject({ module: z.string().regex(/^\w+$/), from: z.string().min(1), to: z.string() });
type Bug = z.infer<typeof Bug>;

export interface CodeDemo {
  /** Holds `tasks.jsonl`, and no pins: the sandbox's own Node runs the tests. */
  instances: string;
  repositories: string;
  documents: string;
}

/** Beside others of other versions. */
function codeDemoIn(folder: string): CodeDemo {
  const place = join(folder, `code-${contentHash()}`);
  return { instances: place, repositories: join(place, "repositories"), documents: join(shipped, "docs") };
}

/** Lays the repository and its instances where they are not yet; whole or not at all. @throws CONFIG_INVALID without git */
export function layCodeDemo(folder: string, env: ProcessEnvironment): CodeDemo {
  const demo = codeDemoIn(folder);
  if (existsSync(demo.instances)) return demo;
  mkdirSync(folder, { recursive: true });
  const making = mkdtempSync(join(folder, "making-"));
  try {
    const instances = instancesIn(join(making, "repositories", repository.replace("/", "__")), env);
    writeFileSync(join(making, "tasks.jsonl"), instances.map((each) => `${JSON.stringify(each)}\n`).join(""));
    // Sandboxes of root run as nobody.
    execFileSync("chmod", ["-R", "u=rwX,go=rX", making]);
    renameSync(making, demo.instances);
  } catch (error) {
    // Another run may have been quicker.
    if (!existsSync(demo.instances)) throw unlaid(error);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return demo;
}

function instancesIn(clone: string, surroundings: ProcessEnvironment): SweBenchInstance[] {
  cpSync(join(shipped, "package"), clone, { recursive: true });
  const git = gitIn(clone, surroundings);
  git("init", "--quiet", "-b", "main");
  const commit = (message: string): string => {
    git("add", "-A");
    git("commit", "--quiet", "-m", message);
    return git("rev-parse", "HEAD").trim();
  };
  const whole = commit("The package as it should be.");
  const bugs = z.array(Bug).parse(JSON.parse(readFileSync(join(shipped, "bugs.json"), "utf8")));
  return bugs.map((bug, index) => {
    git("checkout", "--quiet", "--detach", whole);
    const { source, test } = filesOf(bug);
    writeFileSync(join(clone, source), withBug(readFileSync(join(clone, source), "utf8"), bug));
    rmSync(join(clone, test));
    const base = commit("The package as it is.");
    git("branch", "--quiet", `task-${index + 1}`, base);
    const diff = (path: string): string => git("diff", "--full-index", base, whole, "--", path);
    return instanceOf(bug, { id: `demo__lengths-${index + 1}`, base, fix: diff(source), tests: diff(test) });
  });
}

function instanceOf(
  bug: Bug,
  { id, base, fix, tests }: { id: string; base: string; fix: string; tests: string },
): SweBenchInstance {
  const { source, test } = filesOf(bug);
  return {
    repo: repository,
    instance_id: id,
    base_commit: base,
    patch: fix,
    test_patch: tests,
    problem_statement: `\`${bug.module}\` in ${source} does not work as it should.\n\nIt used to; now a use of it gives a wrong result.\n\nFind the cause and mend it without changing what else the project does.`,
    version: "1.0",
    FAIL_TO_PASS: [`- ${bug.module}`],
    PASS_TO_PASS: modules()
      .filter((name) => name !== bug.module)
      .map((name) => `- ${name}`),
    eval_script: [
      "#!/bin/bash",
      "set -uxo pipefail",
      "cd /testbed",
      `rm -f ${test}`,
      "git apply -v - <<'EOF_114329324912'",
      tests,
      "EOF_114329324912",
      ": '>>>>> Start Test Output'",
      "node --test --test-reporter=tap",
      ": '>>>>> End Test Output'",
      "",
    ].join("\n"),
    log_parser: "parse_log_tap",
    eval_type: "pass_and_fail",
  };
}

const filesOf = ({ module }: Bug): { source: string; test: string } => ({
  source: `src/${module}.js`,
  test: `test/${module}.test.js`,
});

/** In the code, not in what is written above it. */
function withBug(source: string, { from, to }: Bug): string {
  const code = source.indexOf("*/");
  return `${source.slice(0, code)}${source.slice(code).replace(from, () => to)}`;
}

function modules(): string[] {
  return readdirSync(join(shipped, "package", "src"))
    .map((name) => name.replace(/\.js$/, ""))
    .toSorted();
}

function contentHash(): string {
  const files = readdirSync(shipped, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith("docs"))
    .map(({ parentPath, name }) => join(parentPath, name))
    .toSorted();
  return sha256Hex(JSON.stringify([version, ...files.map((file) => readFileSync(file, "utf8"))])).slice(0, 12);
}

/** Fixed names and dates: the same commits anywhere. */
function gitIn(clone: string, surroundings: ProcessEnvironment): (...args: string[]) => string {
  const people = ["AUTHOR", "COMMITTER"].flatMap((role) => [
    [`GIT_${role}_NAME`, "Hindcast"],
    [`GIT_${role}_EMAIL`, "tasks@hindcast.invalid"],
    [`GIT_${role}_DATE`, "2026-01-01T00:00:00Z"],
  ]);
  const env = {
    PATH: surroundings["PATH"] ?? "",
    HOME: dirname(clone),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    LC_ALL: "C.UTF-8",
    ...(Object.fromEntries(people) as Record<string, string>),
  };
  return (...args) =>
    execFileSync("git", ["-c", "core.fileMode=false", "-c", "core.autocrlf=false", ...args], {
      cwd: clone,
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
}

function unlaid(error: unknown): HindcastError {
  return new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message: `the shipped code world could not be laid, which takes git and a writable data directory: ${messageOf(error)}`,
    cause: error,
  });
}
