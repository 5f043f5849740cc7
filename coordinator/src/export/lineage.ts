import type { Demonstration } from "@hindcast/shared";

/**
 * Where a row comes from, under the names that exported files use (snake case: they are read from Python).
 * Lists instead of open records, so that every row has the same columns in every reader. Times, attempts and costs are
 * not in it: they are of the run, which another one with the same seed does not repeat (`run-facts.ts`).
 */
export interface Lineage {
  demonstration_id: string;
  campaign_id: string;
  document_id: string;
  document_source: string;
  task_id: string;
  task_instruction: string;
  instruction_id: string;
  instruction_kind: string;
  episode_id: string;
  /** Observation indices, inclusive at both ends. */
  window_from: number;
  window_to: number;
  kept_steps: number[];
  models: { purpose: string; model: string }[];
  prompt_hashes: { purpose: string; sha256: string }[];
  votes: { judge: string; answer: string; score: number | null; reason: string }[];
  score: number;
  replay: string;
  is_offline: boolean;
  license_note: string;
}

export function lineageOf(demonstration: Demonstration): Lineage {
  const { lineage, instruction } = demonstration;
  return {
    demonstration_id: demonstration.id,
    campaign_id: demonstration.campaignId,
    document_id: lineage.documentId,
    document_source: lineage.documentSource,
    task_id: lineage.taskId,
    task_instruction: lineage.taskInstruction,
    instruction_id: instruction.id,
    instruction_kind: instruction.kind,
    episode_id: lineage.episodeId,
    window_from: lineage.from,
    window_to: lineage.to,
    kept_steps: lineage.keptSteps,
    models: sortedEntries(lineage.models).map(([purpose, model]) => ({ purpose, model })),
    prompt_hashes: sortedEntries(lineage.promptHashes).map(([purpose, sha256]) => ({ purpose, sha256 })),
    votes: lineage.verdicts.map(({ judge, answer, score, reason }) => ({ judge, answer, score, reason })),
    score: demonstration.score,
    replay: demonstration.replay,
    is_offline: lineage.isOffline,
    license_note: licenseNote(demonstration),
  };
}

/** What a reader has to know before using the row, in one sentence. */
function licenseNote({ lineage }: Demonstration): string {
  if (lineage.isOffline) return "offline rules, no LLM; the source document's own license applies";
  const models = [...new Set(Object.values(lineage.models))].toSorted().join(", ");
  return `contains output of ${models}; the providers' terms and the source document's own license apply`;
}

function sortedEntries(record: Record<string, string>): [string, string][] {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
