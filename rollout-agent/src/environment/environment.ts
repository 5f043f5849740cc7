import type {
  Action,
  EnvironmentSpec,
  EpisodeLimits,
  Evaluation,
  Observed,
  TaskReference,
  Trajectory,
} from "@hindcast/shared";
import type { ModelSource } from "@hindcast/shared/node";

/** A file that an episode stores as a blob. */
export interface WorldFile {
  name: string;
  mediaType: string;
  bytes: Uint8Array;
}

/** What an episode asks of a world. Snapshots are bytes here; the episode stores them as blobs. */
export interface EnvironmentState extends Omit<Observed, "snapshot" | "artifacts"> {
  /** Takes the image of this state when called; null where it is too large or cannot be taken. */
  snapshot: (signal: AbortSignal) => Promise<Uint8Array | null>;
  /** Files that belong to the observation (a screenshot, a network log), stored as blobs beside it. */
  artifacts?: readonly WorldFile[];
}

/** What an evaluator judges. */
export interface EvaluationRequest {
  reference: TaskReference | null;
  /** What the policy answered with `stop`; null where it gave no answer or did not stop. */
  answer: string | null;
  trajectory: Trajectory;
  /** Models by name, on the episode's account; absent: nobody can be asked. */
  judge?: ModelSource;
}

export interface EnvironmentStep extends EnvironmentState {
  /** The environment itself ended the episode. */
  terminated: boolean;
  /** Bytes that the action printed in all. */
  outputBytes: number;
}

export interface EnvironmentOptions {
  /** Unique per episode and attempt: names the sandbox. */
  id: string;
  spec: EnvironmentSpec;
  limits: EpisodeLimits;
}

/** reset / step over some world (the `E` of paper §2.1). */
export interface Environment extends AsyncDisposable {
  /** Whether equal actions in equal states print equal texts: no clock, no process number, no order of a directory. */
  readonly isTextRepeatable: boolean;
  /** @throws ENVIRONMENT_SETUP_FAILED when a setup command fails (the task is unavailable, not failed). */
  reset(signal: AbortSignal): Promise<EnvironmentState>;
  /** Continues from an image instead of the start state. */
  restore(snapshot: Uint8Array, signal: AbortSignal): Promise<EnvironmentState>;
  /** @throws ENVIRONMENT_ACTION_UNSUPPORTED for an action of another world. */
  step(action: Action, signal: AbortSignal): Promise<EnvironmentStep>;
  /** What the world tells about itself once it is reset (its tools, say), beside the description of its kind. */
  readonly description?: string;
  /** Judges the present state. @returns `unknown` for a reference of another world's kind */
  evaluate(request: EvaluationRequest, signal: AbortSignal): Promise<Evaluation>;
  /** What `evaluate` judged, once it was called, where that is a file; stored with what it found. */
  readonly submission?: WorldFile | null;
  close(): Promise<void>;
}

export interface EnvironmentProvider {
  readonly kind: EnvironmentSpec["kind"];
  problems(): Promise<string[]>;
  create(options: EnvironmentOptions): Environment;
}
