// Builders of what travels on the bus, beside the domain's nouns in builders.ts.
import type {
  AttemptBegun,
  AttemptDiverged,
  AttemptYielded,
  CampaignId,
  Demonstration,
  DemonstrationId,
  DocumentId,
  EpisodeEnded,
  EpisodeId,
  EpisodeStarted,
  RolloutTask,
  Sha256,
  StepRecorded,
  TaskId,
  WorkerId,
} from "@hindcast/shared";
import { anInstruction, anObserved, aRolloutTask, aShellObservation, aStep, stateHash } from "./builders.ts";

const at = "2026-01-02T03:04:05.678Z";
const campaignId = "c-0001" as CampaignId;

/** Task `n` with an episode of its own. */
export function task(n: number | string, partial: Partial<RolloutTask> = {}): RolloutTask {
  return aRolloutTask({ taskId: `task-${n}` as TaskId, episodeId: `ep-${n}` as EpisodeId, ...partial });
}

export function anEpisodeEnded(partial: Partial<EpisodeEnded> = {}): EpisodeEnded {
  return {
    v: 1,
    kind: "episode.ended",
    campaignId,
    taskId: "task-1" as TaskId,
    episodeId: "ep-1" as EpisodeId,
    workerId: "w-1" as WorkerId,
    endedAt: at,
    durationMs: 1,
    attempt: 1,
    fencingToken: 1,
    reason: "submitted",
    closing: null,
    answer: null,
    steps: 0,
    digest: "0".repeat(64) as Sha256,
    evaluation: null,
    usage: { inputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 0 },
    costUsd: 0,
    error: null,
    ...partial,
  };
}

const recordHead = {
  v: 1 as const,
  campaignId,
  taskId: "task-1" as TaskId,
  episodeId: "ep-1" as EpisodeId,
  attempt: 1,
  workerId: "w-1" as WorkerId,
  fencingToken: 1,
  recordedAt: at,
};

export function anEpisodeStarted(partial: Partial<EpisodeStarted> = {}): EpisodeStarted {
  return { ...recordHead, kind: "episode.started", initial: anObserved(), resumedFrom: null, ...partial };
}

export function anAttemptBegun(partial: Partial<AttemptBegun> = {}): AttemptBegun {
  return { ...recordHead, kind: "attempt.begun", delivery: 1, ...partial };
}

export function anAttemptYielded(): AttemptYielded {
  return { ...recordHead, kind: "attempt.yielded" };
}

export function anAttemptDiverged(partial: Partial<AttemptDiverged> = {}): AttemptDiverged {
  const from = { attempt: 1, fencingToken: 1 };
  return { ...recordHead, kind: "attempt.diverged", from, step: 1, detail: "another state", ...partial };
}

export function aStepRecorded(index: number, partial: Partial<StepRecorded> = {}): StepRecorded {
  const step = aStep(index, { command: `echo ${index}`, state: `s${index}` });
  return { ...recordHead, kind: "step.recorded", step, ...partial };
}

export function aDemonstration(n: number | string, partial: Partial<Demonstration> = {}): Demonstration {
  const action = { kind: "shell" as const, command: "ls" };
  return {
    v: 1,
    id: `demo-${n}` as DemonstrationId,
    campaignId,
    environment: "shell",
    instruction: anInstruction({ kind: "new-task" }),
    initial: aShellObservation({ exitCode: null }),
    initialStateHash: stateHash("start"),
    steps: [{ reason: "look", action, observation: aShellObservation(), stateHash: stateHash("end"), summary: "" }],
    answer: null,
    replay: "verified",
    score: 5,
    lineage: {
      documentId: "doc-1" as DocumentId,
      documentSource: "a.md",
      taskId: "task-1" as TaskId,
      taskInstruction: "List the files",
      episodeId: "ep-1" as EpisodeId,
      attempt: 1,
      from: 0,
      to: 1,
      keptSteps: [1],
      models: {},
      promptHashes: {},
      verdicts: [],
      costUsd: 0,
      isOffline: true,
    },
    createdAt: at,
    benchmark: null,
    application: null,
    split: null,
    utility: null,
    ...partial,
  };
}
