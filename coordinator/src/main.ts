// The coordinator: creates what the bus needs, leads campaigns, works on their stages, answers `hindcast.control.*`.
// Several of them share all of it: any answers a request, any works on a stage, and each campaign has one leader.
import { hostname } from "node:os";
import type { WorkerId } from "@hindcast/shared";
import { coordinatorVariables, createModels, deriveId, modelVariables, runService } from "@hindcast/shared/node";
import { CampaignService } from "./campaign-service.ts";
import { reconcileDeadLetters } from "./dead-letter-reconciler.ts";
import { stagePools } from "./stage/stage-pools.ts";
import { runStageWorker } from "./stage/stage-worker.ts";

/** Tasks wait on disk up to this much; a fuller queue makes the coordinator wait. */
const tasksBytesMax = 256 * 1024 * 1024;
const pools = ["shell", ...stagePools.map(({ pool }) => pool)];

await runService(
  "coordinator",
  { ...coordinatorVariables, ...modelVariables },
  async ({ config, logger: log, shutdown, bus }) => {
    const workerId = deriveId("w", "coordinator", hostname(), process.pid) as WorkerId;
    const logger = log.child({ workerId });
    await bus.ensureTopology({ pools, replicas: config.streamReplicas, tasksBytesMax });
    const reconciling = reconcileDeadLetters({ bus, pools, logger }, shutdown.draining);
    shutdown.defer("reconciler", () => reconciling);
    const model = createModels({ config, bus, logger, stopping: shutdown.draining });
    const deps = { bus, model, logger, workerId };
    const staging = runStageWorker(deps, shutdown.draining);
    staging.catch((error: unknown) => shutdown.fail(error));
    shutdown.defer("stages", () => staging);
    const campaigns = new CampaignService(deps);
    await campaigns.start();
    shutdown.defer("campaigns", () => campaigns[Symbol.asyncDispose]());
  },
);
