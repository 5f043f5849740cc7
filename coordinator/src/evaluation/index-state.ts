import { setTimeout as delay } from "node:timers/promises";
import { RetrievalStats, RetrievalStatsRequest, subjects } from "@hindcast/shared";
import type { CampaignContext } from "../campaign-context.ts";

/** How long the index may take to catch up with what was just learned. */
const catchUpMs = 60_000;
const pollMs = 100;

/** What retrieval serves once it has applied everything that was stored so far; a warning when that takes too long. */
export async function caughtUpIndex(context: CampaignContext): Promise<RetrievalStats> {
  const { bus, signal } = context;
  const target = await bus.demonstrations.lastSequence();
  const deadline = AbortSignal.timeout(catchUpMs);
  for (;;) {
    signal.throwIfAborted();
    const stats = await bus.request({
      subject: subjects.retrievalStats,
      request: RetrievalStatsRequest,
      reply: RetrievalStats,
      value: { v: 1, kind: "retrieval.stats" },
      signal,
    });
    if (stats.indexSequence >= target) return stats;
    if (deadline.aborted) {
      context.warnings.add(`the index had applied ${stats.indexSequence} of ${target} changes when it was needed`);
      return stats;
    }
    await delay(pollMs, undefined, { signal });
  }
}
