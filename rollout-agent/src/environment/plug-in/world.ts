// A plugged-in world as the environment sees it, whatever it is spoken to in: Hindcast's own protocol, MCP, AgentGym's
// or OpenEnv's HTTP. A `World` is one session of it: opened for one episode, and closed with it.
import type { ToolDescription } from "@hindcast/shared";

export interface WorldDescription {
  name: string;
  /** What an agent must know before it acts. */
  text: string;
  tools: readonly ToolDescription[];
  /** Equal actions in equal states give equal texts. */
  isDeterministic: boolean;
}

export interface WorldArtifact {
  name: string;
  mediaType: string;
  bytes: Uint8Array;
}

export interface WorldState {
  text: string;
  isError: boolean;
  isTerminated: boolean;
  /** Null where the world does not name its states. */
  stateHash: string | null;
  /** How well it went so far; null where the world does not say. */
  reward: number | null;
  /** The tools from now on; null: as before. */
  tools: readonly ToolDescription[] | null;
  artifacts: readonly WorldArtifact[];
}

export interface Judgement {
  verdict: "success" | "failure" | "unknown";
  score: number | null;
  detail: string;
}

export interface ToolCall {
  name: string;
  input: Record<string, unknown>;
}

/** Every method throws ENVIRONMENT_LOST (retryable) where the session broke: nothing of it can be used any more. */
export interface World {
  readonly description: WorldDescription;
  /** @throws ENVIRONMENT_SETUP_FAILED where the world says that this start state cannot be reached */
  reset(start: { seed: number; parameters: Record<string, unknown> }, signal: AbortSignal): Promise<WorldState>;
  step(call: ToolCall, signal: AbortSignal): Promise<WorldState>;
  /** Of the present state; null where the world cannot. */
  snapshot(signal: AbortSignal): Promise<string | null>;
  /** In the place of `reset`. */
  restore(snapshot: string, signal: AbortSignal): Promise<WorldState>;
  /** Null where the world does not judge. */
  evaluate(request: { expected: unknown; answer: string | null }, signal: AbortSignal): Promise<Judgement | null>;
  close(): Promise<void>;
}

/** What a session is opened for. */
export interface WorldContext {
  /** Unique per episode and attempt. */
  session: string;
  /** Of one step. */
  stepTimeMs: number;
  log: WorldLog;
}

export interface WorldLog {
  debug(fields: object, message?: string): void;
  warn(fields: object, message?: string): void;
}

export const plainState = (text: string): WorldState => ({
  text,
  isError: false,
  isTerminated: false,
  stateHash: null,
  reward: null,
  tools: null,
  artifacts: [],
});
