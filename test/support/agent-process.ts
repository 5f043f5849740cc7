// A rollout agent as a process of its own, put together from the agent's parts with what a fault test needs: a short
// lease, steps that take their time, a world that kills the process, a guarantee taken away. Started by `agents.ts`.
import { setTimeout as delay } from "node:timers/promises";
import {
  type CampaignId,
  CampaignRecord,
  type EnvironmentKind,
  type RolloutTask,
  type WorkerId,
} from "@hindcast/shared";
import {
  Cancellations,
  connectBus,
  createLogger,
  createModels,
  modelVariables,
  readConfig,
  runLeaseLoop,
  type SiteUrls,
} from "@hindcast/shared/node";
import { Registry } from "prom-client";
import { webArenaEvaluator } from "../../rollout-agent/src/environment/browser/webarena-evaluator.ts";
import type { Environment, EnvironmentProvider } from "../../rollout-agent/src/environment/environment.ts";
import { createEnvironmentProvider } from "../../rollout-agent/src/environment/index.ts";
import { noWorlds, readWorldsFile } from "../../rollout-agent/src/environment/plug-in/world-configuration.ts";
import { sweBenchSources } from "../../rollout-agent/src/environment/swe-bench/sources.ts";
import { AgentMetrics } from "../../rollout-agent/src/metrics.ts";
import { createBubblewrap, defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { clusterOf } from "../../rollout-agent/src/sandbox/sandbox-name.ts";
import { reapSandboxes } from "../../rollout-agent/src/sandbox/sandbox-reaper.ts";
import { ReplayHandler } from "../../rollout-agent/src/worker/replay-handler.ts";
import { RolloutHandler } from "../../rollout-agent/src/worker/rollout-handler.ts";
import { TaskDispatcher } from "../../rollout-agent/src/worker/task-dispatcher.ts";
import type { Weakened } from "../../rollout-agent/src/worker/weakened.ts";
import type { TestOptions } from "./nats-server.ts";

export interface AgentProcessOptions {
  bus: TestOptions;
  workerId: WorkerId;
  pool: string;
  slots: number;
  leaseTtlMs: number;
  /** Before each step. */
  stepMs: number;
  /** A step with this word in its action kills the process, as memory that runs out would. */
  deadlyWord: string | null;
  weakened: Weakened;
  /** Answers are bought without a record of them. */
  isJournalOff: boolean;
  /** Null: it does not look after the machine's sandboxes. */
  reapEveryMs: number | null;
  /** The worlds that are plugged in, as a file; null: none. */
  worldsFile: string | null;
  /** Pages for browser worlds; null: none. */
  miniWobFolder: string | null;
  /** Where sites of web tasks are. */
  sites: SiteUrls;
  /** Where repositories with bugs come from; null: none. */
  sweBench: { cache: string; repositories: string[] } | null;
}

process.stdin.once("close", () => process.exit(0)).resume();

const options = JSON.parse(process.argv[2] ?? "") as AgentProcessOptions;
const { workerId, pool, slots, leaseTtlMs, weakened } = options;
const logger = createLogger({ name: workerId, level: "info" });
const bus = await connectBus({ ...options.bus, onStatus: (status) => logger.info({ event: "bus.status", status }) });
const never = new AbortController().signal;

const cluster = clusterOf(options.bus.servers);
const sandboxes = createBubblewrap({ guestPath: defaultGuestPath, cluster, log: logger });
const worlds = options.worldsFile === null ? noWorlds : readWorldsFile(options.worldsFile);
const sweBench =
  options.sweBench === null
    ? null
    : sweBenchSources(
        {
          sweBenchCache: options.sweBench.cache,
          sweBenchRepositories: options.sweBench.repositories,
          searchPath: process.env["PATH"] ?? "",
        },
        sandboxes,
      );
const environments = (kind: EnvironmentKind): EnvironmentProvider => {
  const { miniWobFolder, sites } = options;
  const evaluators = [webArenaEvaluator(sites)];
  const browsers = { chromiumPath: null, guestPath: defaultGuestPath, miniWobFolder, cluster, evaluators };
  const provider = createEnvironmentProvider(kind, { sandboxes, worlds, browsers, sweBench, log: logger });
  return { ...provider, problems: () => provider.problems(), create: (given) => hindered(provider.create(given)) };
};

/** Its own step before the world's: a Proxy would not do, because `await using` finds no disposal behind one. */
function hindered(environment: Environment): Environment {
  const act = environment.step.bind(environment);
  const step: Environment["step"] = async (action, signal) => {
    await delay(options.stepMs, undefined, { signal });
    if (options.deadlyWord !== null && JSON.stringify(action).includes(options.deadlyWord)) {
      process.kill(process.pid, "SIGKILL");
    }
    return await act(action, signal);
  };
  return Object.defineProperty(environment, "step", { value: step });
}

const config = readConfig(modelVariables);
const journal = { get: () => Promise.resolve(null), create: () => Promise.resolve(1) };
const modelBus = options.isJournalOff
  ? new Proxy(bus, { get: (target, key) => (key === "records" ? () => journal : Reflect.get(target, key)) })
  : bus;
const shared = { bus, workerId, environments, logger, drain: never, leaseTtlMs };
const cancellations = new Cancellations();
const following = cancellations.follow(bus.records("CAMPAIGNS", CampaignRecord), never);
following.catch((error: unknown) => logger.error({ err: error }));
const rollouts = new RolloutHandler({
  ...shared,
  model: createModels({ config, bus: modelBus, logger }) as (
    id: RolloutTask["model"],
  ) => ReturnType<ReturnType<typeof createModels>>,
  cancellations,
  metrics: new AgentMetrics(new Registry()),
  weakened,
});
if (options.reapEveryMs !== null) {
  const isOver = (campaign: CampaignId): boolean => cancellations.signalFor(campaign).aborted;
  void reapSandboxes({ bus, cluster, isOver, logger, onReaped: () => undefined, everyMs: options.reapEveryMs }, never);
}
logger.info({ event: "process.ready" });
await runLeaseLoop({
  bus,
  pool,
  slots,
  handler: new TaskDispatcher(rollouts, new ReplayHandler(shared)),
  logger,
  drain: never,
  abort: never,
});
