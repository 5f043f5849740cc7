import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@hindcast/shared";
import type { Bus, Logger } from "@hindcast/shared/node";

/** How often tasks are looked for that no consumer will deliver again because their workers died too often. */
const everyMs = 30_000;

/** Runs until `signal` aborts. What it moves stays in the dead letters until somebody requeues or drops it. */
export async function reconcileDeadLetters(
  { bus, pools, logger }: { bus: Pick<Bus, "deadLetters">; pools: string[]; logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await delay(everyMs, undefined, { signal });
      const moved = await bus.deadLetters.reconcile(pools);
      if (moved > 0) logger.warn({ event: "dead-letters.reconciled", moved });
    } catch (error) {
      if (!signal.aborted) logger.warn({ event: "dead-letters.failed", err: error }, messageOf(error));
    }
  }
}
