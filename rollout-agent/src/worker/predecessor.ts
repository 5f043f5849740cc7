// A worker that crashed and was started again under its name knows what nobody else can know before the leases run out:
// that the one before is gone. It gives back what that one held, so that the episodes go on in seconds.
import { messageOf, WorkerRecord } from "@hindcast/shared";
import type { WorkerId } from "@hindcast/shared";
import type { Bus, Logger } from "@hindcast/shared/node";

export interface PredecessorOptions {
  bus: Pick<Bus, "records" | "leases" | "tasks">;
  workerId: WorkerId;
  logger: Logger;
}

/**
 * To be called before this worker announces itself. Rests on nothing but speed: a lease that another worker has by now
 * is left alone, a closed one too, and were the one before still alive, it would find its lease lost like any zombie.
 * @returns how many tasks were given back. Never rejects: what fails here comes back after `ack_wait`.
 */
export async function handBackOfPredecessor({ bus, workerId, logger }: PredecessorOptions): Promise<number> {
  let handedBack = 0;
  try {
    const before = await bus.records("WORKERS", WorkerRecord).get(workerId);
    for (const { lease: name, receipt } of before?.value.holding ?? []) {
      const acquisition = await bus.leases.acquire(name, workerId);
      if (acquisition.kind === "held") continue;
      if (acquisition.kind === "acquired") await acquisition.lease.release();
      bus.tasks.handBackFor(receipt);
      handedBack += 1;
    }
    if (handedBack > 0) logger.info({ event: "predecessor.handed-back", tasks: handedBack });
  } catch (error) {
    logger.warn({ event: "predecessor.left", err: error }, messageOf(error));
  }
  return handedBack;
}
