// Runs an instance's tests on a patch in a fresh testbed, and judges what they printed.
import type { HindcastError } from "@hindcast/shared";
import {
  assembleLog,
  compileOnly,
  fitEvalScript,
  gradeInstance,
  infraFailureOf,
  type JudgedInstance,
  type PatchVerdict,
  programsOf,
  readEvalLog,
} from "@hindcast/shared/node";
import type { ExecResult, SandboxLimits } from "../../sandbox/sandbox.ts";
import { applyPatch } from "./apply-patch.ts";
import type { Build } from "./built-tree.ts";
import { openTestbed, type Testbed, type TestbedContent, type TestbedSources } from "./testbed.ts";

/** Kept of what each part prints; the longest logs of SWE-bench have a few MB. */
const logBytesMax = 32 * 1024 * 1024;

export interface EvaluationOptions {
  /** Names the sandbox. */
  id: string;
  instance: JudgedInstance;
  testbed: TestbedContent;
  patch: string;
  limits: SandboxLimits;
  /** Of the whole script, as upstream's 1,800 s. */
  timeoutMs: number;
}

const failedShown = 20;

/** @throws HindcastError where the machine lacks something: that is no verdict on the patch */
export async function evaluatePatch(
  options: EvaluationOptions,
  sources: TestbedSources,
  signal: AbortSignal,
): Promise<{ verdict: PatchVerdict; log: string }> {
  const { id, instance, limits } = options;
  const programs = programsOf(instance.logParser);
  const place = { id, limits, ...options.testbed, programs, ...buildOf(instance) };
  await using testbed = await openTestbed(place, sources, signal);
  const startedAt = performance.now();
  const patch = await applyPatch(testbed, options.patch, signal);
  const none = {
    resolution: "no" as const,
    failToPass: noneOf(instance.failToPass),
    passToPass: noneOf(instance.passToPass),
  };
  const since = (): number => Math.round(performance.now() - startedAt) / 1000;
  if (!patch.isApplied) {
    const problem = `the patch does not apply: ${patch.how}`;
    return {
      verdict: { ...none, patch, problem, failed: [], isForged: false, infrastructure: null, seconds: since() },
      log: "",
    };
  }
  const run = await runScript(testbed, options, signal);
  const read =
    run.problem === null
      ? readEvalLog({ ...instance, log: run.log })
      : { isValid: false as const, problem: run.problem };
  const common = { patch, isForged: run.isForged, seconds: since() };
  if (!read.isValid) {
    // Where nothing was concluded only the sandbox's own word tells of a broken machine: a patch may print the others.
    const said = infraFailureOf(run.log);
    const infrastructure = run.isOutOfMemory ? outOfMemory : said && { ...said, tier: "ambiguous" as const };
    return { verdict: { ...none, ...common, problem: read.problem, failed: [], infrastructure }, log: run.log };
  }
  const { resolution, failToPass, passToPass } = gradeInstance(instance, read.statuses);
  const verdict: PatchVerdict = {
    ...common,
    resolution,
    problem: null,
    failToPass: countOf(failToPass),
    passToPass: countOf(passToPass),
    failed: [...failToPass.failed, ...passToPass.failed].slice(0, failedShown),
    // Labels are for runs that went wrong: a test about name resolution may well print one.
    infrastructure: resolution === "full" ? null : infraFailureOf(run.log),
  };
  return { verdict, log: run.log };
}

const outOfMemory = { reason: "out-of-memory", tier: "environment" } as const;

/** What Cargo and Go compile for the tests does not depend on the patch but where it touches something. */
function buildOf({ evalScript }: JudgedInstance): { build?: Build } {
  const command = compileOnly(fitEvalScript(evalScript)?.test ?? "");
  // At the base commit a test may be named that only the test patch brings: then the rest is compiled.
  return command === null ? {} : { build: { command, isRequired: false } };
}

interface ScriptRun {
  log: string;
  /** As the sandbox saw it, whatever the log says. */
  isOutOfMemory: boolean;
  isForged: boolean;
  problem: string | null;
}

/** The parts run one after another in one session, so that the exit code of the tests is theirs alone. */
async function runScript(testbed: Testbed, options: EvaluationOptions, signal: AbortSignal): Promise<ScriptRun> {
  const script = fitEvalScript(options.instance.evalScript);
  if (script === null)
    return { log: "", isOutOfMemory: false, isForged: false, problem: "the evaluation script lacks its marks" };
  const deadline = performance.now() + options.timeoutMs;
  const run = (text: string): Promise<ExecResult> =>
    testbed.run(
      text,
      {
        timeoutMs: Math.max(1, Math.round(deadline - performance.now())),
        outputBytesMax: logBytesMax,
        outputBytesKill: 2 * logBytesMax,
      },
      signal,
    );
  // Tests of pytest and Sphinx look at what an episode's sandbox sets for equal runs.
  const prepared = await run(`unset PYTHONDONTWRITEBYTECODE SOURCE_DATE_EPOCH\n${script.prepare}`);
  const early = problemOf(prepared, options);
  const tested = early === null ? await run(script.test) : null;
  const { log, isForged } = assembleLog({
    prepared: textOf(prepared),
    tested: tested === null ? "" : textOf(tested),
    testExitCode: tested?.exitCode ?? null,
  });
  const isOutOfMemory = [prepared, tested].some((part) => part?.killed === "memory");
  return { log, isOutOfMemory, isForged, problem: early ?? (tested === null ? null : problemOf(tested, options)) };
}

function problemOf({ killed, cutAt }: ExecResult, { timeoutMs }: EvaluationOptions): string | null {
  if (killed === "timeout") return `the tests did not end within ${Math.round(timeoutMs / 1000)} s`;
  if (killed !== null) return `the tests were killed: ${killed}`;
  return cutAt === null ? null : `the tests printed more than ${logBytesMax} bytes`;
}

const textOf = ({ output }: ExecResult): string => Buffer.from(output).toString("utf8");
const noneOf = (tests: readonly string[]): { passed: number; total: number } => ({ passed: 0, total: tests.length });

function countOf({ passed, failed }: { passed: string[]; failed: string[] }): { passed: number; total: number } {
  return { passed: passed.length, total: passed.length + failed.length };
}

/** Of errors that are one instance's affair: what this machine lacks for it, or a sandbox that died under it. */
export function isLacking({ code }: HindcastError): boolean {
  return code === "ENVIRONMENT_UNAVAILABLE" || code === "ENVIRONMENT_SETUP_FAILED" || code === "SANDBOX_LOST";
}
