import { hostname } from "node:os";
import { limits, messageOf, WorkerRecord } from "@hindcast/shared";
import type { WorkerId } from "@hindcast/shared";
import { type Bus, type Logger, pause } from "@hindcast/shared/node";

export interface AnnouncementOptions {
  bus: Pick<Bus, "records">;
  workerId: WorkerId;
  pool: string;
  slots: number;
  logger: Logger;
}

/** Says every `heartbeatMs` that this worker is there, until it drains; then takes the entry away. */
export async function announce(
  { bus, workerId, pool, slots, logger }: AnnouncementOptions,
  draining: AbortSignal,
): Promise<void> {
  const workers = bus.records("WORKERS", WorkerRecord);
  const record: WorkerRecord = {
    v: 1,
    workerId,
    pool,
    slots,
    host: hostname(),
    pid: process.pid,
    state: "running",
    startedAt: new Date().toISOString(),
  };
  while (!draining.aborted) {
    try {
      await workers.put(workerId, record, limits.workerTtlMs);
    } catch (error) {
      logger.warn({ event: "announcement.failed", err: error }, messageOf(error));
    }
    await pause(limits.heartbeatMs, draining);
  }
  await workers.delete(workerId);
}
