// The world of a SWE-bench task: a testbed, changed through a shell and an editor, judged by tests that run elsewhere.
import { isUtf8 } from "node:buffer";
import {
  type Action,
  type EpisodeLimits,
  type Evaluation,
  HindcastError,
  type Observation,
  Sha256,
  type SweBenchReference,
  type SweBenchSpec,
} from "@hindcast/shared";
import { judgedByReference, modelPatchName, type PatchVerdict } from "@hindcast/shared/node";
import type { ExecResult } from "../../sandbox/sandbox.ts";
import type {
  Environment,
  EnvironmentOptions,
  EnvironmentProvider,
  EnvironmentState,
  EnvironmentStep,
  EvaluationRequest,
  WorldFile,
} from "../environment.ts";
import { terminalText } from "../terminal-text.ts";
import { edit } from "./editor.ts";
import { evaluatePatch } from "./evaluate-patch.ts";
import { openTestbed, type Testbed, type TestbedSources } from "./testbed.ts";

/** Caps of observations (benchmarks.md §1.2): mini-swe-agent's for commands, SWE-smith's for the editor. */
const commandCharsMax = 10_000;
const editorCharsMax = 70_000;
/** Of the change that is judged; the largest gold patch has 0.2 MB. */
const patchBytesMax = 3 * 1024 * 1024;
const patchTimeoutMs = 120_000;
const testsTimeoutMs = 1_800_000;
/** The tests run in a sandbox of their own, which an episode's limits do not know of. */
export const testLimits = { memoryBytesMax: 8 * 1024 ** 3, diskBytesMax: 4 * 1024 ** 3, processesMax: 1_024 };

/** Every file is packed as bytes: a patch is kept as text, and a file in another encoding is none. */
const asBytes = "mkdir -p .git/info; echo '* -diff' > .git/info/attributes;";

const evaluator = "swe-bench";

/** @param sources null: this agent has no place for repositories and environments */
export function createSweBenchProvider(sources: TestbedSources | null): EnvironmentProvider {
  const missing =
    "this agent has no SWE-bench worlds: set HINDCAST_SWE_BENCH_CACHE and HINDCAST_SWE_BENCH_REPOSITORIES";
  return {
    kind: "swe-bench",
    problems: () => (sources === null ? Promise.resolve([missing]) : sources.sandboxes.problems()),
    create: (options) => {
      const { spec } = options;
      if (spec.kind !== "swe-bench") throw unsupported(`a world of kind "${spec.kind}"`);
      if (sources === null) {
        throw new HindcastError({ code: "ENVIRONMENT_UNAVAILABLE", boundary: "environment", message: missing });
      }
      return new SweBenchEnvironment({ ...options, spec }, sources);
    },
  };
}

class SweBenchEnvironment implements Environment {
  readonly isTextRepeatable = false;
  readonly #options: EnvironmentOptions & { spec: SweBenchSpec };
  readonly #sources: TestbedSources;
  #testbed: Testbed | null = null;
  #submission: WorldFile | null = null;
  #bytesPrinted = 0;
  #closing: Promise<void> | null = null;

  constructor(options: EnvironmentOptions & { spec: SweBenchSpec }, sources: TestbedSources) {
    this.#options = options;
    this.#sources = sources;
  }

  async reset(signal: AbortSignal): Promise<EnvironmentState> {
    return await this.#initialState(await this.#open({ isEmpty: false }, signal), signal);
  }

  async restore(snapshot: Uint8Array, signal: AbortSignal): Promise<EnvironmentState> {
    const testbed = await this.#open({ isEmpty: true }, signal);
    await testbed.sandbox.restore(snapshot, signal);
    await testbed.startServices(signal);
    return await this.#initialState(testbed, signal);
  }

  async step(action: Action, signal: AbortSignal): Promise<EnvironmentStep> {
    const testbed = this.#present();
    const { observation, outputBytes } = await this.#act(testbed, action, signal);
    const { stateHash, effects, effectsOmitted } = await testbed.sandbox.state(signal);
    return {
      observation,
      stateHash: Sha256.parse(stateHash),
      effects,
      effectsOmitted,
      snapshot: (snapshotSignal) => testbed.sandbox.snapshot(this.#options.limits.snapshotBytesMax, snapshotSignal),
      terminated: false,
      outputBytes,
    };
  }

  async #act(
    testbed: Testbed,
    action: Action,
    signal: AbortSignal,
  ): Promise<{ observation: Observation; outputBytes: number }> {
    const { stepTimeMs, observationBytesMax, outputBytesMax } = this.#options.limits;
    if (action.kind === "tool" && action.name === "str_replace_editor") {
      const { text, isError } = await edit(testbed.sandbox, action.input, signal);
      const bytes = Buffer.from(text);
      const shown = terminalText({ bytes, gap: null }, Math.min(editorCharsMax, observationBytesMax));
      return { observation: { kind: "text", isError, ...shown }, outputBytes: bytes.byteLength };
    }
    if (action.kind !== "shell") throw unsupported(`an action of kind "${action.kind}"`);
    const result = await testbed.run(
      action.command,
      {
        timeoutMs: stepTimeMs,
        outputBytesMax: observationBytesMax,
        outputBytesKill: Math.max(outputBytesMax - this.#bytesPrinted, observationBytesMax),
      },
      signal,
    );
    this.#bytesPrinted += result.outputBytes;
    return { observation: shellObservation(result, this.#options.limits), outputBytes: result.outputBytes };
  }

  /** The patch as predictions have it. */
  get submission(): WorldFile | null {
    return this.#submission;
  }

  async evaluate({ reference }: EvaluationRequest, signal: AbortSignal): Promise<Evaluation> {
    const unknown = (detail: string): Evaluation => ({ verdict: "unknown", evaluator, detail });
    if (reference === null) return unknown("the task has no tests to be judged by");
    if (reference.kind !== "swe-bench") {
      return unknown(`a repository is not judged by a reference of kind "${reference.kind ?? "end-state"}"`);
    }
    const patch = await this.#patch(signal);
    if (typeof patch !== "string") return unknown(patch.problem);
    this.#submission = { name: modelPatchName, mediaType: "text/x-diff", bytes: Buffer.from(patch) };
    const { spec, id } = this.#options;
    const { verdict } = await evaluatePatch(
      {
        id: `${id}-tests`,
        instance: judgedByReference(reference),
        testbed: spec,
        patch,
        limits: testLimits,
        timeoutMs: testsTimeoutMs,
      },
      this.#sources,
      signal,
    );
    return evaluationOf(reference, verdict);
  }

  /** The change against the base commit, new files among it. */
  async #patch(signal: AbortSignal): Promise<string | { problem: string }> {
    const told = await this.#diff("", signal);
    const isText = told.killed !== null || told.cutAt !== null || isUtf8(told.output);
    const { exitCode, killed, output, cutAt } = isText ? told : await this.#diff(asBytes, signal);
    if (killed === "output" || cutAt !== null) return { problem: `the change has more than ${patchBytesMax} bytes` };
    if (killed !== null) return { problem: `git was killed while it told the change: ${killed}` };
    const text = Buffer.from(output).toString("utf8");
    return exitCode === 0 ? text : { problem: `git could not tell the change: ${text.trim().slice(0, 500)}` };
  }

  /** A lock that a killed git left is nobody's; one file that cannot be added (exit code 1) does not take the others along. */
  #diff(first: string, signal: AbortSignal): Promise<ExecResult> {
    const add = `said=$(git add -A --ignore-errors 2>&1) || code=$?; ((code <= 1)) || { echo "$said"; exit $code; }`;
    const diff = `git -c core.fileMode=false -c diff.noprefix=false diff --cached --binary --no-color --no-ext-diff --no-textconv ${this.#options.spec.commit}`;
    const script = `({ set +x; } 2>/dev/null; cd /testbed && rm -f .git/index.lock || exit; code=0; ${add}; ${first} ${diff})`;
    const options = { timeoutMs: patchTimeoutMs, outputBytesMax: patchBytesMax, outputBytesKill: 2 * patchBytesMax };
    return this.#present().run(script, options, signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#testbed?.[Symbol.asyncDispose]() ?? Promise.resolve();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #open({ isEmpty }: { isEmpty: boolean }, signal: AbortSignal): Promise<Testbed> {
    const { id, limits, spec } = this.#options;
    await this.#testbed?.[Symbol.asyncDispose]();
    this.#testbed = null;
    this.#bytesPrinted = 0;
    this.#testbed = await openTestbed({ ...spec, id, limits, isEmpty }, this.#sources, signal);
    return this.#testbed;
  }

  async #initialState({ sandbox }: Testbed, signal: AbortSignal): Promise<EnvironmentState> {
    const { stateHash, workingDirectory } = await sandbox.state(signal);
    return {
      observation: { kind: "shell", text: "", exitCode: null, killed: null, workingDirectory, omittedBytes: 0 },
      stateHash: Sha256.parse(stateHash),
      effects: [],
      effectsOmitted: 0,
      snapshot: (snapshotSignal) => sandbox.snapshot(this.#options.limits.snapshotBytesMax, snapshotSignal),
    };
  }

  #present(): Testbed {
    if (this.#testbed !== null) return this.#testbed;
    throw new HindcastError({
      code: "ENVIRONMENT_UNAVAILABLE",
      boundary: "environment",
      message: `environment ${this.#options.id} has no world yet: call reset or restore first`,
    });
  }
}

function shellObservation(result: ExecResult, { observationBytesMax }: EpisodeLimits): Observation {
  const { output, cutAt, outputBytes, exitCode, killed, workingDirectory } = result;
  const gap = cutAt === null ? null : { at: cutAt, bytes: Math.max(outputBytes - output.byteLength, 0) };
  const shown = terminalText({ bytes: output, gap }, Math.min(commandCharsMax, observationBytesMax));
  return { kind: "shell", exitCode, killed, workingDirectory, ...shown };
}

function evaluationOf(reference: SweBenchReference, verdict: PatchVerdict): Evaluation {
  const { failToPass, passToPass, resolution, problem, failed, infrastructure } = verdict;
  const share = ({ passed, total }: { passed: number; total: number }): number => (total === 0 ? 1 : passed / total);
  const components = [
    { name: "FAIL_TO_PASS", score: share(failToPass), detail: `${failToPass.passed} of ${failToPass.total} pass` },
    { name: "PASS_TO_PASS", score: share(passToPass), detail: `${passToPass.passed} of ${passToPass.total} pass` },
  ];
  // A machine that broke says nothing about the patch; a label that a patch may have caused does.
  if (problem !== null && infrastructure?.tier === "environment") {
    return { verdict: "unknown", evaluator, detail: `${problem} (${infrastructure.reason})`, components };
  }
  const why = problem ?? (failed.length === 0 ? "all tests pass" : `fails ${failed.slice(0, 5).join(", ")}`);
  return {
    verdict: resolution === "full" ? "success" : "failure",
    evaluator,
    detail: `${reference.instanceId}: ${why}`.slice(0, 4_000),
    score: resolution === "full" ? 1 : 0,
    components,
  };
}

function unsupported(what: string): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_ACTION_UNSUPPORTED",
    boundary: "environment",
    message: `the SWE-bench environment does not know ${what}`,
  });
}
