import { HindcastError, observedAt } from "@hindcast/shared";
import type { BlobRef, Observed, RolloutTask, Sha256, Trajectory } from "@hindcast/shared";
import { type AssembledTrajectory, type Bus, newestAttempt } from "@hindcast/shared/node";
import type { Environment } from "../environment/environment.ts";
import { getImage } from "./snapshot-images.ts";

export interface Beginning {
  attempt: number;
  /** Steps that stand, with the environment at their end; null: nothing to continue from, start afresh. */
  resumed: AssembledTrajectory | null;
}

/**
 * Looks for what an earlier attempt left. The environment is rebuilt from the last step's snapshot; when the rebuilt
 * state is not the recorded one (or there is no snapshot) the attempt starts afresh instead of mixing two worlds.
 */
export async function findBeginning(
  bus: Pick<Bus, "trajectories" | "blobs">,
  task: RolloutTask,
  environment: Environment,
  { deliveryCount, signal }: { deliveryCount: number; signal: AbortSignal },
): Promise<Beginning> {
  const records = await bus.trajectories.read(task.campaignId, task.episodeId);
  const recorded = Math.max(0, ...records.map(({ record }) => record.attempt));
  // Deliveries count up on redelivery, recorded attempts survive a requeue: the larger is unique to this lease.
  const attempt = Math.max(deliveryCount, recorded + 1);
  const previous = newestAttempt(records);
  if (previous === null || previous.trajectory.steps.length === 0) return { attempt, resumed: null };
  const last = lastObserved(previous.trajectory);
  if (last.snapshot === null) return { attempt, resumed: null };
  const image = { snapshot: last.snapshot, stateHash: last.stateHash };
  const isRebuilt = await isRestored(bus, environment, image, signal);
  return { attempt, resumed: isRebuilt ? previous : null };
}

/** False also when the image is gone or damaged: the steps are lost then, the task is not. */
async function isRestored(
  bus: Pick<Bus, "blobs">,
  environment: Environment,
  { snapshot, stateHash }: { snapshot: BlobRef; stateHash: Sha256 },
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const state = await environment.restore(await getImage(bus.blobs, snapshot), signal);
    return state.stateHash === stateHash;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HindcastError && !error.retryable) return false;
    throw error;
  }
}

function lastObserved(trajectory: Trajectory): Observed {
  return observedAt(trajectory, trajectory.steps.length);
}
