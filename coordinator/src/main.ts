// The coordinator: creates what the bus needs, leads campaigns, works on their stages, answers `hindcast.control.*`.
// Several of them share all of it: any answers a request, any works on a stage, each campaign has one leader, and one of
// them, whichever campaigns it leads, admits the fleet's model calls.
import { hostname } from "node:os";
import type { WorkerId } from "@hindcast/shared";
import {
  AdmissionClientMetrics,
  admissionVariables,
  coordinatorVariables,
  createModels,
  deriveId,
  FleetAdmission,
  FleetPurse,
  holderOf,
  ModelMetrics,
  modelVariables,
  runService,
  storageVariables,
} from "@hindcast/shared/node";
import { AdmissionMetrics } from "./admission/admission-metrics.ts";
import { runAdmission } from "./admission/admission-service.ts";
import { admissionSettings } from "./admission/settings.ts";
import { CampaignService } from "./campaign-service.ts";
import { observeCluster } from "./cluster-metrics.ts";
import { retentionOf } from "./config/retention.ts";
import { CoordinatorMetrics } from "./coordinator-metrics.ts";
import { reconcileDeadLetters } from "./dead-letter-reconciler.ts";
import { stagePools } from "./stage/stage-pools.ts";
import { runStageWorker } from "./stage/stage-worker.ts";

/** Tasks wait on disk up to this much; a fuller queue makes the coordinator wait. */
const tasksBytesMax = 256 * 1024 * 1024;
const variables = { ...coordinatorVariables, ...modelVariables, ...admissionVariables, ...storageVariables };

await runService("coordinator", variables, async ({ config, logger: log, shutdown, registry, leaseMetrics, bus }) => {
  const workerId = deriveId("w", "coordinator", hostname(), process.pid) as WorkerId;
  const logger = log.child({ workerId });
  const pools = [...config.pools, ...stagePools.map(({ pool }) => pool)];
  await bus.ensureTopology({ pools, replicas: config.streamReplicas, tasksBytesMax, retention: retentionOf(config) });
  observeCluster({ registry, bus, pools, logger });
  const reconciling = reconcileDeadLetters({ bus, pools, logger }, shutdown.draining);
  shutdown.defer("reconciler", () => reconciling);

  // It admits until its own calls are settled.
  const settings = admissionSettings(config);
  const stopAdmitting = new AbortController();
  const desk = { bus, id: workerId, settings, logger, metrics: new AdmissionMetrics(registry) };
  const admitting = runAdmission(desk, stopAdmitting.signal);
  shutdown.defer("admission", () => (stopAdmitting.abort(), admitting));
  const clientMetrics = new AdmissionClientMetrics(registry);
  const admission = new FleetAdmission({ bus, holder: holderOf(workerId), logger, metrics: clientMetrics });
  shutdown.defer("admission client", () => admission[Symbol.asyncDispose]());

  const purse = new FleetPurse(bus, logger);
  const modelMetrics = new ModelMetrics(registry);
  const model = createModels({
    config,
    bus,
    logger,
    admission,
    metrics: modelMetrics,
    purse,
    stopping: shutdown.draining,
  });
  const deps = { bus, model, logger, workerId, metrics: new CoordinatorMetrics(registry) };
  const staging = runStageWorker({ ...deps, leaseMetrics }, shutdown.draining);
  staging.catch((error: unknown) => shutdown.fail(error));
  shutdown.defer("stages", () => staging);
  const campaigns = new CampaignService({ ...deps, allowUnknownPrices: settings.allowUnknownPrices });
  await campaigns.start();
  shutdown.defer("campaigns", () => campaigns[Symbol.asyncDispose]());
});
