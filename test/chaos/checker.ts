// The judge: given what the server holds after all harm is done and everything has come to rest, which promises were
// broken. The invariants' numbers are those of the design (I1–I7).
import { gunzipSync } from "node:zlib";
import { actionText, CampaignReport, type CampaignRecord, type TaskResult } from "@hindcast/shared";
import { assembleAttempt, type Bus, trajectoryDigest } from "@hindcast/shared/node";
import { nobody } from "../../coordinator/src/dead-letter-reconciler.ts";
import { episodeResults, type History } from "./history.ts";
import { commandOf, type Policy, purchaseIn } from "./policy.ts";

export interface Verdict {
  tasks: number;
  violations: string[];
  /** Tasks without a terminal record, tasks with two. */
  lost: number;
  doubled: number;
  /** Answers bought although the journal held an equal one; and those that died with their process before it did. */
  paidTwice: number;
  answersLostInFlight: number;
  /** Tasks of any kind that were given up: a stage or a replay that nobody finished costs its item as well. */
  infrastructure: number;
  deadLetters: number;
  diverged: number;
}

export async function judge(
  bus: Bus,
  { campaigns, history, policy }: { campaigns: CampaignRecord[]; history: History; policy: Policy },
): Promise<Verdict> {
  const violations: string[] = [];
  const results = episodeResults(history);
  let tasks = 0;
  let lost = 0;
  for (const campaign of campaigns) {
    if (campaign.state !== "finished")
      violations.push(`I1: campaign ${campaign.id} is ${campaign.state}: ${campaign.detail}`);
    const report = await reportOf(bus, campaign);
    const expected = report?.funnel.find(({ name }) => name === "tasks")?.counts["rolled-out"] ?? 0;
    const found = results.filter(({ value }) => value.campaignId === campaign.id).length;
    tasks += expected;
    lost += Math.max(0, expected - found);
    if (expected !== found)
      violations.push(`I1: campaign ${campaign.id} has ${found} terminal records for ${expected} tasks`);
  }
  const doubled = results.length - new Set(results.map(({ subject }) => subject)).size;
  if (doubled > 0) violations.push(`I2: ${doubled} tasks have two terminal records`);
  violations.push(...results.flatMap((result) => faultsOf(result, history, policy)), ...unrest(history));
  const { paidTwice, answersLostInFlight, usedUnjournaled } = purchasesOf(policy, history);
  if (usedUnjournaled > 0) violations.push(`${usedUnjournaled} steps follow answers that are not in the journal`);
  if (paidTwice > 0) violations.push(`${paidTwice} answers were bought although they stood in the journal`);
  return {
    tasks,
    violations,
    lost,
    doubled,
    paidTwice,
    answersLostInFlight,
    infrastructure: history.results.filter(({ value }) => isGivenUp(value)).length,
    deadLetters: history.deadLetters,
    diverged: history.records.filter(({ value }) => value.kind === "attempt.diverged").length,
  };
}

export async function reportOf(bus: Bus, campaign: CampaignRecord): Promise<CampaignReport | null> {
  if (campaign.report === null) return null;
  return CampaignReport.parse(JSON.parse(gunzipSync(await bus.blobs.get(campaign.report)).toString("utf8")));
}

/** I3 and I4 for one terminal record, and that its steps are those the policy asked for. */
export function faultsOf(
  result: ReturnType<typeof episodeResults>[number],
  history: History,
  { stepsPerEpisode }: Policy,
): string[] {
  const { value } = result;
  // Given up: counted apart, and it vouches for no steps.
  if (value.reason === "infrastructure") return [];
  const { faults, assembled } = storedFaults(result, history);
  // This policy always submits: any other end is what the faults did to it.
  if (value.reason !== "submitted") return [...faults, `I3: ${value.episodeId} ended as ${value.reason}`];
  const actions = assembled?.trajectory.steps.map(({ turn }) => actionText(turn.action)) ?? [];
  const expected = Array.from({ length: stepsPerEpisode }, (_, n) => commandOf(n + 1));
  if (actions.join("\n") === expected.join("\n")) return faults;
  return [...faults, `I3: ${value.episodeId} has the steps ${actions.join(" | ")}`];
}

/** I3 and I4: the terminal record's steps are stored, all of them, and nobody with a newer token had written before it. */
export function storedFaults(
  { value, at }: ReturnType<typeof episodeResults>[number],
  { records }: History,
): { faults: string[]; assembled: ReturnType<typeof assembleAttempt> } {
  const own = records.filter(({ value: record }) => record.episodeId === value.episodeId);
  const assembled = assembleAttempt(
    own.map(({ value: record, bytes }) => ({ record, bytes })),
    value.attempt,
    value.fencingToken,
  );
  const steps = assembled?.stepBytes.slice(0, value.steps) ?? [];
  const faults: string[] = [];
  if (steps.length !== value.steps || trajectoryDigest(steps) !== value.digest)
    faults.push(`I3: the steps of ${value.episodeId} are not the ${value.steps} of its terminal record`);
  const newer = own.filter((record) => record.value.fencingToken > value.fencingToken && record.at < at);
  if (newer.length > 0)
    faults.push(
      `I4: ${value.episodeId} ended under token ${value.fencingToken} after ${newer[0]?.value.fencingToken} had written`,
    );
  return { faults, assembled };
}

/** I5: at rest nothing is queued, pending or leased. */
export function unrest({ tasksLeft, tasksPending, openLeases }: History): string[] {
  return [
    ...(tasksLeft > 0 ? [`I5: ${tasksLeft} tasks are left in the queue`] : []),
    ...(tasksPending > 0 ? [`I5: ${tasksPending} tasks are unacknowledged`] : []),
    ...(openLeases.length > 0 ? [`I5: leases are open: ${openLeases.join(", ")}`] : []),
  ];
}

function isGivenUp(result: TaskResult): boolean {
  if (result.kind === "episode.ended") return result.reason === "infrastructure";
  return result.kind === "stage.ended" ? result.outcome === "failed" : result.workerId === nobody;
}

export function purchasesOf(
  { purchases }: Policy,
  { journal, records }: History,
): Pick<Verdict, "paidTwice" | "answersLostInFlight"> & { usedUnjournaled: number } {
  const journaledAt = new Map<number, number>();
  for (const { value, at } of journal) {
    const number = value.answer.kind === "inline" ? purchaseIn(value.answer.words.text) : null;
    if (number !== null) journaledAt.set(number, at);
  }
  const byPrompt = Map.groupBy(purchases.keys(), (number) => purchases[number]?.prompt ?? "");
  let paidTwice = 0;
  let answersLostInFlight = 0;
  for (const numbers of byPrompt.values()) {
    for (const number of numbers.slice(0, -1)) {
      const known = journaledAt.get(number);
      const again = numbers.filter(
        (later) => later > number && known !== undefined && (purchases[later]?.askedAt ?? 0) > known,
      );
      paidTwice += again.length;
      answersLostInFlight += Number(known === undefined);
    }
  }
  // Without a journal nothing could be bought twice from it: whatever was acted on must stand there.
  const usedUnjournaled = records.filter(({ value }) => {
    const number = value.kind === "step.recorded" ? purchaseIn(value.step.turn.reason) : null;
    return number !== null && !journaledAt.has(number);
  }).length;
  return { paidTwice, answersLostInFlight, usedUnjournaled };
}
