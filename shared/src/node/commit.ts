// How the end of a task becomes a fact (ADR-0024). The write-once RESULTS stream keeps the first record, whoever writes
// it; that the first is never a zombie's is decided one step earlier, by a compare-and-set on the task's lease.
import type { WorkerId } from "../domain/ids.ts";
import type { TaskResult } from "../protocol/result.ts";
import { leaseOf, type LeaseName } from "../protocol/subjects.ts";
import type { Task } from "../protocol/task.ts";
import type { Bus, ClosedLease, Lease } from "./bus/bus.ts";

export type Opening =
  | { kind: "open"; lease: Lease }
  /** By another worker, which will write the end. */
  | { kind: "held" }
  /** Its terminal record stands. */
  | { kind: "done" };

/** An episode has one lease, whatever works on it; other tasks are leased by themselves. */
export function leaseOfTask(task: Task): LeaseName {
  return task.kind === "rollout" ? leaseOf.episode(task.episodeId) : leaseOf.task(task.taskId);
}

/**
 * Leases a task that has no end yet. What its closer could not do any more, to store the result and to remove the
 * lease, is done here. RESULTS is asked after the acquisition: the lease may have been free because both were just done.
 */
export async function openTask(
  bus: Pick<Bus, "leases" | "results">,
  task: Task,
  { worker, ttlMs }: { worker: WorkerId; ttlMs?: number | undefined },
): Promise<Opening> {
  const acquisition = await bus.leases.acquire(leaseOfTask(task), worker, ttlMs);
  switch (acquisition.kind) {
    case "held":
      return { kind: "held" };
    case "closed":
      await storeClosed(bus, acquisition.closed);
      return { kind: "done" };
    case "acquired": {
      const { lease } = acquisition;
      try {
        if (!(await bus.results.has(task.campaignId, task.taskId))) return { kind: "open", lease };
      } catch (error) {
        await giveUp(lease);
        throw error;
      }
      await giveUp(lease);
      return { kind: "done" };
    }
  }
}

/** One that cannot be given up expires, as that of a dead worker does. */
async function giveUp(lease: Pick<Lease, "release">): Promise<void> {
  await lease.release().catch(() => undefined);
}

/** @returns `fenced` when the lease is no longer held: the result goes nowhere, and another worker's will stand. */
export async function commit(
  bus: Pick<Bus, "results">,
  lease: Pick<Lease, "close">,
  result: TaskResult,
): Promise<"stored" | "already" | "fenced"> {
  const closed = await lease.close(result);
  return closed === null ? "fenced" : await storeClosed(bus, closed);
}

async function storeClosed(bus: Pick<Bus, "results">, closed: ClosedLease): Promise<"stored" | "already"> {
  const written = await bus.results.put(closed.result);
  await closed.remove();
  return written;
}
