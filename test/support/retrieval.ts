// Demonstrations and queries for tests of retrieval, said in the words that retrieval reads.
import {
  type CampaignId,
  type Demonstration,
  type DemonstrationStep,
  type DocumentId,
  type EpisodeId,
  type RetrievalQuery,
  Sha256,
  type TaskId,
} from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import { anInstruction } from "./builders.ts";
import { aDemonstration } from "./messages.ts";

export interface DemonstrationWords {
  environment?: string;
  campaign?: string;
  document?: string;
  task?: string;
  episode?: string;
  kind?: Demonstration["instruction"]["kind"];
  replay?: Demonstration["replay"];
  models?: Record<string, string>;
  instruction?: string;
  /** Text of `o_0`. */
  initial?: string;
  steps?: { command?: string; observation?: string; summary?: string; reason?: string }[];
  answer?: string | null;
}

/** Observations are notices, whose text form is the text itself. */
export function aDemonstrationOf(n: number | string, words: DemonstrationWords = {}): Demonstration {
  const base = aDemonstration(n);
  const steps = (words.steps ?? [{}]).map(
    ({ command = "ls", observation = "", summary = "", reason = "" }): DemonstrationStep => ({
      reason,
      action: { kind: "shell", command },
      observation: { kind: "notice", text: observation },
      stateHash: Sha256.parse(sha256Hex(observation)),
      summary,
    }),
  );
  return {
    ...base,
    environment: words.environment ?? "shell",
    campaignId: (words.campaign ?? "c-0001") as CampaignId,
    instruction: anInstruction({ kind: words.kind ?? "new-task", text: words.instruction ?? "Do something" }),
    initial: { kind: "notice", text: words.initial ?? "" },
    steps,
    answer: words.answer ?? null,
    replay: words.replay ?? "verified",
    lineage: {
      ...base.lineage,
      documentId: (words.document ?? "doc-1") as DocumentId,
      taskId: (words.task ?? `task-${n}`) as TaskId,
      episodeId: (words.episode ?? `ep-${n}`) as EpisodeId,
      models: words.models ?? {},
    },
  };
}

export function aRetrievalQuery(partial: Partial<RetrievalQuery> = {}): RetrievalQuery {
  return {
    environment: "shell",
    observation: null,
    query: null,
    observationBased: 5,
    modelBased: 5,
    filter: null,
    exclude: { demonstrations: [], tasks: [], documents: [], episodes: [] },
    perTrajectoryMax: 50,
    tokenBudget: 1_000_000,
    ranking: { fusion: "paper", rrfK: 60, mmrLambda: null, utilityWeight: 0 },
    window: null,
    explain: false,
    mode: "auto",
    ...partial,
  };
}
