import { setTimeout as delay } from "node:timers/promises";
import { HindcastError, messageOf, RetrievalStats, RetrievalStatsRequest, subjects } from "@hindcast/shared";
import type { CampaignContext } from "../campaign-context.ts";

/** How long the index may take to catch up with what was just learned. */
const catchUpMs = 60_000;
const pollMs = 100;

/**
 * What retrieval serves once it has applied everything that was stored so far; a warning when that takes too long.
 * @param absentMs how long a service that does not answer at all is waited for.
 * @returns null, and a warning, where none answered in that time.
 */
export async function caughtUpIndex(
  context: Pick<CampaignContext, "bus" | "signal" | "warnings">,
  { absentMs = catchUpMs }: { absentMs?: number } = {},
): Promise<RetrievalStats | null> {
  const { bus, signal, warnings } = context;
  const target = await bus.demonstrations.lastSequence();
  const startedAt = performance.now();
  for (;;) {
    const answer = await statsOf(context);
    if (answer.stats !== null && answer.stats.indexSequence >= target) return answer.stats;
    if (performance.now() - startedAt >= (answer.stats === null ? absentMs : catchUpMs)) {
      warnings.add(
        answer.stats === null
          ? `the retrieval service did not say what it holds: ${answer.problem}`
          : `the index had applied ${answer.stats.indexSequence} of ${target} changes when it was needed`,
      );
      return answer.stats;
    }
    await delay(pollMs, undefined, { signal });
  }
}

/** A service that restarts or still rebuilds itself answers later. */
async function statsOf({
  bus,
  signal,
}: Pick<CampaignContext, "bus" | "signal">): Promise<
  { stats: RetrievalStats; problem: null } | { stats: null; problem: string }
> {
  try {
    const stats = await bus.request({
      subject: subjects.retrievalStats,
      request: RetrievalStatsRequest,
      reply: RetrievalStats,
      value: { v: 1, kind: "retrieval.stats" },
      signal,
    });
    return { stats, problem: null };
  } catch (error) {
    signal.throwIfAborted();
    // Of another version, or broken: it is not measured against then, and what was learned still stands.
    if (!(error instanceof HindcastError)) throw error;
    return { stats: null, problem: messageOf(error) };
  }
}
