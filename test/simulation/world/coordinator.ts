// A coordinator as its `main.ts` composes it, in a simulated process.
import type { WorkerId } from "@hindcast/shared";
import { type Bus, type Model, silentLogger } from "@hindcast/shared/node";
import { CampaignService } from "../../../coordinator/src/campaign-service.ts";
import { reconcileDeadLetters } from "../../../coordinator/src/dead-letter-reconciler.ts";
import { stagePools } from "../../../coordinator/src/stage/stage-pools.ts";
import { runStageWorker } from "../../../coordinator/src/stage/stage-worker.ts";

export interface CoordinatorOptions {
  bus: Bus;
  workerId: WorkerId;
  pool: string;
  model: (id: string) => Model;
}

/** Works until `drain` aborts. */
export async function runCoordinator(
  { bus, workerId, pool, model }: CoordinatorOptions,
  drain: AbortSignal,
): Promise<void> {
  const logger = silentLogger;
  const pools = [pool, ...stagePools.map((stage) => stage.pool)];
  await bus.ensureTopology({ pools, replicas: 1, tasksBytesMax: 256 * 1024 * 1024 });
  const reconciling = reconcileDeadLetters({ bus, pools, logger }, drain);
  const deps = { bus, model, logger, workerId };
  const staging = runStageWorker(deps, drain);
  const campaigns = new CampaignService(deps);
  await campaigns.start();
  await new Promise((resolve) => drain.addEventListener("abort", resolve, { once: true }));
  await campaigns[Symbol.asyncDispose]();
  await Promise.all([staging, reconciling]);
  await bus.close();
}
