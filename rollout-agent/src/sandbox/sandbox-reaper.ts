// Ends sandboxes that nobody may work in any more. One whose agent died ends by itself (its first process dies with its
// parent); what is left are those of an agent that lives but does not run: stopped, or hung. Every agent looks after
// all of its cluster on the machine, so that one that still runs is enough.
import { readdir, readFile } from "node:fs/promises";
import { type CampaignId, limits, messageOf } from "@hindcast/shared";
import { type Bus, type Logger, pause } from "@hindcast/shared/node";
import { guestFile } from "./sandbox-world.ts";
import type { FoundContainer } from "./container/container-driver.ts";
import { nameWithin, parseSandboxName, type SandboxName } from "./sandbox-name.ts";

/** QEMU's, before the sandbox's name. */
const nameOption = "-name";

export interface ReaperOptions {
  bus: Pick<Bus, "leases">;
  /** Whose leases these are (`clusterOf`): sandboxes of other clusters on the machine are none of ours. */
  cluster: string;
  /** Whether a campaign was cancelled or has failed: its sandboxes end whoever holds what. */
  isOver: (campaign: CampaignId) => boolean;
  logger: Logger;
  onReaped: () => void;
  /** Sandboxes that a daemon or a Kubernetes cluster runs, which need not be ours to signal. @default none */
  containers?: () => Promise<FoundContainer[]> | FoundContainer[];
  /** @default limits.sandboxReapEveryMs */
  everyMs?: number;
}

interface Found {
  /** Of the name and the process, so that a number that is used again is another. */
  key: string;
  name: SandboxName;
  end: () => Promise<void> | void;
}

/** Looks at once and then regularly, until `signal` aborts. */
export async function reapSandboxes(options: ReaperOptions, signal: AbortSignal): Promise<void> {
  const { logger, everyMs = limits.sandboxReapEveryMs } = options;
  // One that is found unwanted twice: its owner may be closing it just now.
  let suspects = new Set<string>();
  while (!signal.aborted) {
    try {
      const unwanted = await findUnwanted(options);
      for (const found of unwanted) if (suspects.has(found.key)) await end(found, options);
      suspects = new Set(unwanted.map(({ key }) => key));
    } catch (error) {
      logger.warn({ event: "reaper.failed", err: error }, messageOf(error));
    }
    await pause(everyMs, signal);
  }
}

async function findUnwanted(options: ReaperOptions): Promise<Found[]> {
  const { bus, cluster, isOver } = options;
  const unwanted: Found[] = [];
  const wanted = new Map<string, boolean>();
  for (const found of [...(await findContainers(options)), ...(await findProcesses(cluster))]) {
    const { workerId, campaignId, lease } = found.name;
    const owner = `${workerId} ${lease}`;
    const isWanted =
      !isOver(campaignId) && (wanted.get(owner) ?? (await bus.leases.holder(lease))?.workerId === workerId);
    wanted.set(owner, isWanted);
    if (!isWanted) unwanted.push(found);
  }
  return unwanted;
}

/** The outer process of each sandbox of the cluster on this machine and the first one inside; ending either ends all of it. */
async function findProcesses(cluster: string): Promise<Found[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
  const found: Found[] = [];
  for (const pid of pids) {
    // Processes end while they are looked at.
    const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
    // A guest in namespaces or a container; a virtual machine.
    const at = Math.max(words.lastIndexOf(guestFile), words.indexOf(nameOption));
    const ours = at < 0 ? null : nameWithin(words[at + 1] ?? "", cluster);
    const name = ours === null ? null : parseSandboxName(ours);
    const end = (): void => void process.kill(Number(pid), "SIGKILL");
    if (name !== null) found.push({ key: `${pid} ${words[at + 1]}`, name, end });
  }
  return found;
}

async function findContainers({ containers, cluster }: ReaperOptions): Promise<Found[]> {
  const found = (await containers?.()) ?? [];
  return found.flatMap(({ name: word, end }) => {
    const ours = nameWithin(word, cluster);
    const name = ours === null ? null : parseSandboxName(ours);
    return name === null ? [] : [{ key: word, name, end }];
  });
}

async function end({ key, name, end: kill }: Found, { logger, onReaped }: ReaperOptions): Promise<void> {
  try {
    await kill();
    onReaped();
    logger.warn({ event: "sandbox.reaped", key, ...name }, "nobody may work in it any more");
  } catch (error) {
    // Gone meanwhile, or another user's, whose own agents see to it.
    logger.debug({ event: "sandbox.not-reaped", key, err: error }, messageOf(error));
  }
}
