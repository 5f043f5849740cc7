// The coordinator: creates what the bus needs, runs campaigns, answers `hindcast.control.*`.
import { createModels, modelVariables, runService } from "@hindcast/shared/node";
import { CampaignService } from "./campaign-service.ts";
import { reconcileDeadLetters } from "./dead-letter-reconciler.ts";

/** Tasks wait on disk up to this much; a fuller queue makes the coordinator wait. */
const tasksBytesMax = 256 * 1024 * 1024;
const pools = ["shell"];

await runService("coordinator", modelVariables, async ({ config, logger, shutdown, bus }) => {
  await bus.ensureTopology({ pools, replicas: 1, tasksBytesMax });
  const reconciling = reconcileDeadLetters({ bus, pools, logger }, shutdown.draining);
  shutdown.defer("reconciler", () => reconciling);
  const campaigns = new CampaignService({ bus, model: createModels({ config, bus, logger }), logger });
  await campaigns.start();
  shutdown.defer("campaigns", () => campaigns[Symbol.asyncDispose]());
});
