// Executable tasks from any Python project whose tests pass (SWE-smith's idea): a bug is put in, the tests that it breaks
// tell whether it was mended, and the instance has SWE-bench's format. The base commit holds the bug and lacks the test
// files that show it; the test patch brings them back.
import { HindcastError, messageOf, type PinnedPython } from "@hindcast/shared";
import { readEvalLog, assembleLog, sha256Hex, type SweBenchInstance } from "@hindcast/shared/node";
import { z } from "zod";
import { type BugCommit, BugRepository } from "./bug-repository.ts";
import { Mutation, mutatePython } from "./mutate-python.ts";
import { openTestbed, type Testbed, type TestbedSources } from "./testbed.ts";

export interface MakeTasksOptions {
  /** "owner/name", which `sources` can find. */
  repository: string;
  commit: string;
  environment: PinnedPython;
  /** Runs all tests, e.g. `python -m pytest -rA -q`. */
  testCommand: string;
  logParser: string;
  /** Tasks wanted; candidates are tried in an order that the commit decides until there are as many. */
  count: number;
  /** Candidates tried at most. */
  triesMax: number;
  timeoutMs: number;
  limits: { memoryBytesMax: number; diskBytesMax: number; processesMax: number };
  /** A repository with the bugs' commits is made here. */
  outputRepository: string;
  onTask: (instance: SweBenchInstance) => void;
}

const listBytesMax = 16 * 1024 * 1024;
const fileBytesMax = 4 * 1024 * 1024;

/** @throws ENVIRONMENT_SETUP_FAILED where the project's tests do not pass by themselves */
export async function makeTasks(
  options: MakeTasksOptions,
  sources: TestbedSources,
  signal: AbortSignal,
): Promise<SweBenchInstance[]> {
  const { repository, commit, environment, limits } = options;
  const id = `swe-make-${repository.replace("/", "__")}-${process.pid}`;
  await using testbed = await openTestbed({ id, repository, commit, environment, limits }, sources, signal);
  await using target = await BugRepository.create(
    { repository, commit, path: options.outputRepository },
    sources,
    signal,
  );
  const before = await passing(testbed, options, signal);
  const made: SweBenchInstance[] = [];
  for (const mutation of (await mutationsOf(testbed, commit, signal)).slice(0, options.triesMax)) {
    if (made.length >= options.count) break;
    const broken = await brokenBy(mutation, { testbed, before, options }, signal);
    const instance = broken === null ? null : await instanceOf(mutation, broken, { target, options, before }, signal);
    if (instance === null || made.some(({ instance_id: other }) => other === instance.instance_id)) continue;
    made.push(instance);
    options.onTask(instance);
  }
  return made;
}

/** In an order that depends on the commit only, and never two from one line. */
async function mutationsOf(testbed: Testbed, commit: string, signal: AbortSignal): Promise<Mutation[]> {
  const script = `(cd /testbed && cat > /tmp/mutate.py && git ls-files -z '*.py' | grep -zvE '(^|/)(tests?|testing|docs?|examples?)/|(^|/)(test_[^/]*|conftest|setup)\\.py$|_test\\.py$' | xargs -0r python /tmp/mutate.py)`;
  const run = { stdin: Buffer.from(mutatePython), outputBytesMax: listBytesMax, outputBytesKill: 2 * listBytesMax };
  const { exitCode, output } = await testbed.run(script, run, signal);
  const text = Buffer.from(output).toString("utf8");
  if (exitCode !== 0) throw failed(`the project's sources could not be read: ${text.slice(-500)}`);
  const order = (each: Mutation): string => sha256Hex(`${commit} ${each.file} ${each.start} ${each.operator}`);
  const lines = new Set<string>();
  return z
    .array(Mutation)
    .parse(JSON.parse(text === "" ? "[]" : text))
    .map((each) => ({ each, rank: order(each) }))
    .toSorted((a, b) => (a.rank < b.rank ? -1 : 1))
    .flatMap(({ each }) => {
      const line = `${each.file}:${each.line}`;
      if (lines.has(line)) return [];
      lines.add(line);
      return [each];
    });
}

/** The tests that pass as the project is. */
async function passing(testbed: Testbed, options: MakeTasksOptions, signal: AbortSignal): Promise<Set<string>> {
  const { statuses, log } = await runTests(testbed, options, signal);
  const passed = new Set([...(statuses ?? [])].flatMap(([test, status]) => (status === "PASSED" ? [test] : [])));
  if (passed.size > 0) return passed;
  throw failed(`no test of ${options.repository} passes with "${options.testCommand}": ${log.trim().slice(-800)}`);
}

async function runTests(
  testbed: Testbed,
  options: MakeTasksOptions,
  signal: AbortSignal,
): Promise<{ statuses: Map<string, string> | null; log: string }> {
  const run = { timeoutMs: options.timeoutMs, outputBytesMax: listBytesMax, outputBytesKill: 2 * listBytesMax };
  const { output, exitCode, killed } = await testbed.run(`(cd /testbed && ${options.testCommand})`, run, signal);
  const { log } = assembleLog({ prepared: "", tested: Buffer.from(output).toString("utf8"), testExitCode: exitCode });
  const read = readEvalLog({ log, logParser: options.logParser, instanceId: "" });
  return { statuses: killed === null && read.isValid ? read.statuses : null, log };
}

interface Broken {
  source: Uint8Array;
  failToPass: string[];
  passToPass: string[];
  log: string;
}

/** Null where the bug breaks nothing, or everything, or ends in no verdict. */
async function brokenBy(
  mutation: Mutation,
  { testbed, before, options }: { testbed: Testbed; before: ReadonlySet<string>; options: MakeTasksOptions },
  signal: AbortSignal,
): Promise<Broken | null> {
  const whole = await testbed.sandbox.readFile(mutation.file, fileBytesMax);
  const source = Buffer.concat([
    whole.subarray(0, mutation.start),
    Buffer.from(mutation.replacement),
    whole.subarray(mutation.end),
  ]);
  await testbed.sandbox.writeFile(mutation.file, source);
  try {
    const { statuses, log } = await runTests(testbed, options, signal);
    if (statuses === null) return null;
    const [failToPass, passToPass]: [string[], string[]] = [[], []];
    for (const test of before) (statuses.get(test) === "PASSED" ? passToPass : failToPass).push(test);
    return failToPass.length === 0 || passToPass.length === 0 ? null : { source, failToPass, passToPass, log };
  } finally {
    await testbed.run("(cd /testbed && git reset --quiet --hard && git clean -fdq)", {}, signal);
  }
}

async function instanceOf(
  mutation: Mutation,
  { source, failToPass, passToPass, log }: Broken,
  { target, options, before }: { target: BugRepository; options: MakeTasksOptions; before: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<SweBenchInstance | null> {
  const hidden = [...new Set(failToPass.map(fileOfTest))];
  // A test that nobody can say the file of could not be hidden.
  if (hidden.includes(null) || before.size === 0) return null;
  const files = hidden.flatMap((file) => (file === null ? [] : [file]));
  const bug: BugCommit | null = await target.commit({ file: mutation.file, source, without: files }, signal);
  if (bug === null) return null;
  return {
    repo: options.repository,
    instance_id: `${options.repository.replace("/", "__")}.${options.commit.slice(0, 8)}.${mutation.operator}__${sha256Hex(JSON.stringify(mutation)).slice(0, 8)}`,
    base_commit: bug.commit,
    patch: bug.fix,
    test_patch: bug.tests,
    problem_statement: issueOf(mutation, failToPass, log),
    version: "1.0",
    FAIL_TO_PASS: failToPass,
    // Tests of hidden files are gone before the test patch, and come back with it.
    PASS_TO_PASS: passToPass,
    eval_script: evalScriptOf(bug, files, options.testCommand),
    log_parser: options.logParser,
    eval_type: "pass_and_fail",
  };
}

/** "tests/test_a.py::test_b", "test_b (tests.test_a.Case.test_b)" */
function fileOfTest(test: string): string | null {
  const pytest = /^([^\s:[]+\.py)::/.exec(test)?.[1];
  if (pytest !== undefined) return pytest;
  const module = /^\w+ \(([\w.]+)\)$/.exec(test)?.[1];
  const names = module?.split(".") ?? [];
  const last = names.findLastIndex((name) => name.startsWith("test_") && names.indexOf(name) < names.length - 1);
  return last === -1 ? null : `${names.slice(0, last + 1).join("/")}.py`;
}

/** What a user would see: where, and how it shows; never what was changed. */
function issueOf({ file, scope }: Mutation, failToPass: readonly string[], log: string): string {
  const shown = log
    .split("\n")
    .filter((line) => /^(E {3}|\w*(Error|Exception|Warning)\b)/.test(line))
    .slice(0, 3)
    .map((line) => `    ${line.trim()}`);
  return [
    `\`${scope}\` in ${file} does not work as it should.`,
    "",
    `It used to; now ${failToPass.length === 1 ? "a use of it gives a wrong result" : `${failToPass.length} uses of it give wrong results`} or fails.`,
    ...(shown.length === 0 ? [] : ["What is seen:", "", ...shown]),
    "",
    "Find the cause and mend it without changing what else the project does.",
  ].join("\n");
}

function evalScriptOf({ commit, tests }: BugCommit, files: readonly string[], testCommand: string): string {
  const names = files.join(" ");
  return [
    "#!/bin/bash",
    "set -uxo pipefail",
    "cd /testbed",
    "git status",
    "git show --stat",
    `git -c core.fileMode=false diff ${commit}`,
    `rm -f ${names}`,
    "git apply -v - <<'EOF_114329324912'",
    tests,
    "EOF_114329324912",
    ": '>>>>> Start Test Output'",
    testCommand,
    ": '>>>>> End Test Output'",
    `rm -f ${names}`,
    "",
  ].join("\n");
}

function failed(message: string): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_SETUP_FAILED",
    boundary: "environment",
    message: messageOf(new Error(message)),
  });
}
