// Builders of the domain's nouns with sensible defaults: a test states only what it is about.
import type {
  Action,
  CampaignId,
  DocumentId,
  EpisodeId,
  EpisodeLimits,
  Instruction,
  InstructionId,
  Observed,
  ReplayTask,
  RolloutTask,
  Sha256,
  ShellObservation,
  Step,
  TaskId,
  Trajectory,
} from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";

export const someLimits: EpisodeLimits = {
  stepsMax: 20,
  tokensMax: 1_000_000,
  costUsdMax: null,
  wallTimeMs: 60_000,
  stepTimeMs: 10_000,
  observationBytesMax: 16_000,
  outputBytesMax: 10_000_000,
  memoryBytesMax: 512 * 1024 * 1024,
  diskBytesMax: 128 * 1024 * 1024,
  processesMax: 128,
  formatErrorsMax: 3,
  snapshotEverySteps: 1,
  snapshotBytesMax: 32 * 1024 * 1024,
};

export const stateHash = (name: string): Sha256 => sha256Hex(name) as Sha256;

export function aShellObservation(partial: Partial<ShellObservation> = {}): ShellObservation {
  return {
    kind: "shell",
    text: "",
    exitCode: 0,
    killed: null,
    workingDirectory: "/workspace",
    omittedBytes: 0,
    ...partial,
  };
}

/** `state` names the world's state; equal names are equal states. */
export function anObserved({
  state = "start",
  ...shell
}: Partial<ShellObservation> & { state?: string } = {}): Observed {
  return {
    observation: aShellObservation({ exitCode: null, ...shell }),
    stateHash: stateHash(state),
    effects: [],
    effectsOmitted: 0,
    snapshot: null,
  };
}

export interface StepWords extends Partial<ShellObservation> {
  command: string;
  /** The state that the step leads to. */
  state: string;
}

export function aTrajectory(...steps: StepWords[]): Trajectory {
  return { initial: anObserved(), steps: steps.map((words, position) => aStep(position + 1, words)) };
}

export function aStep(index: number, { command, state, ...shell }: StepWords): Step {
  const action: Action = { kind: "shell", command };
  return {
    index,
    turn: { reason: "because", action, calls: [], retrieved: [] },
    observed: anObserved({ state, exitCode: 0, ...shell }),
    timings: { retrieveMs: 0, actMs: 0, environmentMs: 0 },
  };
}

export function anInstruction(partial: Partial<Instruction> = {}): Instruction {
  return {
    id: "ins-1" as InstructionId,
    kind: "self-instruct",
    text: "Create the file a.txt",
    asksForAnswer: false,
    expectedResult: null,
    guidance: [],
    documentId: "doc-1" as DocumentId,
    ...partial,
  };
}

export function aRolloutTask(partial: Partial<RolloutTask> = {}): RolloutTask {
  return {
    v: 1,
    kind: "rollout",
    taskId: "task-1" as TaskId,
    episodeId: "ep-1" as EpisodeId,
    campaignId: "c-0001" as CampaignId,
    pool: "shell",
    environment: { kind: "shell", files: [], setup: [] },
    limits: someLimits,
    traceparent: null,
    instruction: anInstruction(),
    use: "learn",
    model: "offline:rules",
    retrieval: null,
    excludeFromRetrieval: { taskIds: [], documentIds: [] },
    reference: null,
    seed: 0,
    ...partial,
  };
}

export function aReplayTask(partial: Partial<ReplayTask> = {}): ReplayTask {
  return {
    v: 1,
    kind: "replay",
    taskId: "task-1" as TaskId,
    episodeId: "ep-1" as EpisodeId,
    campaignId: "c-0001" as CampaignId,
    pool: "shell",
    environment: { kind: "shell", files: [], setup: [] },
    limits: someLimits,
    traceparent: null,
    from: 0,
    snapshot: null,
    startStateHash: stateHash("start"),
    steps: [{ action: { kind: "shell", command: "touch a" }, stateHash: stateHash("a"), exitCode: 0 }],
    ...partial,
  };
}
