import { createHash } from "node:crypto";
import {
  Demonstration,
  EpisodeEnded,
  noUsage,
  Sha256,
  Trajectory,
  type ModelCall,
  type Observed,
  type ShellObservation,
} from "@hindcast/shared";
import type { EpisodeExport } from "../../../coordinator/src/export/atif-episode.ts";

const sha256 = (text: string): Sha256 => Sha256.parse(createHash("sha256").update(text).digest("hex"));

export function aShellObservation(overrides: Partial<ShellObservation> = {}): ShellObservation {
  return {
    kind: "shell",
    text: "",
    exitCode: 0,
    killed: null,
    workingDirectory: "/workspace",
    omittedBytes: 0,
    ...overrides,
  };
}

/** A demonstration of two steps that answers a question, made by offline rules; valid by its schema. */
export function aDemonstration(overrides: Partial<Demonstration> = {}): Demonstration {
  return Demonstration.parse({
    v: 1,
    id: "demo-1",
    campaignId: "c-1",
    environment: "shell",
    instruction: {
      id: "ins-1",
      kind: "new-task",
      text: "Set the package's license to MIT and say what it is now.",
      asksForAnswer: true,
      expectedResult: "package.json has the license MIT",
      guidance: [],
      documentId: "doc-1",
    },
    initial: aShellObservation({ exitCode: null }),
    initialStateHash: sha256("state 0"),
    steps: [
      {
        reason: "`npm pkg set` writes a field of package.json.",
        action: { kind: "shell", command: "npm pkg set license=MIT" },
        observation: aShellObservation(),
        stateHash: sha256("state 1"),
        summary: "package.json now has the license MIT.",
      },
      {
        reason: "The field is read back.",
        action: { kind: "shell", command: "npm pkg get license" },
        observation: aShellObservation({ text: '"MIT"\n' }),
        stateHash: sha256("state 1"),
        summary: "The license was shown.",
      },
    ],
    answer: "MIT",
    replay: "verified",
    score: 4.5,
    lineage: {
      documentId: "doc-1",
      documentSource: "commands/npm-pkg.md",
      taskId: "task-1",
      taskInstruction: "Manage the fields of a package.json.",
      episodeId: "ep-1",
      attempt: 1,
      from: 1,
      to: 3,
      keptSteps: [2, 3],
      models: { act: "offline:rules", judge: "offline:rules" },
      promptHashes: { act: sha256("act"), judge: sha256("judge") },
      verdicts: [
        {
          judge: "offline:rules",
          answer: "yes",
          checklist: [{ item: "license is MIT", met: true }],
          criteria: { aligned: true, coherent: true, natural: true, reasonable: true },
          score: 4,
          reason: "Every point is met.",
          call: null,
        },
      ],
      costUsd: 0,
      isOffline: true,
    },
    createdAt: "2026-11-20T10:00:00.000Z",
    ...overrides,
  });
}

/** `count` demonstrations over `sources` source documents, each with an id and instruction of its own. */
export function demonstrations(count: number, sources: number): Demonstration[] {
  const base = aDemonstration();
  return Array.from({ length: count }, (_, index) =>
    aDemonstration({
      id: `demo-${index}` as Demonstration["id"],
      instruction: { ...base.instruction, text: `Set the license of package ${index} to MIT.` },
      lineage: { ...base.lineage, documentSource: `commands/page-${index % sources}.md` },
    }),
  );
}

export function aModelCall(overrides: Partial<ModelCall> = {}): ModelCall {
  return {
    purpose: "act",
    model: "anthropic:claude-x",
    resolvedModel: "claude-x-2026-01-01",
    requestHash: "r",
    usage: { inputTokens: 100, cacheReadTokens: 900, cacheWriteTokens: 50, outputTokens: 40 },
    costUsd: 0.0125,
    journaled: false,
    durationMs: 800,
    ...overrides,
  };
}

/** An episode of two steps, the first by a language model and the second by offline rules, that was submitted. */
export function anEpisode(overrides: Partial<EpisodeEnded> = {}): EpisodeExport {
  const observed = (text: string, state: string): Observed => ({
    observation: aShellObservation({ text }),
    stateHash: sha256(state),
    effects: [],
    effectsOmitted: 0,
    snapshot: null,
  });
  const timings = { retrieveMs: 4, actMs: 800, environmentMs: 21.5 };
  const trajectory = Trajectory.parse({
    initial: observed("", "state 0"),
    steps: [
      {
        index: 1,
        turn: {
          reason: "The field is set first.",
          action: { kind: "shell", command: "npm pkg set license=MIT" },
          calls: [aModelCall()],
          retrieved: [{ demonstrationId: "demo-7", position: 2, retriever: "observation-bm25", rank: 0, score: 3.25 }],
        },
        observed: {
          ...observed("", "state 1"),
          effects: [{ change: "modified", path: "/workspace/package.json", before: "{}", after: '{"license":"MIT"}' }],
        },
        timings,
      },
      {
        index: 2,
        turn: {
          reason: "Then it is read back.",
          action: { kind: "shell", command: "npm pkg get license" },
          calls: [aModelCall({ model: "offline:rules", resolvedModel: "offline:rules", usage: noUsage, costUsd: 0 })],
          retrieved: [],
        },
        observed: observed('"MIT"\n', "state 1"),
        timings,
      },
    ],
  });
  const ended = EpisodeEnded.parse({
    v: 1,
    kind: "episode.ended",
    campaignId: "c-1",
    taskId: "task-1",
    episodeId: "ep-1",
    workerId: "w-1",
    endedAt: "2026-11-20T10:00:00.000Z",
    durationMs: 12_345,
    attempt: 1,
    fencingToken: 3,
    reason: "submitted",
    closing: {
      reason: "Done.",
      action: { kind: "stop", answer: "MIT" },
      calls: [aModelCall({ costUsd: null })],
      retrieved: [],
    },
    answer: "MIT",
    steps: 2,
    digest: sha256("digest"),
    evaluation: { verdict: "success", evaluator: "end-state", detail: "the end states are equal" },
    usage: { inputTokens: 200, cacheReadTokens: 1800, cacheWriteTokens: 100, outputTokens: 80 },
    costUsd: null,
    error: null,
    ...overrides,
  });
  return { environment: "shell", instruction: "Set the license to MIT.", trajectory, ended };
}
