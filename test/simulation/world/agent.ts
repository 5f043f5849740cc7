// A rollout agent as its `main.ts` composes it, in a simulated process.
import { CampaignRecord, type WorkerId } from "@hindcast/shared";
import {
  type Admission,
  type Bus,
  Cancellations,
  FleetAdmission,
  type Model,
  runLeaseLoop,
  silentLogger,
} from "@hindcast/shared/node";
import { Registry } from "prom-client";
import type { EnvironmentProvider } from "../../../rollout-agent/src/environment/environment.ts";
import { AgentMetrics } from "../../../rollout-agent/src/metrics.ts";
import { announce } from "../../../rollout-agent/src/worker/announcement.ts";
import { ReplayHandler } from "../../../rollout-agent/src/worker/replay-handler.ts";
import { RolloutHandler } from "../../../rollout-agent/src/worker/rollout-handler.ts";
import { TaskDispatcher } from "../../../rollout-agent/src/worker/task-dispatcher.ts";
import { WorkerControl } from "../../../rollout-agent/src/worker/worker-control.ts";
import { holderHere } from "./holder.ts";

export interface AgentOptions {
  bus: Bus;
  workerId: WorkerId;
  pool: string;
  slots: number;
  environments: EnvironmentProvider;
  models: (admission: Admission) => (id: string) => Model;
}

/** Works until `drain` aborts and everything that it held is finished or handed back. */
export async function runAgent(options: AgentOptions, drain: AbortSignal): Promise<void> {
  const { bus, workerId, pool, slots, environments, models } = options;
  const logger = silentLogger;
  const cancellations = new Cancellations();
  const following = cancellations.follow(bus.records("CAMPAIGNS", CampaignRecord), drain);
  const worker = new WorkerControl({ workerId, pool, slots, logger });
  const endpoint = await worker.serve(bus);
  const announcing = announce({ bus, worker, logger }, drain);
  const shared = { bus, workerId, environments: () => environments, logger, drain };
  const admission = new FleetAdmission({ bus, holder: holderHere(workerId), logger });
  const metrics = new AgentMetrics(new Registry());
  const rollouts = new RolloutHandler({
    ...shared,
    model: models(admission),
    cancellations,
    cordon: () => worker.cordon,
    metrics,
  });
  const handler = new TaskDispatcher(rollouts, new ReplayHandler(shared));
  const abort = new AbortController().signal;
  await Promise.all([following, announcing, runLeaseLoop({ bus, pool, slots: worker, handler, logger, drain, abort })]);
  await endpoint[Symbol.asyncDispose]();
  await admission[Symbol.asyncDispose]();
  await bus.close();
}
