// Rollout agents of one process on a real bus: the agent's own loop and handlers over a scripted world.
import { CampaignRecord, type WorkerId } from "@hindcast/shared";
import {
  type Bus,
  Cancellations,
  type Lease,
  type LeaseStore,
  type Model,
  runLeaseLoop,
  silentLogger,
} from "@hindcast/shared/node";
import { Registry } from "prom-client";
import type { EnvironmentProvider } from "../../rollout-agent/src/environment/environment.ts";
import { AgentMetrics } from "../../rollout-agent/src/metrics.ts";
import { announce } from "../../rollout-agent/src/worker/announcement.ts";
import { ReplayHandler } from "../../rollout-agent/src/worker/replay-handler.ts";
import { RolloutHandler } from "../../rollout-agent/src/worker/rollout-handler.ts";
import { TaskDispatcher } from "../../rollout-agent/src/worker/task-dispatcher.ts";
import { WorkerControl } from "../../rollout-agent/src/worker/worker-control.ts";
import type { StepWords } from "./builders.ts";
import { type TestNats, testPool } from "./nats-server.ts";
import { ScriptedModel } from "./scripted-model.ts";
import { ScriptedEnvironment } from "./scripted.ts";

export interface WorkerOptions {
  /** @default "w-1" */
  id?: string;
  /** Commands that the policy issues in order; then it stops. */
  commands?: readonly string[];
  /** What the policy asks the retrieval service for. */
  query?: string;
  /** Another policy. */
  model?: Model;
  answer?: (command: string) => Omit<StepWords, "command"> | Error;
  /** Called before each environment step with the lease that the worker acquired last. */
  beforeStep?: (lease: Lease) => Promise<unknown>;
}

export interface TestWorker extends AsyncDisposable {
  log: string[];
  model: ScriptedModel;
  drain: AbortController;
}

/** A policy that reads how far it is from its prompt, as any model does: by the actions in the history. */
export function scriptedPolicy(commands: readonly string[], query = "what to do next"): ScriptedModel {
  return new ScriptedModel("offline:scripted", ({ messages, purpose }) => {
    if (purpose === "retrieval-query") return query;
    const prompt = messages.flatMap(({ content }) => content.map(({ text }) => text)).join("\n");
    const next = commands.find((command) => !new RegExp(`<action>\\s*${command}`).test(prompt));
    return `REASON: scripted\nACTION: ${next ?? "stop()"}`;
  });
}

export async function startWorker(
  nats: TestNats,
  { id = "w-1", commands = ["touch a", "touch b"], answer, ...options }: WorkerOptions = {},
): Promise<TestWorker> {
  const workerId = id as WorkerId;
  const bus = await nats.connect(workerId);
  const log: string[] = [];
  const [drain, abort, over] = [new AbortController(), new AbortController(), new AbortController()];
  const model = scriptedPolicy(commands, options.query);
  const cancellations = new Cancellations();
  const following = cancellations.follow(bus.records("CAMPAIGNS", CampaignRecord), over.signal);
  const provider: EnvironmentProvider = {
    kind: "shell",
    problems: () => Promise.resolve([]),
    create: () =>
      new ScriptedEnvironment(log, answer, async () => {
        if (lease !== null) await options.beforeStep?.(lease);
      }),
  };
  let lease: Lease | null = null;
  const leases: LeaseStore = {
    holder: (name) => bus.leases.holder(name),
    acquire: async (...args) => {
      const acquisition = await bus.leases.acquire(...args);
      if (acquisition.kind === "acquired") lease = acquisition.lease;
      return acquisition;
    },
  };
  const watched: Bus = new Proxy(bus, {
    get: (target, key) => (key === "leases" ? leases : bound(target, key as keyof Bus)),
  });
  const shared = { bus: watched, workerId, environments: () => provider, logger: silentLogger, drain: drain.signal };
  const metrics = new AgentMetrics(new Registry());
  const control = new WorkerControl({ workerId, pool: testPool, slots: 2, logger: silentLogger });
  const endpoint = await control.serve(bus);
  const announcing = announce({ bus, worker: control, logger: silentLogger }, drain.signal);
  const cordon = (): AbortSignal => control.cordon;
  const rollouts = new RolloutHandler({
    ...shared,
    model: () => options.model ?? model,
    cancellations,
    metrics,
    cordon,
  });
  const handler = new TaskDispatcher(rollouts, new ReplayHandler(shared));
  const loop = runLeaseLoop({
    bus,
    pool: testPool,
    slots: control,
    handler,
    logger: silentLogger,
    drain: drain.signal,
    abort: abort.signal,
  });
  return {
    log,
    model,
    drain,
    [Symbol.asyncDispose]: async () => {
      drain.abort();
      await Promise.all([loop, announcing]);
      await endpoint[Symbol.asyncDispose]();
      over.abort();
      await Promise.allSettled([following]);
      await bus.close();
    },
  };
}

function bound<K extends keyof Bus>(bus: Bus, key: K): Bus[K] {
  const value = bus[key];
  return typeof value === "function" ? (value.bind(bus) as Bus[K]) : value;
}
