import type { LeaseName, WorkerId } from "@hindcast/shared";
import type { Bus, Lease } from "@hindcast/shared/node";

/** The lease, or null when it is held or closed: for tests that do not care which. */
export async function acquire(
  { leases }: Pick<Bus, "leases">,
  name: LeaseName,
  worker: WorkerId,
  ttlMs?: number,
): Promise<Lease | null> {
  const acquisition = await leases.acquire(name, worker, ttlMs);
  return acquisition.kind === "acquired" ? acquisition.lease : null;
}
