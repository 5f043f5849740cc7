// A worker that crashed and was started again under its name knows what nobody else can know before the leases run out:
// that the one before is gone. It gives back what that one held, so that the episodes go on in seconds.
import { type Held, HindcastError, leaseOf, messageOf, type WorkerId, WorkerRecord } from "@hindcast/shared";
import type { Bus, Lease, Logger } from "@hindcast/shared/node";

export interface PredecessorOptions {
  bus: Pick<Bus, "records" | "leases" | "tasks" | "trajectories">;
  workerId: WorkerId;
  logger: Logger;
}

/**
 * To be called before this worker announces itself. Rests on nothing but speed: a lease that another worker has by now
 * is left alone, a closed one too, and were the one before still alive, it would find its lease lost like any zombie.
 * @returns how many tasks were given back. Never rejects: what fails here comes back after `ack_wait`.
 */
export async function handBackOfPredecessor(options: PredecessorOptions): Promise<number> {
  const { bus, workerId, logger } = options;
  let handedBack = 0;
  try {
    const before = await bus.records("WORKERS", WorkerRecord).get(workerId);
    for (const held of before?.value.holding ?? []) handedBack += Number(await handBack(options, held));
    if (handedBack > 0) logger.info({ event: "predecessor.handed-back", tasks: handedBack });
  } catch (error) {
    logger.warn({ event: "predecessor.left", err: error }, messageOf(error));
  }
  return handedBack;
}

async function handBack(options: PredecessorOptions, held: Held): Promise<boolean> {
  const { bus, workerId } = options;
  const { episodeId, taskId, receipt } = held;
  const name = episodeId === null ? leaseOf.task(taskId) : leaseOf.episode(episodeId);
  const acquisition = await bus.leases.acquire(name, workerId);
  if (acquisition.kind === "held") return false;
  if (acquisition.kind === "acquired") {
    const { lease } = acquisition;
    try {
      await noteDeath(options, held, lease);
    } finally {
      await lease.release();
    }
  }
  bus.tasks.handBackFor(receipt);
  return true;
}

/** A record under the newer token: should the one before be alive after all, what it stores from here on does not count. */
async function noteDeath({ bus, workerId }: PredecessorOptions, held: Held, { token }: Lease): Promise<void> {
  const { episodeId, campaignId, taskId, delivery } = held;
  if (episodeId === null) return;
  const records = await bus.trajectories.read(campaignId, episodeId);
  const attempt = Math.max(0, ...records.map(({ record }) => record.attempt));
  // Nothing was recorded, so there is nothing to continue.
  if (attempt === 0) return;
  const error = new HindcastError({
    code: "ENVIRONMENT_LOST",
    boundary: "environment",
    message: `${workerId} ended without a word; it was started again`,
    retryable: true,
  });
  await bus.trajectories.append({
    v: 1,
    kind: "attempt.failed",
    campaignId,
    taskId,
    episodeId,
    attempt,
    workerId,
    fencingToken: token,
    recordedAt: new Date().toISOString(),
    delivery,
    error: error.toWire(),
  });
}
