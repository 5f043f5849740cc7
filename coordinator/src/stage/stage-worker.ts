// A coordinator's share of the stages: it leases their tasks from the queue that all coordinators work on, its own
// campaigns' among them, so that a lone coordinator takes the same path as many.
import { CampaignRecord } from "@hindcast/shared";
import { Cancellations, type LeaseMetrics, runLeaseLoop } from "@hindcast/shared/node";
import { type StageDeps, StageHandler } from "./stage-handler.ts";
import { stagePools } from "./stage-pools.ts";

/**
 * Runs until `drain` aborts; what is under way then is handed back, because the journal makes going on elsewhere free.
 * @throws what keeps it from following the campaigns: it would work on what was cancelled
 */
export async function runStageWorker(
  deps: Omit<StageDeps, "cancellations"> & { leaseMetrics?: LeaseMetrics | null },
  drain: AbortSignal,
): Promise<void> {
  const { bus, logger, leaseMetrics } = deps;
  const cancellations = new Cancellations();
  const over = new AbortController();
  const following = cancellations.follow(bus.records("CAMPAIGNS", CampaignRecord), over.signal);
  const stop = AbortSignal.any([drain, over.signal]);
  const handler = new StageHandler({ ...deps, cancellations });
  const working = Promise.all(
    stagePools.map((share) => {
      const observer = leaseMetrics?.ofPool(share.pool);
      const observed = observer === undefined ? {} : { observer };
      return runLeaseLoop({ bus, ...share, handler, logger, ...observed, drain: stop, abort: stop });
    }),
  );
  try {
    await Promise.race([working, following.then(() => working)]);
  } finally {
    over.abort();
    await Promise.allSettled([following, working]);
  }
}
