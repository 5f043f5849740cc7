// What operators ask of a running cluster, in terms of campaigns, workers and dead letters. Every verb is idempotent:
// what is so already is answered with equal `before` and `after`.
import {
  type CampaignId,
  type CampaignRecord,
  type Change,
  type Command,
  HindcastError,
  isOver,
  messageOf,
} from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import type { CampaignChange, CampaignRecords } from "../campaign-records.ts";
import { requeue } from "./dead-letter-commands.ts";
import { lanePrefix, resumeLane, retuneLane } from "./lane-commands.ts";
import { campaignTuning, workerSlots } from "./retuning.ts";
import { type Fleet, readFleet, unchanged, unknownTarget } from "./targets.ts";
import { commandWorkers } from "./worker-commands.ts";

export interface CommandDeps {
  bus: Bus;
  records: CampaignRecords;
  cancel: (id: CampaignId) => Promise<CampaignRecord>;
}

/** @throws CAMPAIGN_NOT_FOUND, CAMPAIGN_ENDED, BUS_NOT_FOUND, CONFIG_INVALID, CONFIG_UNKNOWN_KEY */
export async function carryOut(deps: CommandDeps, command: Command): Promise<Change[]> {
  const { bus, records } = deps;
  const { verb, target } = command;
  if (verb === "requeue") return await requeue(bus, target);
  const fleet = await readFleet(bus, records);
  switch (verb) {
    case "pause":
      return await each(runningOr(fleet, target), (id) => pause(deps, id));
    case "resume":
      return await resume(deps, fleet, target);
    case "drain":
      return await commandWorkers(bus, target === null ? fleet.workers : [aWorker(fleet, target)], {
        v: 1,
        kind: "worker.drain",
      });
    case "cancel":
      return [await cancel(deps, aCampaign(fleet, needed(verb, target)))];
    case "retune":
      return await retune(deps, fleet, command);
  }
}

async function pause({ bus, records }: CommandDeps, id: CampaignId): Promise<CampaignChange> {
  const change = await records.pause(id);
  // Also of what was paused already: its leader may have queued a last task since.
  await bus.tasks.purge(id);
  return change;
}

async function resume({ bus, records }: CommandDeps, fleet: Fleet, target: string | null): Promise<Change[]> {
  if (target?.startsWith(lanePrefix) === true) return await resumeLane(bus, target.slice(lanePrefix.length));
  const isWorker = target !== null && fleet.workers.some(({ workerId }) => workerId === target);
  const workers = target === null ? fleet.workers.filter(({ state }) => state !== "running") : [];
  if (isWorker) workers.push(aWorker(fleet, target));
  const campaigns = fleet.campaigns.filter(({ id, state }) => (target === null ? state === "paused" : id === target));
  if (target !== null && !isWorker && campaigns.length === 0) throw unknownTarget(target, ...anything(fleet));
  return [
    ...(await commandWorkers(bus, workers, { v: 1, kind: "worker.resume" })),
    ...(await each(campaigns, (id) => records.resume(id))),
  ];
}

async function cancel(deps: CommandDeps, { id, state }: CampaignRecord): Promise<Change> {
  const after = await deps.cancel(id);
  return { what: `campaign ${id}`, campaignId: id, before: state, after: after.state, problem: null };
}

async function retune(
  { bus, records }: CommandDeps,
  fleet: Fleet,
  { verb, target: given, arguments: values }: Command,
): Promise<Change[]> {
  const target = needed(verb, given);
  if (target.startsWith(lanePrefix)) return await retuneLane(bus, target.slice(lanePrefix.length), values);
  const worker = fleet.workers.find(({ workerId }) => workerId === target);
  if (worker !== undefined) {
    return await commandWorkers(bus, [worker], { v: 1, kind: "worker.retune", slots: workerSlots(values) });
  }
  const campaign = fleet.campaigns.find(({ id }) => id === target);
  if (campaign === undefined) throw unknownTarget(target, ...anything(fleet));
  const tuning = campaignTuning(values);
  const { before, after } = await records.retune(campaign.id, tuning);
  return Object.keys(tuning).map((key) => ({
    what: `campaign ${campaign.id}`,
    campaignId: campaign.id,
    before: settingOf(before, key),
    after: settingOf(after, key),
    problem: null,
  }));
}

/** As it holds now: what was retuned, else what the campaign was started with. */
function settingOf({ settings, tuning }: CampaignRecord, key: string): string {
  const value = { ...settings, ...tuning }[key as keyof typeof tuning] ?? null;
  return `${key}=${value ?? "none"}`;
}

/** One campaign that cannot be changed does not keep the others from it; a single one that was named is an error. */
async function each(
  campaigns: readonly CampaignRecord[],
  change: (id: CampaignId) => Promise<CampaignChange>,
): Promise<Change[]> {
  const changes: Change[] = [];
  for (const { id, state } of campaigns) {
    const what = { what: `campaign ${id}`, campaignId: id };
    try {
      const { before, after } = await change(id);
      changes.push({ ...what, before: before.state, after: after.state, problem: null });
    } catch (error) {
      if (campaigns.length === 1) throw error;
      changes.push(unchanged(what, state, messageOf(error)));
    }
  }
  return changes;
}

function runningOr(fleet: Fleet, target: string | null): CampaignRecord[] {
  return target === null ? fleet.campaigns.filter(({ state }) => !isOver(state)) : [aCampaign(fleet, target)];
}

function aCampaign({ campaigns }: Fleet, target: string): CampaignRecord {
  const found = campaigns.find(({ id }) => id === target);
  if (found !== undefined) return found;
  throw unknownTarget(
    target,
    "campaign",
    campaigns.map(({ id }) => id),
  );
}

function aWorker({ workers }: Fleet, target: string): Fleet["workers"][number] {
  const found = workers.find(({ workerId }) => workerId === target);
  if (found !== undefined) return found;
  throw unknownTarget(
    target,
    "worker",
    workers.map(({ workerId }) => workerId),
  );
}

function anything({ campaigns, workers }: Fleet): [string, string[]] {
  return ["campaign or worker", [...campaigns.map(({ id }) => id), ...workers.map(({ workerId }) => workerId)]];
}

function needed(verb: string, target: string | null): string {
  if (target !== null) return target;
  throw new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message: `${verb} needs to be told whom it is for; it is for one at a time`,
  });
}
