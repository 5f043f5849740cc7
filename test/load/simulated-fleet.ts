// Agents of a simulated cluster, all slots busy: real agent and bus code, in virtual time, without a network, a sandbox
// or a model in the way.
import type { EpisodeId, TaskId, WorkerId } from "@hindcast/shared";
import type { SimulatedCluster } from "../simulation/cluster.ts";
import { runAgent } from "../simulation/world/agent.ts";
import { simulatedWorlds } from "../simulation/world/environment.ts";
import { SimulatedProvider } from "../simulation/world/provider.ts";
import { scriptedPolicy } from "../support/worker.ts";
import { aRolloutTask, someLimits } from "../support/builders.ts";

export const pool = "shell";
export const topology = { pools: [pool], replicas: 1, tasksBytesMax: 4 * 1024 ** 3 };
const publishedAtOnce = 64;
const never = new AbortController().signal;

/** Puts as many tasks on the queue. */
export async function publishTasks(cluster: SimulatedCluster, count: number): Promise<void> {
  await cluster.perform("publisher", async (bus) => {
    await bus.ensureTopology(topology);
    for (let n = 0; n < count; n += publishedAtOnce) {
      const batch = Array.from({ length: Math.min(publishedAtOnce, count - n) }, (_, offset) => task(n + offset));
      await Promise.all(batch.map((each) => bus.tasks.publish(each, never)));
    }
  });
}

function task(n: number): ReturnType<typeof aRolloutTask> {
  return aRolloutTask({
    taskId: `task-${n}` as TaskId,
    episodeId: `ep-${n}` as EpisodeId,
    model: "sim:policy",
    limits: { ...someLimits, wallTimeMs: 86_400_000 },
  });
}

/**
 * Starts agents that have a slot for each of `episodes`, of as many steps, each after a model call of `callMs`.
 * Nobody admits here: each process admits its own calls.
 */
export function startAgents(
  cluster: SimulatedCluster,
  { agents, episodes, steps, callMs }: { agents: number; episodes: number; steps: number; callMs: number },
): void {
  const policy = scriptedPolicy(Array.from({ length: steps }, (_, n) => `do-${n + 1}`));
  const provider = new SimulatedProvider(
    cluster.random.fork(),
    async (request) => (await policy.complete(request)).text,
  );
  provider.latencyMs = () => callMs;
  const environments = simulatedWorlds({
    stepMs: () => 50,
    diverges: () => false,
    onOpen: () => undefined,
    onClose: () => undefined,
    isClosing: true,
  });
  for (let n = 1; n <= agents; n++) {
    const workerId = `w-${n}` as WorkerId;
    cluster.start(workerId, (bus, drain) => {
      const models = (): ReturnType<typeof provider.modelsOf> => provider.modelsOf(bus);
      return runAgent({ bus, workerId, pool, slots: Math.ceil(episodes / agents), environments, models }, drain);
    });
  }
}
