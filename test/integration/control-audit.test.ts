// What operators ask is on record, and dead letters go back only where that helps.
// Requirements: 5.7.requeue, 5.7.audit
import { type AuditIntent, type AuditOutcome, type AuditRecord, CampaignRecord, type WorkerId } from "@hindcast/shared";
import { type Bus, silentLogger } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CampaignService } from "../../coordinator/src/campaign-service.ts";
import { aRolloutTask } from "../support/builders.ts";
import { type ControlledCluster, aControlledCluster } from "../support/controlled-cluster.ts";
import { testPool } from "../support/nats-server.ts";
import { scriptedGenerator } from "../support/scripted-generator.ts";
import { startWorker } from "../support/worker.ts";

const never = new AbortController().signal;
let cluster: ControlledCluster;
beforeEach(async () => {
  cluster = await aControlledCluster();
});
afterEach(() => cluster[Symbol.asyncDispose]());

async function audit(): Promise<(AuditIntent & { outcome: AuditOutcome | undefined })[]> {
  const records: { sequence: number; record: AuditRecord }[] = [];
  for await (const entry of cluster.client.audit.read()) records.push(entry);
  const outcomes = records.map(({ record }) => record).filter((record) => record.kind === "audit.outcome");
  return records.flatMap(({ sequence, record }) =>
    record.kind === "audit.intent" ? [{ ...record, outcome: outcomes.find(({ intent }) => intent === sequence) }] : [],
  );
}

describe("requeue", () => {
  it("puts back what has no terminal record, by number, task or campaign, and says why it leaves the rest", async () => {
    await using _coordinator = await cluster.coordinator();
    const agent = await cluster.nats.connect("w-1" as WorkerId);
    const task = aRolloutTask();
    const die = async (): Promise<void> => {
      const [leased] = await agent.tasks.lease(testPool, 1, 2_000, never);
      await leased?.deadLetter("a bug");
    };
    await cluster.bus.tasks.publish(task, never);
    for (const by of [(sequence: number) => String(sequence), () => task.taskId, () => task.campaignId, () => null]) {
      await die();
      const [letter] = await cluster.client.deadLetters.list();
      expect(await cluster.ctl("requeue", by(letter!.sequence))).toMatchObject([
        { before: "dead", after: "queued", campaignId: task.campaignId, problem: null },
      ]);
      expect(await cluster.client.deadLetters.list()).toEqual([]);
    }
    {
      await using _worker = await startWorker(cluster.nats, { id: "w-2" });
      await expect
        .poll(() => cluster.bus.results.get(task.campaignId, task.taskId), { timeout: 10_000 })
        .not.toBeNull();
      await cluster.untilIdle();
    }
    await cluster.bus.tasks.publish(task, never);
    await die();
    expect(await cluster.ctl("requeue", task.taskId)).toMatchObject([
      { before: "dead", after: "dead", problem: expect.stringContaining("terminal record") },
    ]);
    await expect(cluster.ctl("requeue", `${task.taskId}x`)).rejects.toMatchObject({
      code: "BUS_NOT_FOUND",
      message: expect.stringContaining(`did you mean ${task.taskId}?`),
    });
  });
});

describe("the audit log", () => {
  it("says who asked for what and what came of it, refused requests among them, and holds no secret", async () => {
    await using _coordinator = await cluster.coordinator();
    const campaign = await cluster.start();
    await cluster.ctl("pause", campaign.id);
    const key = `sk-ant-api03-${"Ab3".repeat(20)}`;
    await expect(cluster.ctl("retune", campaign.id, { apiKey: "hunter2" })).rejects.toThrow("apiKey");
    await expect(cluster.ctl("pause", key)).rejects.toMatchObject({ code: "CAMPAIGN_NOT_FOUND" });
    await cluster.cancel(campaign);
    const log = await audit();
    const change = { what: `campaign ${campaign.id}`, campaignId: campaign.id };
    const ada = { user: "client", by: "ada@laptop", coordinator: "w-one" };
    expect(log).toMatchObject([
      {
        ...ada,
        verb: "start",
        target: "test",
        outcome: { outcome: "done", changes: [{ ...change, before: "absent", after: "running" }] },
      },
      {
        ...ada,
        verb: "pause",
        target: campaign.id,
        outcome: { outcome: "done", changes: [{ ...change, before: "running", after: "paused" }] },
      },
      {
        verb: "retune",
        arguments: { apiKey: "…" },
        outcome: { outcome: "refused", error: { code: "CONFIG_UNKNOWN_KEY" } },
      },
      { verb: "pause", outcome: { outcome: "refused", error: { code: "CAMPAIGN_NOT_FOUND" } } },
      { verb: "cancel", by: null, outcome: { changes: [{ ...change, before: "paused", after: "cancelled" }] } },
    ]);
    for (const secret of ["hunter2", key]) expect(JSON.stringify(log)).not.toContain(secret);
  });

  it("is written before anything is done: what cannot be recorded is not done", async () => {
    const full = new Error("no space left");
    const broken = new Proxy(cluster.bus, {
      get: (target, name) => {
        if (name === "audit") return { append: () => Promise.reject(full) };
        const value: unknown = target[name as keyof Bus];
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    await using service = new CampaignService({
      bus: broken,
      model: () => scriptedGenerator(),
      logger: silentLogger,
      workerId: "w-one" as WorkerId,
    });
    await service.start();
    await expect(cluster.start()).rejects.toThrow("no space left");
    expect(await cluster.bus.records("CAMPAIGNS", CampaignRecord).entries()).toEqual([]);
  });

  it("lets nobody but coordinators write to it", async () => {
    const [record] = [{ v: 1, kind: "audit.intent", verb: "pause", target: null, arguments: {} } as const];
    const forged: AuditIntent = {
      ...record,
      user: "client",
      by: null,
      coordinator: "w-one" as WorkerId,
      at: new Date().toISOString(),
    };
    await expect(cluster.client.audit.append(forged)).rejects.toMatchObject({ code: "BUS_FORBIDDEN" });
  });
});
