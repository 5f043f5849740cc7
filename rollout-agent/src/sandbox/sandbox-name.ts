// A sandbox's name says whose it is, so that whoever finds one on the machine can ask whether it is still wanted. With
// its cluster behind it, it is the last word of the command lines of its processes.
import { CampaignId, type LeaseName, WorkerId } from "@hindcast/shared";
import { deriveId } from "@hindcast/shared/node";

export interface SandboxName {
  workerId: WorkerId;
  campaignId: CampaignId;
  /** While this is held by the worker, the sandbox may live. */
  lease: LeaseName;
  /** Tells apart what one worker opens under one lease: the attempt, and which world of it. */
  world: string;
}

/** `<worker>/<campaign>/<lease>/<world>`; none of the parts before the last holds a slash. */
export function sandboxName({ workerId, campaignId, lease, world }: SandboxName): string {
  return `${workerId}/${campaignId}/${lease}/${world}`;
}

/** Null for what is no such name. */
export function parseSandboxName(text: string): SandboxName | null {
  const [worker, campaign, lease = "", ...world] = text.split("/");
  const [workerId, campaignId] = [WorkerId.safeParse(worker), CampaignId.safeParse(campaign)];
  if (!workerId.success || !campaignId.success || !isLease(lease) || world.length === 0) return null;
  return { workerId: workerId.data, campaignId: campaignId.data, lease, world: world.join("/") };
}

/**
 * Names the cluster on a machine that may run agents of several: each knows nothing of the others' leases.
 * @param servers as its agents are told
 */
export function clusterOf(servers: string): string {
  return deriveId("cluster", servers);
}

export function nameInCluster(name: string, cluster: string): string {
  return `${name}@${cluster}`;
}

/** The name without its cluster; null for what is of another cluster, or of none. */
export function nameWithin(word: string, cluster: string): string | null {
  const suffix = nameInCluster("", cluster);
  return word.endsWith(suffix) ? word.slice(0, -suffix.length) : null;
}

function isLease(text: string): text is LeaseName {
  return /^(episode|task)\.[a-z0-9-]+$/.test(text);
}
