// Executable tasks from any Python, JavaScript or TypeScript project whose tests pass (SWE-smith's idea): a bug is put in, the tests that it breaks
// tell whether it was mended, and the instance has SWE-bench's format. The base commit holds the bug and lacks the test
// files that show it; the test patch brings them back.
import { HindcastError, messageOf, type PinnedNode, type PinnedPython } from "@hindcast/shared";
import { type BugKind, readEvalLog, assembleLog, sha256Hex, type SweBenchInstance } from "@hindcast/shared/node";
import { type BugCommit, BugRepository } from "./bug-repository.ts";
import { findBugs } from "./find-bugs.ts";
import { type Language, sourceBytesMax } from "./find-mutations.ts";
import { issueOf, type Shown, steadyLog, tellsTooMuch } from "./issue-text.ts";
import type { Mutation } from "./mutation.ts";
import type { TaskAuthor } from "./task-author.ts";
import { evalScriptOf } from "./task-script.ts";
import { type FilesOfTest, findTestFiles } from "./test-files.ts";
import { openTestbed, type Testbed, type TestbedSources } from "./testbed.ts";

export interface MakeTasksOptions {
  /** "owner/name", which `sources` can find. */
  repository: string;
  commit: string;
  language: Language;
  environment: PinnedPython | null;
  packages: PinnedNode | null;
  /** Runs all tests, e.g. `python -m pytest -rA -q`. */
  testCommand: string;
  logParser: string;
  kinds: readonly BugKind[];
  /** Writes issue texts, and bugs of all kinds but `operators`; null: the texts are a template's. */
  author: TaskAuthor | null;
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

/** @throws ENVIRONMENT_SETUP_FAILED where the project's tests do not pass by themselves */
export async function makeTasks(
  options: MakeTasksOptions,
  sources: TestbedSources,
  signal: AbortSignal,
): Promise<SweBenchInstance[]> {
  const { repository, commit, environment, packages, limits } = options;
  const id = `swe-make-${repository.replace("/", "__")}-${process.pid}`;
  await using testbed = await openTestbed(
    { id, repository, commit, environment, ...(packages === null ? {} : { packages }), limits },
    sources,
    signal,
  );
  await using target = await BugRepository.create(
    { repository, commit, path: options.outputRepository },
    sources,
    signal,
  );
  const before = await passing(testbed, options, signal);
  const filesOf = await findTestFiles(testbed, options.language, signal);
  const made: SweBenchInstance[] = [];
  let tries = 0;
  for await (const mutation of findBugs(testbed, options, signal)) {
    if (tries++ >= options.triesMax) break;
    const broken = mutation === null ? null : await brokenBy(mutation, { testbed, before, options }, signal);
    if (mutation === null || broken === null) continue;
    const instance = await instanceOf(mutation, broken, { target, options, filesOf }, signal);
    if (instance === null || made.some(({ instance_id: other }) => other === instance.instance_id)) continue;
    made.push(instance);
    options.onTask(instance);
    if (made.length >= options.count) break;
  }
  return made;
}

/** The tests that pass as the project is, twice: one that is named otherwise each time, or fails now and then, tells nothing. */
async function passing(testbed: Testbed, options: MakeTasksOptions, signal: AbortSignal): Promise<Set<string>> {
  const passedOf = ({ statuses }: { statuses: Map<string, string> | null }): Set<string> =>
    new Set([...(statuses ?? [])].flatMap(([test, status]) => (status === "PASSED" ? [test] : [])));
  const first = await runTests(testbed, options, signal);
  const passed = passedOf(first);
  if (passed.size === 0) {
    throw failed(
      `no test of ${options.repository} passes with "${options.testCommand}": ${first.log.trim().slice(-800)}`,
    );
  }
  const again = passedOf(await runTests(testbed, options, signal));
  if (passed.isDisjointFrom(again)) {
    throw failed(`no test of ${options.repository} passes twice under one name with "${options.testCommand}"`);
  }
  return passed.intersection(again);
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
  const whole = await testbed.sandbox.readFile(mutation.file, sourceBytesMax);
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
  { target, options, filesOf }: { target: BugRepository; options: MakeTasksOptions; filesOf: FilesOfTest },
  signal: AbortSignal,
): Promise<SweBenchInstance | null> {
  const hidden = failToPass.map(filesOf);
  // A test that nobody can say the file of could not be hidden.
  if (hidden.some((one) => one.length === 0)) return null;
  const files = [...new Set(hidden.flat())].toSorted();
  const bug: BugCommit | null = await target.commit({ file: mutation.file, source, without: files }, signal);
  if (bug === null) return null;
  return {
    repo: options.repository,
    instance_id: `${options.repository.replace("/", "__")}.${options.commit.slice(0, 8)}.${mutation.operator}__${sha256Hex(JSON.stringify(mutation)).slice(0, 8)}`,
    base_commit: bug.commit,
    patch: bug.fix,
    test_patch: bug.tests,
    problem_statement: await issueBy(options.author, mutation, { failToPass, log, fix: bug.fix }, signal),
    version: "1.0",
    FAIL_TO_PASS: failToPass,
    // Tests of hidden files are gone before the test patch, and come back with it.
    PASS_TO_PASS: passToPass,
    eval_script: evalScriptOf(bug, files, options.testCommand),
    log_parser: options.logParser,
    eval_type: "pass_and_fail",
  };
}

/** The model's words where there are any that tell no more than a user knows; else the template's. */
// oxlint-disable-next-line max-params -- who writes of what to whom
async function issueBy(
  author: TaskAuthor | null,
  mutation: Mutation,
  shown: Shown,
  signal: AbortSignal,
): Promise<string> {
  const { file, scope } = mutation;
  const issue = (await author?.writeIssue({ file, scope, fix: shown.fix, log: steadyLog(shown.log) }, signal)) ?? null;
  if (issue !== null && !tellsTooMuch(issue, shown)) return issue;
  if (issue !== null) author?.reject();
  return issueOf(mutation, shown);
}

function failed(message: string): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_SETUP_FAILED",
    boundary: "environment",
    message: messageOf(new Error(message)),
  });
}
