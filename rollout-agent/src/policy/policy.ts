import type { Demonstration, ModelCall, RetrievedReference, RolloutTask, Trajectory, Turn } from "@hindcast/shared";

export interface RetrievedDemonstration {
  demonstration: Demonstration;
  reference: RetrievedReference;
}

export interface PolicyContext {
  task: RolloutTask;
  trajectory: Trajectory;
  retrieved: RetrievedDemonstration[];
  stepsLeft: number;
  /** What the world tells about itself, beside the description of its kind; null where it tells nothing. */
  world: string | null;
}

/** A turn, or why there is none. `calls` holds every model call that was made either way, so no cost is lost. */
export type PolicyTurn =
  | { kind: "turn"; turn: Omit<Turn, "retrieved"> }
  | { kind: "refused"; detail: string; calls: ModelCall[] }
  | { kind: "format-limit"; detail: string; calls: ModelCall[] }
  /** The prompt no longer fits the model's context window. */
  | { kind: "token-limit"; detail: string; calls: ModelCall[] };

/** Chooses the next action (the `A` of paper §2.1). */
export interface Policy {
  /** @throws HindcastError of boundary `model` when the model cannot be reached. */
  act(context: PolicyContext, signal: AbortSignal): Promise<PolicyTurn>;
}
