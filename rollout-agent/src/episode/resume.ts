// What an attempt begins with: the steps of an earlier one, when its world can be rebuilt, or nothing.
import { HindcastError, limits } from "@hindcast/shared";
import type { AttemptBegun, RolloutTask } from "@hindcast/shared";
import { type AssembledTrajectory, type Bus, newestAttempt, type StoredRecord } from "@hindcast/shared/node";
import type { Environment } from "../environment/environment.ts";
import { type Divergence, rebuild } from "./rebuild.ts";

/** What earlier attempts at a task left. */
export interface Inheritance {
  /** The number of the attempt that begins now. */
  attempt: number;
  /** Steps that could be continued; null: there are none. */
  previous: AssembledTrajectory | null;
  /** How often an attempt could not continue because the rebuilt world differed. */
  divergences: number;
  /** Attempts before this one, in a row, that added no step and did not stop in order: what a deadly task leaves. */
  fruitless: number;
}

/**
 * @param deliveryCount which delivery of the task's message this is, from 1
 * @throws BUS_UNAVAILABLE
 */
export async function readInheritance(
  bus: { trajectories: Pick<Bus["trajectories"], "read"> },
  task: RolloutTask,
  deliveryCount: number,
): Promise<Inheritance> {
  const records = await bus.trajectories.read(task.campaignId, task.episodeId);
  const recorded = Math.max(0, ...records.map(({ record }) => record.attempt));
  const previous = newestAttempt(sinceDivergence(records));
  return {
    // Deliveries count up on redelivery, recorded attempts survive a requeue: the larger is unique to this lease.
    attempt: Math.max(deliveryCount, recorded + 1),
    previous: previous === null || previous.trajectory.steps.length === 0 ? null : previous,
    divergences: records.filter(({ record }) => record.kind === "attempt.diverged").length,
    fruitless: fruitlessBefore(records, deliveryCount),
  };
}

/**
 * Of this queueing only, in which deliveries count up: a task that somebody has requeued is given all its attempts anew.
 * What a zombie writes after the next attempt has begun is no gain of anybody's.
 */
function fruitlessBefore(records: readonly StoredRecord[], deliveryCount: number): number {
  let fruitless = 0;
  let begun: AttemptBegun | null = null;
  for (const { record } of records) {
    if (record.kind === "attempt.begun") {
      if (begun === null || record.delivery <= begun.delivery) fruitless = 0;
      fruitless += 1;
      begun = record;
    } else if (record.kind === "step.recorded" || record.kind === "attempt.yielded") {
      if (record.fencingToken === begun?.fencingToken) fruitless = 0;
    }
  }
  return begun === null || begun.delivery >= deliveryCount ? 0 : fruitless;
}

/**
 * Bounds how many workers a task may take down with it. A kill from outside looks the same, so only attempts without any
 * gain count: one that is merely unlucky adds a step now and then.
 * @throws ENVIRONMENT_DEADLY after `limits.fruitlessAttemptsMax` of them
 */
export function refuseDeadly({ fruitless, previous }: Inheritance, { episodeId }: RolloutTask): void {
  if (fruitless < limits.fruitlessAttemptsMax) return;
  throw new HindcastError({
    code: "ENVIRONMENT_DEADLY",
    boundary: "environment",
    message:
      `${fruitless} attempts at ${episodeId} ended one after the other without a step beyond ` +
      `${previous?.trajectory.steps.length ?? 0}, by a fault of their own or with their process; ` +
      `the history of its dead letter says how each ended and on which worker, and their logs may tell why`,
  });
}

/** Steps from before a divergence are not tried again; the attempt that found it started afresh. */
function sinceDivergence(records: readonly StoredRecord[]): StoredRecord[] {
  const newest = Math.max(0, ...records.map(({ record }) => (record.kind === "attempt.diverged" ? record.attempt : 0)));
  return records.filter(({ record }) => record.attempt >= newest);
}

/**
 * Rebuilds the world of the inherited steps.
 * @returns what differs, or null when `environment` stands at their end.
 * @throws ENVIRONMENT_DIVERGED when it has differed `limits.divergencesMax` times before
 */
export async function rebuildInherited(
  bus: Pick<Bus, "blobs">,
  environment: Environment,
  { previous, divergences, task }: { previous: AssembledTrajectory; divergences: number; task: RolloutTask },
  signal: AbortSignal,
): Promise<Divergence | null> {
  const divergence = await rebuild(bus, environment, previous.trajectory, signal);
  if (divergence === null || divergences < limits.divergencesMax) return divergence;
  throw new HindcastError({
    code: "ENVIRONMENT_DIVERGED",
    boundary: "environment",
    message:
      `the world of ${task.episodeId} does not repeat itself: rebuilt ${divergences + 1} times it differed each time, ` +
      `now at step ${divergence.step} (${divergence.detail}); an interrupted episode of this task cannot be continued`,
  });
}
