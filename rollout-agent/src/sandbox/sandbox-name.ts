// A sandbox's name says whose it is, so that whoever finds one on the machine can ask whether it is still wanted. It is
// the last word of the command lines of its processes.
import { CampaignId, type LeaseName, WorkerId } from "@hindcast/shared";

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

function isLease(text: string): text is LeaseName {
  return /^(episode|task)\.[a-z0-9-]+$/.test(text);
}
