// What the cluster's streams say after all harm is done: every task has one terminal record, and every terminal record its
// steps.
import { CampaignRecord } from "@hindcast/shared";
import { connectBus } from "@hindcast/shared/node";
import { reportOf, storedFaults, unrest } from "../chaos/checker.ts";
import { episodeResults, readHistory, type ServerAccess } from "../chaos/history.ts";

export interface Proof {
  campaigns: number;
  tasks: number;
  steps: number;
  violations: string[];
}

export async function prove(access: ServerAccess & { caFile: string }): Promise<Proof> {
  const history = await readHistory(access);
  const results = episodeResults(history);
  const violations = [
    ...results.flatMap((result) => (result.value.reason === "submitted" ? storedFaults(result, history).faults : [])),
    ...unrest(history),
  ];
  const doubled = results.length - new Set(results.map(({ subject }) => subject)).size;
  if (doubled > 0) violations.push(`I2: ${doubled} tasks have two terminal records`);
  if (history.deadLetters > 0) violations.push(`${history.deadLetters} tasks went to the dead letters`);
  const { servers, user, password, inboxPrefix, caFile } = access;
  const bus = await connectBus({ servers, credentials: { user, password }, name: "proof", inboxPrefix, caFile });
  try {
    const records = bus.records("CAMPAIGNS", CampaignRecord);
    const ids = new Set(results.map(({ value }) => value.campaignId));
    let tasks = 0;
    for (const id of ids) {
      const campaign = (await records.get(id))?.value;
      if (campaign?.state !== "finished") violations.push(`I1: campaign ${id} is ${campaign?.state ?? "gone"}`);
      const report = campaign === undefined ? null : await reportOf(bus, campaign);
      const learned = report?.funnel.find(({ name }) => name === "tasks")?.counts["rolled-out"] ?? 0;
      // Evaluation has tasks of its own, so there may be more records than learning asked for, never fewer.
      const found = results.filter(({ value }) => value.campaignId === id).length;
      if (found < learned) violations.push(`I1: campaign ${id} has ${found} terminal records for ${learned} tasks`);
      tasks += found;
    }
    return { campaigns: ids.size, tasks, steps: results.reduce((sum, { value }) => sum + value.steps, 0), violations };
  } finally {
    await bus.close();
  }
}
