// The two pools of stage tasks. What waits for batches of model calls waits for hours: it needs many slots, must not hold
// up the stages that are answered in seconds, and outlives many a coordinator.
import { batchedStagePool, type CampaignSettings, limits, type Pool, stagePool } from "@hindcast/shared";
import type { LeaseLoopOptions } from "@hindcast/shared/node";

/** How a coordinator works on each pool. */
export const stagePools: readonly Pick<LeaseLoopOptions, "pool" | "slots" | "workingEveryMs" | "deliveriesMax">[] = [
  { pool: stagePool, slots: limits.stageSlotsMax, workingEveryMs: limits.stageWorkingEveryMs },
  { pool: batchedStagePool, slots: limits.batchedStageSlotsMax, deliveriesMax: limits.batchedStageDeliveriesMax },
];

/** The pool of a stage that makes calls of these purposes. */
export function stagePoolOf(
  { batch }: CampaignSettings,
  purposes: readonly CampaignSettings["batch"]["purposes"][number][],
): Pool {
  return batch.purposes.some((purpose) => purposes.includes(purpose)) ? batchedStagePool : stagePool;
}

/** Time to live of the lease on a task, in milliseconds: less than its pool's ack_wait. */
export function stageLeaseTtlMs(pool: Pool): number {
  return pool === batchedStagePool ? limits.leaseTtlMs : limits.coordinatorLeaseTtlMs;
}
