// Scripted twins of the seams of an episode: they do what a test says, in memory, and note the order of what happened.
import { type BlobRef, encode, type Sha256, TrajectoryRecord } from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import type {
  Environment,
  EnvironmentState,
  EnvironmentStep,
} from "../../rollout-agent/src/environment/environment.ts";
import type { Policy, PolicyTurn } from "../../rollout-agent/src/policy/policy.ts";
import { anObserved, type StepWords } from "./builders.ts";

export class ScriptedEnvironment implements Environment {
  readonly isTextRepeatable = true;
  readonly log: string[];
  readonly #answer: (command: string) => Omit<StepWords, "command"> | Error;
  evaluation: Awaited<ReturnType<Environment["evaluate"]>> | Error = {
    verdict: "success",
    evaluator: "end-state",
    detail: "",
  };

  /** The command after which the world ends the episode. */
  endsAt: string | null = null;
  readonly #beforeStep: () => Promise<void>;

  constructor(
    log: string[],
    answer: (command: string) => Omit<StepWords, "command"> | Error = (command) => ({ state: command }),
    beforeStep: () => Promise<void> = () => Promise.resolve(),
  ) {
    this.log = log;
    this.#answer = answer;
    this.#beforeStep = beforeStep;
  }

  reset(): Promise<EnvironmentState> {
    return Promise.resolve(this.#state({ state: "start", exitCode: null }));
  }

  /** A snapshot of a scripted world is its state's name. */
  restore(snapshot: Uint8Array): Promise<EnvironmentState> {
    return Promise.resolve(this.#state({ state: new TextDecoder().decode(snapshot), exitCode: null }));
  }

  async step(action: { kind: string; command?: string }): Promise<EnvironmentStep> {
    await this.#beforeStep();
    this.log.push(`step ${action.command}`);
    const answer = this.#answer(action.command ?? "");
    if (answer instanceof Error) throw answer;
    const terminated = action.command === this.endsAt;
    return { ...this.#state({ exitCode: 0, ...answer }), terminated, outputBytes: (answer.text ?? "").length };
  }

  async evaluate(): ReturnType<Environment["evaluate"]> {
    this.log.push("evaluate");
    if (this.evaluation instanceof Error) throw this.evaluation;
    return this.evaluation;
  }

  async close(): Promise<void> {
    this.log.push("close");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #state(words: Partial<StepWords>): EnvironmentState {
    const { snapshot: _, artifacts: __, ...observed } = anObserved(words);
    return { ...observed, snapshot: () => Promise.resolve(new TextEncoder().encode(words.state)) };
  }
}

/** Plays commands in order (`stop` ends), or whatever else it is given; after the last it repeats it. */
export class ScriptedPolicy implements Policy {
  readonly #log: string[];
  readonly #script: readonly (string | PolicyTurn | Error | ((signal: AbortSignal) => Promise<PolicyTurn>))[];
  #position = 0;

  constructor(
    log: string[],
    ...script: (string | PolicyTurn | Error | ((signal: AbortSignal) => Promise<PolicyTurn>))[]
  ) {
    this.#log = log;
    this.#script = script;
  }

  async act(_: unknown, signal: AbortSignal): Promise<PolicyTurn> {
    const line = this.#script[Math.min(this.#position, this.#script.length - 1)];
    this.#position += 1;
    if (line instanceof Error) throw line;
    if (typeof line === "function") return line(signal);
    if (typeof line !== "string") return line ?? turnOf("stop");
    this.#log.push(`act ${line}`);
    return turnOf(line);
  }
}

export function turnOf(line: string): PolicyTurn {
  const action = line === "stop" ? { kind: "stop" as const, answer: null } : { kind: "shell" as const, command: line };
  return { kind: "turn", turn: { reason: "scripted", action, calls: [] } };
}

/** The two stores that a recorder writes to, in memory. */
export class MemoryRecords {
  readonly log: string[];
  readonly records: TrajectoryRecord[] = [];

  constructor(log: string[] = []) {
    this.log = log;
  }

  readonly trajectories = {
    append: async (record: TrajectoryRecord): Promise<Uint8Array> => {
      await Promise.resolve();
      const bytes = encode(TrajectoryRecord, record);
      if (record.kind === "step.recorded") this.log.push(`record ${record.step.index}`);
      else this.log.push(record.kind === "episode.started" ? "record start" : `record ${record.kind}`);
      this.records.push(record);
      return bytes;
    },
    read: (): Promise<[]> => Promise.resolve([]),
  };

  readonly blobs = {
    put: (bytes: Uint8Array): Promise<BlobRef> =>
      Promise.resolve({ sha256: sha256Hex(bytes) as Sha256, bytes: bytes.length }),
    get: (): Promise<Uint8Array> => Promise.resolve(new Uint8Array()),
  };
}
