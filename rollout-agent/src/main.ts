// The rollout agent: leases tasks, opens sandboxes, runs episodes, streams every step back.
import { hostname } from "node:os";
import { CampaignRecord, HindcastError } from "@hindcast/shared";
import type { WorkerId } from "@hindcast/shared";
import {
  AdmissionClientMetrics,
  Cancellations,
  createModels,
  deriveId,
  FleetAdmission,
  holderOf,
  ModelMetrics,
  modelVariables,
  runLeaseLoop,
  runService,
  workerVariables,
} from "@hindcast/shared/node";
import { environmentsOf } from "./environment/environments-of.ts";
import { AgentMetrics } from "./metrics.ts";
import { createSandboxes, findRemoteSandboxes, sandboxSettings } from "./sandbox/create-sandboxes.ts";
import { clusterOf } from "./sandbox/sandbox-name.ts";
import { SandboxMetrics } from "./sandbox/measured-sandboxes.ts";
import type { SandboxProvider } from "./sandbox/sandbox.ts";
import { reapSandboxes } from "./sandbox/sandbox-reaper.ts";
import { announce } from "./worker/announcement.ts";
import { ReplayHandler } from "./worker/replay-handler.ts";
import { RolloutHandler } from "./worker/rollout-handler.ts";
import { TaskDispatcher } from "./worker/task-dispatcher.ts";
import { WorkerControl } from "./worker/worker-control.ts";

await runService("rollout-agent", { ...workerVariables, ...sandboxSettings, ...modelVariables }, async (service) => {
  const { config, shutdown, registry, leaseMetrics, bus } = service;
  const { pool } = config;
  const workerId = config.workerId ?? (deriveId("w", hostname(), process.pid) as WorkerId);
  const logger = service.logger.child({ workerId });
  const metrics = new AgentMetrics(registry);
  metrics.slots(config.slots);
  const sandboxMetrics = new SandboxMetrics(registry);

  const cluster = clusterOf(config.natsUrl);
  const { draining, aborted } = shutdown;
  const opened = await createSandboxes(
    config,
    { cluster, owner: workerId, metrics: sandboxMetrics, log: logger },
    draining,
  );
  shutdown.defer("sandboxes", () => opened[Symbol.asyncDispose]());
  const { sandboxes } = opened;
  const environments = environmentsOf(config, { sandboxes, cluster, log: logger });
  for (const problem of await environments("external").problems()) logger.warn({ event: "world.problem" }, problem);
  await assertUsable(sandboxes);
  const cancellations = new Cancellations();
  cancellations
    .follow(bus.records("CAMPAIGNS", CampaignRecord), draining)
    .catch((error: unknown) => shutdown.fail(error));
  const worker = new WorkerControl({ workerId, pool, slots: config.slots, logger });
  const endpoint = await worker.serve(bus);
  shutdown.defer("control", () => endpoint[Symbol.asyncDispose]());
  const announcing = announce({ bus, worker, logger }, draining);
  shutdown.defer("announcement", () => announcing);

  const reaping = reapSandboxes(
    {
      bus,
      cluster,
      isOver: (campaign) => cancellations.signalFor(campaign).aborted,
      logger,
      onReaped: () => sandboxMetrics.reaped(),
      containers: () => findRemoteSandboxes(config, cluster),
    },
    draining,
  );
  shutdown.defer("reaper", () => reaping);

  const shared = { bus, workerId, environments, logger, drain: draining };
  const admission = new FleetAdmission({
    bus,
    holder: holderOf(workerId),
    logger,
    metrics: new AdmissionClientMetrics(registry),
  });
  shutdown.defer("admission client", () => admission[Symbol.asyncDispose]());
  const rollouts = new RolloutHandler({
    ...shared,
    model: createModels({ config, bus, logger, admission, metrics: new ModelMetrics(registry) }),
    cancellations,
    cordon: () => worker.cordon,
    metrics,
  });
  const handler = new TaskDispatcher(rollouts, new ReplayHandler({ ...shared, metrics }));
  const loop = runLeaseLoop({
    bus,
    pool,
    slots: worker,
    handler,
    logger,
    observer: leaseMetrics?.ofPool(pool),
    drain: draining,
    abort: aborted,
  });
  loop.catch((error: unknown) => shutdown.fail(error));
  shutdown.defer("lease loop", () => loop);
});

/** @throws SANDBOX_UNAVAILABLE saying what the machine lacks */
async function assertUsable(sandboxes: SandboxProvider): Promise<void> {
  const problems = await sandboxes.problems();
  if (problems.length === 0) return;
  throw new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message: problems.join(" ") });
}
