// Requirements: 5.5.budget, 3.4.outcomes, 3.3.dead-letters, 3.bad.two-campaigns, 3.bad.unknown-version
import { gunzipSync } from "node:zlib";
import {
  CampaignListReply,
  CampaignRecord,
  CampaignReport,
  ControlRequest,
  HindcastError,
  leaseOf,
  limits,
  subjects,
} from "@hindcast/shared";
import { type Bus, type LeasedTask, type Model, type RecordStore, silentLogger } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CampaignRecords } from "../../coordinator/src/campaign-records.ts";
import { CampaignService } from "../../coordinator/src/campaign-service.ts";
import { endDeadTasks, LookedAt } from "../../coordinator/src/dead-letter-reconciler.ts";
import { aRolloutTask } from "../support/builders.ts";
import { type ControlledCluster, aControlledCluster } from "../support/controlled-cluster.ts";
import { acquire } from "../support/leases.ts";
import { testPool, testWorkers } from "../support/nats-server.ts";
import { rawNats } from "../support/raw-nats.ts";
import { scriptedGenerator } from "../support/scripted-generator.ts";
import { startWorker } from "../support/worker.ts";

const never = new AbortController().signal;
const commands = ["do-one", "do-two"];
let cluster: ControlledCluster;
let campaigns: RecordStore<CampaignRecord>;

beforeEach(async () => {
  cluster = await aControlledCluster();
  campaigns = cluster.bus.records("CAMPAIGNS", CampaignRecord);
});
afterEach(() => cluster[Symbol.asyncDispose]());

async function ended(campaign: CampaignRecord): Promise<CampaignRecord> {
  for await (const { key, value } of campaigns.watch(AbortSignal.timeout(20_000))) {
    if (key === campaign.id && value !== null && value.state !== "running") return value;
  }
  throw new Error("the campaign did not end");
}

async function reportOf({ report }: CampaignRecord): Promise<CampaignReport> {
  return CampaignReport.parse(JSON.parse(gunzipSync(await cluster.bus.blobs.get(report!)).toString("utf8")));
}

/** A generator that never answers and says when it was asked and when it was let go. */
function aHangingGenerator(): { model: Model; asked: Promise<void>; letGo: Promise<void> } {
  const [asked, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const complete: Model["complete"] = (_request, signal) => {
    asked.resolve();
    return new Promise((_, reject) => {
      const stop = (): void => (letGo.resolve(), reject(signal.reason as Error));
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
    });
  };
  return {
    model: { id: "offline:hanging", provider: "offline", isOffline: true, complete },
    asked: asked.promise,
    letGo: letGo.promise,
  };
}

describe("the campaign service", () => {
  it("runs a campaign to its stored report and lists it", async () => {
    await using _worker = await startWorker(cluster.nats, { commands });
    await using _service = await cluster.coordinator();
    const campaign = await cluster.start();
    expect(campaign.id).toBe("c-0001");
    const record = await ended(campaign);
    expect(record).toMatchObject({ state: "finished", detail: null });
    expect((await reportOf(record)).outcomes.submitted).toBe(2);
    const { campaigns: listed } = await cluster.bus.request({
      subject: subjects.control("list"),
      request: ControlRequest,
      reply: CampaignListReply,
      value: { v: 1, kind: "campaign.list" },
    });
    expect(listed).toEqual([record]);
  });

  it("refuses a dollar limit where a model's price is unknown, before anything is spent", async () => {
    const generator: Model = Object.assign(scriptedGenerator(), { isPriced: false });
    await using _service = await cluster.coordinator(generator);
    await expect(cluster.start({ costUsdMax: 1 })).rejects.toMatchObject({ code: "MODEL_PRICE_UNKNOWN" });
    expect(await campaigns.entries()).toEqual([]);
    expect((await cluster.start()).state).toBe("running");
  });

  it("keeps the report of a campaign that spent its budget, and takes back what is still queued", async () => {
    const text = (page: string): string =>
      JSON.stringify({
        tasks: [
          {
            instruction: `Write chapter ${page} of ${page.repeat(9)}`,
            asksForAnswer: false,
            expectedResult: "done",
            guidance: [],
            files: [],
            setup: [],
            needs: [],
          },
        ],
      });
    const costly = scriptedGenerator({
      "self-instruct": ({ messages }) => ({
        completion: { costUsd: 1, text: text(/Page (\d+)/.exec(JSON.stringify(messages))?.[1] ?? "") },
      }),
    });
    await using _service = await cluster.coordinator(costly);
    // Nobody works: what was proposed before the money ran out lies in the queue.
    const record = await ended(await cluster.start({ costUsdMax: 2, documentsMax: 20 }, 20));
    expect(record).toMatchObject({ state: "failed", detail: expect.stringContaining("CAMPAIGN_BUDGET_EXHAUSTED") });
    const report = await reportOf(record);
    expect(report.costs).toMatchObject([{ purpose: "self-instruct" }]);
    expect(report.costs[0]?.calls).toBeLessThan(20);
    await expect.poll(() => cluster.bus.tasks.backlog(testPool)).toEqual({ queued: 0, working: 0 });
  });

  it("ends a cancelled campaign's running task as cancelled and removes its queued ones", async () => {
    const stepping = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    await using _worker = await startWorker(cluster.nats, {
      commands,
      beforeStep: () => (stepping.resolve(), goOn.promise),
    });
    await using _service = await cluster.coordinator();
    const campaign = await cluster.start();
    await stepping.promise;
    expect((await cluster.cancel(campaign)).state).toBe("cancelled");
    goOn.resolve();
    await expect
      .poll(() => cluster.bus.tasks.backlog(testPool), { timeout: 10_000 })
      .toEqual({ queued: 0, working: 0 });
    const reasons: string[] = [];
    const over = AbortSignal.timeout(1_000);
    for await (const result of cluster.bus.results.watch(campaign.id, over)) {
      if (result.kind === "episode.ended") reasons.push(result.reason);
    }
    expect(reasons.length).toBeGreaterThan(0);
    expect(new Set(reasons)).toEqual(new Set(["cancelled"]));
    expect((await campaigns.get(campaign.id))?.value.state).toBe("cancelled");
  });

  it("lets go of a campaign that another coordinator ended", async () => {
    const { model, asked, letGo } = aHangingGenerator();
    await using _service = await cluster.coordinator(model);
    const { id } = await cluster.start();
    await asked;
    await new CampaignRecords(cluster.bus).end(id, { state: "cancelled", report: null, detail: null }, null);
    await letGo;
    expect((await campaigns.get(id))?.value.state).toBe("cancelled");
  });

  it("leaves a campaign running that it was stopped in, and takes it up again", async () => {
    const { model, asked } = aHangingGenerator();
    const first = await cluster.coordinator(model);
    const campaign = await cluster.start();
    await asked;
    await first[Symbol.asyncDispose]();
    expect((await campaigns.get(campaign.id))?.value.state).toBe("running");
    await using _worker = await startWorker(cluster.nats, { commands });
    await using _second = await cluster.coordinator();
    expect((await ended(campaign)).state).toBe("finished");
  });

  it("numbers past a record that it cannot read", async () => {
    await using raw = await rawNats(cluster.nats);
    await raw.jetstream.publish("$KV.CAMPAIGNS.c-0001", JSON.stringify({ v: 2 }));
    const { model } = aHangingGenerator();
    await using _service = await cluster.coordinator(model);
    expect((await cluster.start()).id).toBe("c-0002");
  });

  it("refuses an unknown model before anything is stored", async () => {
    const unknown = new HindcastError({ code: "MODEL_UNKNOWN", boundary: "model", message: "no such model" });
    const service = new CampaignService({
      bus: cluster.bus,
      model: () => {
        throw unknown;
      },
      logger: silentLogger,
      workerId: testWorkers[2]!,
    });
    await service.start();
    await expect(cluster.start()).rejects.toMatchObject({ code: "MODEL_UNKNOWN" });
    expect(await campaigns.entries()).toEqual([]);
    await service[Symbol.asyncDispose]();
  });
});

describe("tasks that no worker will finish", () => {
  const task = aRolloutTask();

  async function exhaust(worker: Bus): Promise<LeasedTask> {
    for (;;) {
      const [leased] = await worker.tasks.lease(testPool, 1, 2_000, never);
      if (leased === undefined) throw new Error("the task was not delivered");
      if (leased.deliveryCount === limits.deliveriesMax) return leased;
      leased.handBack();
    }
  }

  it("end as lost to infrastructure, so that no campaign waits for them for ever", async () => {
    const worker = await cluster.nats.connect(testWorkers[0]!);
    await cluster.bus.tasks.publish(task, never);
    (await exhaust(worker)).handBack();
    expect(await worker.tasks.lease(testPool, 1, 300, never)).toEqual([]);
    await expect.poll(() => cluster.bus.deadLetters.reconcile([testPool])).toBe(1);
    expect(await endDeadTasks(cluster.bus)).toBe(1);
    expect(await cluster.bus.results.get(task.campaignId, task.taskId)).toMatchObject({
      reason: "infrastructure",
      steps: 0,
      costUsd: null,
      error: { message: expect.stringContaining(`${limits.deliveriesMax} deliveries`) },
    });
    expect(await endDeadTasks(cluster.bus)).toBe(0);
  });

  it("are left to a worker that still holds the episode", async () => {
    const worker = await cluster.nats.connect(testWorkers[0]!);
    await cluster.bus.tasks.publish(task, never);
    const leased = await exhaust(worker);
    const lease = await acquire(worker, leaseOf.episode(task.episodeId), testWorkers[0]!);
    await leased.deadLetter("a missed heartbeat");
    const looked = new LookedAt();
    expect(await endDeadTasks(cluster.bus, looked)).toBe(0);
    const [held] = await cluster.bus.deadLetters.list();
    expect(looked.until).toBe(held?.sequence);
    await lease?.release();
    expect(await endDeadTasks(cluster.bus, looked)).toBe(1);
    // Not read again in every round: a letter may hold a megabyte.
    expect(looked.until).toBe((held?.sequence ?? 0) + 1);
    expect(looked.beyond.size).toBe(0);
  });
});
