// The prompts of the paper's Tables 29–35 as values: how an input becomes a request and an answer becomes a value.
// Each lives in a file of its own here; `ask` (ask.ts) runs one against a model.
import type { z } from "zod";
import type { Action } from "../../domain/action.ts";
import type { Scene } from "../../domain/campaign-world.ts";
import type { Demonstration } from "../../domain/demonstration.ts";
import type { Document } from "../../domain/document.ts";
import type { SeedFile } from "../../domain/environment-spec.ts";
import type { Observed } from "../../domain/observation.ts";
import type { RetrievedReference, Trajectory } from "../../domain/trajectory.ts";
import type { Purpose } from "../../domain/usage.ts";
import type { Criterion } from "../../domain/verdict.ts";
import type { ModelMessage } from "../model/model.ts";

export interface Prompt<Input, Output> {
  purpose: Purpose;
  /** SHA-256 of the template's words: lineage says which were used. */
  hash: string;
  outputTokensMax: number;
  render(input: Input): { system: string; messages: ModelMessage[] };
  output: { kind: "text"; parse: (text: string) => Output } | { kind: "json"; name: string; schema: z.ZodType<Output> };
}

/** Table 29. */
export interface SelfInstructInput {
  document: Document;
  count: number;
  /** What the environment is and can do, in a few lines (from `environmentDescription`). */
  environment: string;
}

/** Table 29 for a world whose tasks begin in scenes of its own. */
export interface SelfInstructInWorldInput extends SelfInstructInput {
  scenes: readonly Pick<Scene, "id" | "description" | "statesGoal">[];
}

export interface ProposedTask {
  instruction: string;
  asksForAnswer: boolean;
  expectedResult: string;
  /** Commands that the document spells out for it, in order; empty where it spells out none. */
  guidance: string[];
  /** Start state: files and setup commands, so that the task makes sense. */
  files: SeedFile[];
  setup: string[];
  /** In a world: the scene that it begins in, which stands for files and setup. */
  scene?: string | undefined;
  /** What the task needs that an environment may lack. */
  needs: ("network" | "credentials" | "display" | "root" | "interaction")[];
}
export interface SelfInstructOutput {
  tasks: ProposedTask[];
}

/** A held-out task with commands whose end state defines success. Not in the paper. */
export interface EvaluationTaskInput {
  document: Document;
  /**
   * `instance-disjoint`: vary `learned` (same features; other names, values, wording and start state).
   * `document-disjoint`: `learned` is null; take a task from the document itself.
   */
  learned: { instruction: string; guidance: string[]; files: SeedFile[]; setup: string[] } | null;
  count: number;
  environment: string;
  seed: number;
}
export interface EvaluationTaskProposal {
  instruction: string;
  files: SeedFile[];
  setup: string[];
  referenceCommands: string[];
}
export interface EvaluationTaskOutput {
  tasks: EvaluationTaskProposal[];
}

/** Tables 32–34. */
export interface ActInput {
  instruction: string;
  asksForAnswer: boolean;
  guidance: string[];
  trajectory: Trajectory;
  demonstrations: { demonstration: Demonstration; reference: RetrievedReference }[];
  environment: string;
  stepsLeft: number;
  /** What was wrong with the previous answer(s) of this very step, oldest first. */
  problems: string[];
}
export type ActOutput = { kind: "turn"; reason: string; action: Action } | { kind: "unparsable"; problem: string };

/** Table 35. */
export interface RetrievalQueryInput {
  instruction: string;
  trajectory: Trajectory;
}

/** NNetNav's change summariser: once per transition, read by every later prompt. */
export interface SummariseTransitionInput {
  before: Observed;
  action: Action;
  after: Observed;
}

/** Table 30, first kind; `trajectory` is the window, `summaries` has one entry per step. */
export interface NewTaskInput {
  trajectory: Trajectory;
  summaries: string[];
}
export interface NewTaskOutput {
  instruction: string;
  asksForAnswer: boolean;
  /** What `stop(answer)` returns when `asksForAnswer`, taken from the window's last observation. */
  answer: string | null;
  expectedResult: string;
}

export interface RewriteReasonsInput {
  instruction: string;
  trajectory: Trajectory;
  summaries: string[];
}
export interface RewriteReasonsOutput {
  /** One per step. */
  reasons: string[];
}

/** Table 31, with the checklist before the verdict (WebJudge's key points). */
export interface JudgeInput {
  instruction: string;
  expectedResult: string | null;
  trajectory: Trajectory;
  summaries: string[];
  answer: string | null;
}
export interface JudgeOutput {
  checklist: { item: string; met: boolean }[];
  criteria: Record<Criterion, boolean>;
  score: number;
  reason: string;
  verdict: "yes" | "no";
}
