// A coordinator as its `main.ts` composes it, in a simulated process.
import { type Bus, type Model, silentLogger } from "@hindcast/shared/node";
import { CampaignService } from "../../../coordinator/src/campaign-service.ts";
import { reconcileDeadLetters } from "../../../coordinator/src/dead-letter-reconciler.ts";

export interface CoordinatorOptions {
  bus: Bus;
  pool: string;
  model: (id: string) => Model;
}

/** Works until `drain` aborts. */
export async function runCoordinator({ bus, pool, model }: CoordinatorOptions, drain: AbortSignal): Promise<void> {
  const logger = silentLogger;
  const pools = [pool];
  await bus.ensureTopology({ pools, replicas: 1, tasksBytesMax: 256 * 1024 * 1024 });
  const reconciling = reconcileDeadLetters({ bus, pools, logger }, drain);
  const campaigns = new CampaignService({ bus, model, logger });
  await campaigns.start();
  await new Promise((resolve) => drain.addEventListener("abort", resolve, { once: true }));
  await campaigns[Symbol.asyncDispose]();
  await reconciling;
  await bus.close();
}
