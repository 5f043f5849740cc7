// A shell world in memory: its state is the chain of the commands that were run in it, so every difference in what
// happened to it shows in its hash.
import { setTimeout as delay } from "node:timers/promises";
import type { Sha256 } from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import type {
  Environment,
  EnvironmentProvider,
  EnvironmentState,
  EnvironmentStep,
} from "../../../rollout-agent/src/environment/environment.ts";

export interface WorldOptions {
  /** Virtual milliseconds of one action. */
  stepMs: () => number;
  /** Whether a snapshot comes back as another world than the one that was recorded, this time. */
  diverges: (id: string) => boolean;
  /** Told of each world that is opened and closed. */
  onOpen: (id: string) => void;
  onClose: (id: string) => void;
  /** False: what is closed stays open. */
  isClosing: boolean;
}

export function simulatedWorlds(options: WorldOptions): EnvironmentProvider {
  return {
    kind: "shell",
    problems: () => Promise.resolve([]),
    create: ({ id }) => new SimulatedWorld(id, options),
  };
}

class SimulatedWorld implements Environment {
  readonly isTextRepeatable = true;
  readonly #id: string;
  readonly #options: WorldOptions;
  #state = "start";
  #isOpen = true;

  constructor(id: string, options: WorldOptions) {
    this.#id = id;
    this.#options = options;
    options.onOpen(id);
  }

  async reset(signal: AbortSignal): Promise<EnvironmentState> {
    await delay(this.#options.stepMs(), undefined, { signal });
    this.#state = "start";
    return this.#observed("", null);
  }

  async restore(snapshot: Uint8Array, signal: AbortSignal): Promise<EnvironmentState> {
    await delay(this.#options.stepMs(), undefined, { signal });
    this.#state = `${Buffer.from(snapshot).toString()}${this.#options.diverges(this.#id) ? " (something else)" : ""}`;
    return this.#observed("", null);
  }

  async step(action: Parameters<Environment["step"]>[0], signal: AbortSignal): Promise<EnvironmentStep> {
    await delay(this.#options.stepMs(), undefined, { signal });
    const command = action.kind === "shell" ? action.command : action.kind;
    this.#state = `${this.#state}; ${command}`;
    const text = `${command} made ${sha256Hex(this.#state).slice(0, 8)}`;
    return { ...this.#observed(text, 0), terminated: false, outputBytes: text.length };
  }

  evaluate(): ReturnType<Environment["evaluate"]> {
    return Promise.resolve({ verdict: "success", evaluator: "end-state", detail: "" });
  }

  close(): Promise<void> {
    if (!this.#options.isClosing) return Promise.resolve();
    if (this.#isOpen) this.#options.onClose(this.#id);
    this.#isOpen = false;
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #observed(text: string, exitCode: number | null): EnvironmentState {
    const image = Buffer.from(this.#state);
    return {
      observation: { kind: "shell", text, exitCode, killed: null, workingDirectory: "/workspace", omittedBytes: 0 },
      stateHash: sha256Hex(image) as Sha256,
      effects: [],
      effectsOmitted: 0,
      snapshot: () => Promise.resolve(image),
    };
  }
}
