import { setTimeout as delay } from "node:timers/promises";
import { HindcastError } from "@hindcast/shared";
import type { Logger } from "@hindcast/shared/node";
import type { DemonstrationIndex } from "./demonstration-index.ts";

const everyMs = 60_000;

/** Looks every minute whether an environment has outgrown its graph, until `signal` aborts. */
export async function keepGraphsBuilt(index: DemonstrationIndex, logger: Logger, signal: AbortSignal): Promise<void> {
  try {
    for (;;) {
      const built = await index.buildGraphs();
      if (built > 0) logger.info({ event: "graphs.built", built });
      await delay(everyMs, undefined, { signal, ref: false });
    }
  } catch (error) {
    const isOver = signal.aborted || (error instanceof HindcastError && error.code === "INDEX_CLOSED");
    // Search stays exact without a graph, only slower.
    if (!isOver) logger.error({ event: "graphs.failed", err: error });
  }
}
