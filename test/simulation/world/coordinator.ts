// A coordinator as its `main.ts` composes it, in a simulated process: it may lead, work on stages and admit.
import type { WorkerId } from "@hindcast/shared";
import { type Admission, type Bus, FleetAdmission, type Model, silentLogger } from "@hindcast/shared/node";
import { Registry } from "prom-client";
import { AdmissionMetrics } from "../../../coordinator/src/admission/admission-metrics.ts";
import { runAdmission } from "../../../coordinator/src/admission/admission-service.ts";
import { CampaignService } from "../../../coordinator/src/campaign-service.ts";
import { reconcileDeadLetters } from "../../../coordinator/src/dead-letter-reconciler.ts";
import { stagePools } from "../../../coordinator/src/stage/stage-pools.ts";
import { runStageWorker } from "../../../coordinator/src/stage/stage-worker.ts";
import { openSettings } from "../../support/admission.ts";
import { holderHere } from "./holder.ts";

export interface CoordinatorOptions {
  bus: Bus;
  workerId: WorkerId;
  pool: string;
  models: (admission: Admission) => (id: string) => Model;
}

/** Works until `drain` aborts. */
export async function runCoordinator(
  { bus, workerId, pool, models }: CoordinatorOptions,
  drain: AbortSignal,
): Promise<void> {
  const logger = silentLogger;
  const pools = [pool, ...stagePools.map((stage) => stage.pool)];
  await bus.ensureTopology({ pools, replicas: 1, tasksBytesMax: 256 * 1024 * 1024 });
  const reconciling = reconcileDeadLetters({ bus, pools, logger }, drain);
  const stopAdmitting = new AbortController();
  const metrics = new AdmissionMetrics(new Registry());
  const admitting = runAdmission({ bus, id: workerId, settings: openSettings, logger, metrics }, stopAdmitting.signal);
  const admission = new FleetAdmission({ bus, holder: holderHere(workerId), logger });
  const deps = { bus, model: models(admission), logger, workerId };
  const staging = runStageWorker(deps, drain);
  const campaigns = new CampaignService(deps);
  await campaigns.start();
  // A stage worker that fails ends the process, whose supervisor starts another.
  await Promise.race([staging, new Promise((resolve) => drain.addEventListener("abort", resolve, { once: true }))]);
  await campaigns[Symbol.asyncDispose]();
  await staging;
  await admission[Symbol.asyncDispose]();
  stopAdmitting.abort();
  await Promise.all([admitting, reconciling]);
  await bus.close();
}
