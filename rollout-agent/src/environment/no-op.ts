// A world without a world: every action is answered with the same number of bytes. It shows what the rest of the
// system costs per step, and lets protocol tests run where no sandbox can be opened.
import { type Action, actionText, type Evaluation, HindcastError, type NoOpSpec, Sha256 } from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import type { Environment, EnvironmentProvider, EnvironmentState, EnvironmentStep } from "./environment.ts";

const workingDirectory = "/";

export const noOpProvider: EnvironmentProvider = {
  kind: "no-op",
  problems: () => Promise.resolve([]),
  create: ({ spec, id }) => {
    if (spec.kind !== "no-op") throw unsupported(`a world of kind "${spec.kind}" (${id})`);
    return new NoOpEnvironment(spec);
  },
};

/** Its state is the list of actions so far, folded into a hash; a snapshot is that hash. */
class NoOpEnvironment implements Environment {
  readonly isTextRepeatable = true;
  readonly #spec: NoOpSpec;
  #state = Sha256.parse(sha256Hex("no-op"));

  constructor(spec: NoOpSpec) {
    this.#spec = spec;
  }

  reset(signal: AbortSignal): Promise<EnvironmentState> {
    signal.throwIfAborted();
    return Promise.resolve(this.#observed("", null));
  }

  restore(snapshot: Uint8Array, signal: AbortSignal): Promise<EnvironmentState> {
    signal.throwIfAborted();
    this.#state = Sha256.parse(Buffer.from(snapshot).toString("utf8"));
    return Promise.resolve(this.#observed("", null));
  }

  step(action: Action, signal: AbortSignal): Promise<EnvironmentStep> {
    signal.throwIfAborted();
    if (action.kind !== "shell") throw unsupported(`an action of kind "${action.kind}"`);
    this.#state = Sha256.parse(sha256Hex(`${this.#state}${actionText(action)}`));
    const text = actionText(action).padEnd(this.#spec.outputBytes, ".").slice(0, this.#spec.outputBytes);
    return Promise.resolve({ ...this.#observed(text, 0), terminated: false, outputBytes: Buffer.byteLength(text) });
  }

  evaluate(): Promise<Evaluation> {
    return Promise.resolve({ verdict: "unknown", evaluator: "no-op", detail: "a world without a world has no goal" });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #observed(text: string, exitCode: number | null): EnvironmentState {
    const stateHash = this.#state;
    return {
      observation: { kind: "shell", text, exitCode, killed: null, workingDirectory, omittedBytes: 0 },
      stateHash,
      effects: [],
      effectsOmitted: 0,
      snapshot: () => Promise.resolve(Buffer.from(stateHash)),
    };
  }
}

function unsupported(what: string): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_ACTION_UNSUPPORTED",
    boundary: "environment",
    message: `the no-op environment does not know ${what}`,
  });
}
