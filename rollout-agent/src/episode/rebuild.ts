// Brings a world to where recorded steps left it: the newest image that can still be had, then the recorded actions
// after it, each compared with its record. Two worlds are never mixed: whatever differs is said, and the caller starts
// afresh.
import { HindcastError, messageOf, observedAt } from "@hindcast/shared";
import type { Observation, Observed, Trajectory } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import type { Environment, EnvironmentState } from "../environment/environment.ts";
import { getImage } from "./snapshot-images.ts";

export interface Divergence {
  /** Index of the observation that differs. */
  step: number;
  detail: string;
}

/**
 * @returns null when `environment` stands at the end of `trajectory`, with every state and observation on the way as
 * recorded.
 * @throws what may pass (the server is away, the sandbox was killed), and the signal's reason
 */
export async function rebuild(
  bus: Pick<Bus, "blobs">,
  environment: Environment,
  trajectory: Trajectory,
  signal: AbortSignal,
): Promise<Divergence | null> {
  const { index: from, state } = await newestState(bus, environment, trajectory, signal);
  // An image shows nothing of what was printed when it was taken.
  const difference = differenceOf(observedAt(trajectory, from), state, "state");
  if (difference !== null) return { step: from, detail: difference };
  for (const { index, turn, observed } of trajectory.steps.slice(from)) {
    const repeated = await lastingFaultOf(() => environment.step(turn.action, signal), signal);
    if (repeated instanceof HindcastError) {
      return {
        step: index,
        detail: `the recorded action could not be repeated: ${messageOf(repeated)}`.slice(0, 2_000),
      };
    }
    const compared = environment.isTextRepeatable ? "text" : "outcome";
    const change = differenceOf(observed, repeated, compared);
    if (change !== null) return { step: index, detail: change };
  }
  return null;
}

/** From the newest step backwards; the start state of the task itself needs no image. */
async function newestState(
  bus: Pick<Bus, "blobs">,
  environment: Environment,
  trajectory: Trajectory,
  signal: AbortSignal,
): Promise<{ index: number; state: EnvironmentState }> {
  for (let index = trajectory.steps.length; index >= 0; index -= 1) {
    const { snapshot } = observedAt(trajectory, index);
    if (snapshot === null) continue;
    // An image that is gone or damaged costs repeated actions, not the steps.
    const restore = async (): Promise<EnvironmentState> =>
      await environment.restore(await getImage(bus.blobs, snapshot), signal);
    const state = await lastingFaultOf(restore, signal);
    if (!(state instanceof HindcastError)) return { index, state };
  }
  return { index: 0, state: await environment.reset(signal) };
}

/** What `work` gives, or the fault that will be the same at every try. */
async function lastingFaultOf<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | HindcastError> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HindcastError && !error.retryable) return error;
    throw error;
  }
}

function differenceOf(
  recorded: Observed,
  found: EnvironmentState,
  compared: "state" | "outcome" | "text",
): string | null {
  if (compared !== "state") {
    const [was, is] = [outcomeOf(recorded.observation), outcomeOf(found.observation)];
    if (was !== is) return `it ended with ${was} when it was recorded and with ${is} when it was repeated`;
  }
  if (found.stateHash !== recorded.stateHash) {
    return `the state was ${recorded.stateHash.slice(0, 12)} when it was recorded and is ${found.stateHash.slice(0, 12)} now`;
  }
  if (compared === "text" && recorded.observation.text !== found.observation.text) {
    return "what was printed when it was repeated is not what was recorded";
  }
  return null;
}

function outcomeOf(observation: Observation): string {
  switch (observation.kind) {
    case "notice":
      return "a notice";
    case "text":
      return observation.isError ? "an error" : "an answer";
    case "page":
      return observation.error === null ? "a page" : "an error";
    case "shell":
      return observation.killed === null ? `exit code ${observation.exitCode}` : `a kill (${observation.killed})`;
  }
}
