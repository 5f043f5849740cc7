import { messageOf } from "../../errors.ts";
import type { Lease } from "../bus/bus.ts";
import type { Logger } from "../logger.ts";

/** A lease that cannot be given up runs out by itself; that must not undo what was done under it. */
export async function letGo(lease: Pick<Lease, "name" | "release">, logger: Logger): Promise<void> {
  try {
    await lease.release();
  } catch (error) {
    logger.warn({ event: "lease.unreleased", lease: lease.name, err: error }, messageOf(error));
  }
}
