import { limits, messageOf, WorkerRecord } from "@hindcast/shared";
import { type Bus, type Logger, pause } from "@hindcast/shared/node";

export interface AnnouncementOptions {
  bus: Pick<Bus, "records">;
  /** What is said, a new object whenever it changes, and what aborts when that should be said at once. */
  worker: { readonly record: WorkerRecord; readonly changed: AbortSignal };
  logger: Logger;
}

/**
 * Says every `heartbeatMs` that this worker is there, at once what an operator changed of it, and within `announceLagMs`
 * what it holds, until it drains.
 */
export async function announce({ bus, worker, logger }: AnnouncementOptions, draining: AbortSignal): Promise<void> {
  const workers = bus.records("WORKERS", WorkerRecord);
  const { workerId } = worker.record;
  while (!draining.aborted) {
    const { record, changed } = worker;
    try {
      await workers.put(workerId, record, limits.workerTtlMs);
    } catch (error) {
      logger.warn({ event: "announcement.failed", err: error }, messageOf(error));
    }
    const wake = AbortSignal.any([draining, changed]);
    for (let waitedMs = 0; waitedMs < limits.heartbeatMs && !wake.aborted; waitedMs += limits.announceLagMs) {
      await pause(limits.announceLagMs, wake);
      if (worker.record !== record) break;
    }
  }
  await workers.delete(workerId);
}
