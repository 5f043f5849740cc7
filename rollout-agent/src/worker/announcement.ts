import { limits, messageOf, WorkerRecord } from "@hindcast/shared";
import { type Bus, type Logger, pause } from "@hindcast/shared/node";

export interface AnnouncementOptions {
  bus: Pick<Bus, "records">;
  /** What is said, and what aborts when there is something new to say. */
  worker: { readonly record: WorkerRecord; readonly changed: AbortSignal };
  logger: Logger;
}

/** Says every `heartbeatMs` that this worker is there, and at once what changed of it, until it drains. */
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
    await pause(limits.heartbeatMs, AbortSignal.any([draining, changed]));
  }
  await workers.delete(workerId);
}
