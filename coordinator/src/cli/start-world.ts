// What stands between a configured world and a campaign in it: its scenes are stored, and somebody must be there to act.
import { setTimeout as delay } from "node:timers/promises";
import { type CampaignEnvironment, type CampaignWorld, HindcastError, WorkerRecord } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import type { HindcastConfig } from "../config/schema.ts";
import { packWorld } from "../world.ts";
import { poolOf } from "../worlds/pool-of.ts";
import type { CommandContext } from "./command-context.ts";
import type { Session } from "./session.ts";

/** Agents announce themselves once they are up; those of a cluster that was just started need a moment. */
const announcedWithinMs = 20_000;
const lookEveryMs = 250;

/** The environment as campaigns store it. */
export async function environmentOf(
  bus: Pick<Bus, "blobs">,
  environment: HindcastConfig["campaign"]["environment"],
  world: CampaignWorld | null,
): Promise<CampaignEnvironment> {
  const kind = poolOf(environment);
  if (kind === "shell" || world === null) return "shell";
  return { kind, scenes: await bus.blobs.put(packWorld(world)) };
}

/** @throws CONFIG_INVALID where no agent works on the world's pool: its episodes would wait for ever. */
export async function assertAgents(
  { loaded, interruption, terminal }: CommandContext,
  { bus }: Pick<Session, "bus">,
): Promise<void> {
  const pool = poolOf(loaded.config.campaign.environment);
  const until = performance.now() + announcedWithinMs;
  for (;;) {
    const workers = (await bus.records("WORKERS", WorkerRecord).entries()).map(({ value }) => value);
    if (workers.some((worker) => worker.pool === pool)) return;
    if (workers.length > 0 || performance.now() > until) {
      // Elsewhere than on this machine a scaler may start agents, by the first task of a pool that coordinators serve.
      if (loaded.config.cluster.natsUrl === null || !(await hasQueue(bus, pool)))
        throw nobody(pool, new Set(workers.map((worker) => worker.pool)));
      terminal.note(`no agent works on pool ${pool} yet; the campaign waits for one`);
      return;
    }
    await delay(lookEveryMs, undefined, { signal: interruption.asked });
  }
}

async function hasQueue(bus: Pick<Bus, "tasks">, pool: string): Promise<boolean> {
  try {
    await bus.tasks.backlog(pool);
    return true;
  } catch (error) {
    if (error instanceof HindcastError && error.code === "BUS_NOT_FOUND") return false;
    throw error;
  }
}

function nobody(pool: string, others: ReadonlySet<string>): HindcastError {
  const there = others.size === 0 ? "no agent runs at all" : `agents work on ${[...others].join(", ")} alone`;
  return new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message: `no agent works on pool ${pool}: ${there}; start some with HINDCAST_POOL=${pool}, and name it in the coordinators' HINDCAST_POOLS`,
  });
}
