import type { ModelCall, RolloutTask, Trajectory } from "@hindcast/shared";
import type { RetrievedDemonstration } from "../policy/policy.ts";

export interface Retrieval {
  demonstrations: RetrievedDemonstration[];
  /** The query-writing call of model-based retrieval, when there was one. */
  calls: ModelCall[];
}

/** Lines 4–6 of the paper's Algorithm 2: which demonstrations the policy sees at this step. */
export interface Retriever {
  demonstrationsFor(task: RolloutTask, trajectory: Trajectory, signal: AbortSignal): Promise<Retrieval>;
}

/** Retrieval off. */
export const noRetriever: Retriever = {
  demonstrationsFor: () => Promise.resolve({ demonstrations: [], calls: [] }),
};
