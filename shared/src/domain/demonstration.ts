import { z } from "zod";
import { Action, actionText } from "./action.ts";
import { CampaignId, DemonstrationId, DocumentId, EpisodeId, Sha256, TaskId, Timestamp } from "./ids.ts";
import { Instruction } from "./instruction.ts";
import { Observation, observationText } from "./observation.ts";
import { Verdict } from "./verdict.ts";

/**
 * Result of re-executing the window from its start state in a fresh sandbox: a check that needs no model. `unchecked`
 * where the campaign's settings turned it off, as the paper has it.
 */
export const ReplayVerdict = z.enum(["verified", "diverged", "not-replayable", "unchecked"]);
export type ReplayVerdict = z.infer<typeof ReplayVerdict>;

export const DemonstrationStep = z.strictObject({
  /** Rewritten under the demonstration's own instruction; the rollout's words served another one. */
  reason: z.string(),
  action: Action,
  observation: Observation,
  /** Where the next-state hash matters: exact duplicate states across demonstrations. */
  stateHash: Sha256,
  /** One or two sentences on what the action changed. */
  summary: z.string(),
});
export type DemonstrationStep = z.infer<typeof DemonstrationStep>;

/**
 * `e = [I', [o_0, a_1, o_1, …, a_n, o_n]]` of paper §2.1, accepted by the committee, with its lineage.
 * Everything that an export row or a retrieval answer needs is inside; nothing has to be joined.
 */
export const Demonstration = z.strictObject({
  v: z.literal(1),
  id: DemonstrationId,
  campaignId: CampaignId,
  environment: z.string(),
  instruction: Instruction,
  initial: Observation,
  initialStateHash: Sha256,
  steps: z.array(DemonstrationStep).min(1),
  /** Closing `stop(answer)` for an instruction that asks for one; null otherwise. */
  answer: z.string().nullable(),
  replay: ReplayVerdict,
  /** Mean of the judges' scores, 1 to 5. */
  score: z.number().min(1).max(5),
  lineage: z.strictObject({
    documentId: DocumentId,
    documentSource: z.string(),
    taskId: TaskId,
    taskInstruction: z.string(),
    episodeId: EpisodeId,
    attempt: z.int().positive(),
    /** Window `[from, to]` in observation indices, inclusive at both ends. */
    from: z.int().nonnegative(),
    to: z.int().positive(),
    /** The rollout's own observation indices have gaps where duplicate states were removed; these are the kept ones. */
    keptSteps: z.array(z.int().positive()),
    /** Model per purpose; `offline:rules` means no language model took part. */
    models: z.record(z.string(), z.string()),
    /** SHA-256 of each prompt template by purpose. */
    promptHashes: z.record(z.string(), z.string()),
    verdicts: z.array(Verdict),
    costUsd: z.number().nonnegative().nullable(),
    isOffline: z.boolean(),
  }),
  createdAt: Timestamp,
  /** Where the task comes from, for filters: a benchmark and its split, the application or site within it. */
  benchmark: z.string().max(256).nullable().default(null),
  application: z.string().max(256).nullable().default(null),
  split: z.string().max(256).nullable().default(null),
  /** How useful it proved to be, 0 to 1; null: the judges' score stands in, `(score − 1) / 4`. */
  utility: z.number().min(0).max(1).nullable().default(null),
});
export type Demonstration = z.infer<typeof Demonstration>;

/**
 * The one text form of a demonstration: what a prompt shows, and what retrieval counts against a token budget. The
 * interleaving is that of `trajectoryText`, with the instruction above, the reasons between, and the closing answer.
 */
export function demonstrationText(demonstration: Demonstration): string {
  const lines = [
    `Instruction: ${demonstration.instruction.text}`,
    `Observation: ${observationText(demonstration.initial)}`,
  ];
  for (const step of demonstration.steps) {
    lines.push(`Reason: ${step.reason}`, `Action: ${actionText(step.action)}`);
    lines.push(`Observation: ${observationText(step.observation)}`);
  }
  if (demonstration.answer !== null) {
    lines.push(`Action: ${actionText({ kind: "stop", answer: demonstration.answer })}`);
  }
  return lines.join("\n\n");
}

/** `o_0 … o_n`; a `RetrievedReference.position` is an index into it. */
export function observationsOf(demonstration: Demonstration): Observation[] {
  return [demonstration.initial, ...demonstration.steps.map((step) => step.observation)];
}
