// The world of a shell: a workspace in a sandbox, commands as actions, files as state.
import { type Action, type EgressRecord, type Evaluation, HindcastError, type ShellSpec } from "@hindcast/shared";
import { Sha256, type ShellObservation } from "@hindcast/shared";
import { egressArtifact, EgressLog } from "../egress/egress-log.ts";
import type { Command, ExecResult, Sandbox, SandboxProvider } from "../sandbox/sandbox.ts";
import { compareEndStates } from "./end-state.ts";
import { verifyHarbor } from "./harbor/verify.ts";
import type {
  Environment,
  EnvironmentOptions,
  EnvironmentProvider,
  EnvironmentState,
  EnvironmentStep,
  EvaluationRequest,
} from "./environment.ts";
import { nameText, plainText, terminalText } from "./terminal-text.ts";

/** How much of a failed setup command's output the error quotes. */
const setupTailChars = 1_000;

interface ShellOptions extends EnvironmentOptions {
  spec: ShellSpec;
}

export function createShellProvider(sandboxes: SandboxProvider): EnvironmentProvider {
  return {
    kind: "shell",
    problems: () => sandboxes.problems(),
    create: (options) => {
      if (options.spec.kind !== "shell") throw unsupported(`a world of kind "${options.spec.kind}"`);
      return new ShellEnvironment({ ...options, spec: options.spec }, sandboxes);
    },
  };
}

class ShellEnvironment implements Environment {
  readonly isTextRepeatable = false;
  readonly #options: ShellOptions;
  readonly #sandboxes: SandboxProvider;
  #sandbox: Sandbox | null = null;
  readonly #egress = new EgressLog();
  #bytesPrinted = 0;
  #closing: Promise<void> | null = null;

  constructor(options: ShellOptions, sandboxes: SandboxProvider) {
    this.#options = options;
    this.#sandboxes = sandboxes;
  }

  async reset(signal: AbortSignal): Promise<EnvironmentState> {
    const sandbox = await this.#start(signal);
    return this.#initialState(sandbox, signal);
  }

  async restore(snapshot: Uint8Array, signal: AbortSignal): Promise<EnvironmentState> {
    const sandbox = await this.#open(signal);
    await sandbox.restore(snapshot, signal);
    return this.#initialState(sandbox, signal);
  }

  async step(action: Action, signal: AbortSignal): Promise<EnvironmentStep> {
    if (action.kind !== "shell") throw unsupported(`an action of kind "${action.kind}"`);
    const sandbox = this.#present();
    const result = await sandbox.exec(this.#command(action.command), signal);
    this.#bytesPrinted += result.outputBytes;
    const { stateHash, effects, effectsOmitted } = await sandbox.state(signal);
    return {
      observation: this.#observation(result),
      stateHash: Sha256.parse(stateHash),
      effects,
      effectsOmitted,
      snapshot: (snapshotSignal) => sandbox.snapshot(this.#options.limits.snapshotBytesMax, snapshotSignal),
      ...this.#artifacts(),
      terminated: false,
      outputBytes: result.outputBytes,
    };
  }

  /** Compares the present state with the one that the reference's commands reach from the same start, in a fresh sandbox. */
  async evaluate({ reference }: EvaluationRequest, signal: AbortSignal): Promise<Evaluation> {
    const sandbox = this.#present();
    if (reference === null) {
      return { verdict: "unknown", evaluator: "end-state", detail: "the task has no reference to compare with" };
    }
    if (reference.kind === "harbor") {
      const { id, spec, limits } = this.#options;
      const verified = { id: `${id}-verifier`, sandboxes: this.#sandboxes, limits, spec, reached: sandbox };
      return await verifyHarbor(verified, reference, signal);
    }
    if (!("commands" in reference)) {
      const detail = `a shell is not judged by a reference of kind "${reference.kind}"`;
      return { verdict: "unknown", evaluator: "end-state", detail };
    }
    const { spec, limits, id } = this.#options;
    await using twin = new ShellEnvironment({ spec, limits, id: `${id}-reference` }, this.#sandboxes);
    const fresh = await twin.#start(signal);
    const { filesHash: before } = await fresh.state(signal);
    for (const command of reference.commands) {
      const { exitCode, killed } = await fresh.exec(twin.#command(command), signal);
      if (exitCode !== 0) {
        const end = killed === null ? `exit code ${exitCode}` : `killed: ${killed}`;
        const detail = `the reference command ${JSON.stringify(command.slice(0, 500))} failed (${end})`;
        return { verdict: "unknown", evaluator: "end-state", detail };
      }
    }
    // Doing nothing would solve a task whose reference changes nothing: there is no end state to tell success by.
    if ((await fresh.state(signal)).filesHash === before) {
      return {
        verdict: "unknown",
        evaluator: "end-state",
        detail: "the reference commands leave the files as they were",
      };
    }
    return await compareEndStates(sandbox, fresh, signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#sandbox?.close() ?? Promise.resolve();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #open(signal: AbortSignal): Promise<Sandbox> {
    const { id, limits, spec } = this.#options;
    const links = Object.fromEntries((spec.aliases ?? []).map((alias) => [alias, "/workspace"]));
    await this.#sandbox?.close();
    const network =
      spec.network === undefined
        ? {}
        : { network: spec.network, onEgress: (record: EgressRecord) => this.#egress.add(record) };
    this.#sandbox = await this.#sandboxes.open({ id, limits, links, ...network }, signal);
    this.#bytesPrinted = 0;
    return this.#sandbox;
  }

  /** The start state of the specification, reached afresh. */
  async #start(signal: AbortSignal): Promise<Sandbox> {
    const { files, setup } = this.#options.spec;
    const sandbox = await this.#open(signal);
    for (const { path, content } of files) {
      await sandbox.writeFile(path, Buffer.from(content)).catch((error: unknown) => {
        if (!(error instanceof HindcastError) || error.retryable) throw error;
        throw setupFailed(`the file ${path} could not be written: ${error.message}`, error);
      });
    }
    for (const script of setup) {
      const { exitCode, killed, output } = await sandbox.exec(this.#command(script), signal);
      if (exitCode === 0) continue;
      const end = killed === null ? `with exit code ${exitCode}` : `by ${killed}`;
      const said = plainText(output).trim().slice(-setupTailChars);
      throw setupFailed(`the setup command ${JSON.stringify(script.slice(0, 500))} ended ${end}; it printed: ${said}`);
    }
    return sandbox;
  }

  async #initialState(sandbox: Sandbox, signal: AbortSignal): Promise<EnvironmentState> {
    const { stateHash, workingDirectory } = await sandbox.state(signal);
    return {
      observation: {
        kind: "shell",
        text: "",
        exitCode: null,
        killed: null,
        workingDirectory: nameText(workingDirectory),
        omittedBytes: 0,
      },
      stateHash: Sha256.parse(stateHash),
      effects: [],
      effectsOmitted: 0,
      snapshot: (snapshotSignal) => sandbox.snapshot(this.#options.limits.snapshotBytesMax, snapshotSignal),
      ...this.#artifacts(),
    };
  }

  /** What went out since the last state; a request that ends later belongs to the next. */
  #artifacts(): Pick<EnvironmentState, "artifacts"> {
    const artifact = egressArtifact(this.#egress.take());
    return artifact === null ? {} : { artifacts: [artifact] };
  }

  #present(): Sandbox {
    if (this.#sandbox !== null) return this.#sandbox;
    throw new HindcastError({
      code: "ENVIRONMENT_UNAVAILABLE",
      boundary: "environment",
      message: `environment ${this.#options.id} has no world yet: call reset or restore first`,
    });
  }

  #command(script: string): Command {
    const { stepTimeMs, observationBytesMax, outputBytesMax } = this.#options.limits;
    return {
      script,
      timeoutMs: stepTimeMs,
      outputBytesMax: observationBytesMax,
      // What is left of the episode's allowance; a command that only just reaches it still shows its start.
      outputBytesKill: Math.max(outputBytesMax - this.#bytesPrinted, observationBytesMax),
    };
  }

  #observation(result: ExecResult): ShellObservation {
    const { output, cutAt, outputBytes, exitCode, killed, workingDirectory } = result;
    const gap = cutAt === null ? null : { at: cutAt, bytes: Math.max(outputBytes - output.byteLength, 0) };
    const shown = terminalText({ bytes: output, gap }, this.#options.limits.observationBytesMax);
    return { kind: "shell", exitCode, killed, workingDirectory: nameText(workingDirectory), ...shown };
  }
}

function unsupported(what: string): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_ACTION_UNSUPPORTED",
    boundary: "environment",
    message: `the shell environment does not know ${what}`,
  });
}

function setupFailed(message: string, cause?: unknown): HindcastError {
  return new HindcastError({ code: "ENVIRONMENT_SETUP_FAILED", boundary: "environment", message, cause });
}
