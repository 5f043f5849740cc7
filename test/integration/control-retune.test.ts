// Limits that change while what they limit runs: of campaigns, and of lanes of a provider.
// Requirements: 5.7.retune
import { setTimeout as delay } from "node:timers/promises";
import {
  type AdmissionStatus,
  AdmissionTune,
  AdmissionTuned,
  type CampaignId,
  CampaignRecord,
  subjects,
  type WorkerId,
} from "@hindcast/shared";
import type { Model } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AdmissionSettings } from "../../coordinator/src/admission/settings.ts";
import { CampaignRecords } from "../../coordinator/src/campaign-records.ts";
import { packDocuments } from "../../coordinator/src/campaign-run.ts";
import { aRequest, noAbort } from "../conformance/model-fixtures.ts";
import { aCampaign, admissionStatus, anAdmitter, anAgent, untilAdmitting } from "../support/admission.ts";
import { someSettings } from "../support/campaign-context.ts";
import { type ControlledCluster, aControlledCluster, aHeldStep } from "../support/controlled-cluster.ts";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import type { Emulator } from "../support/emulators/emulator.ts";
import { testPool } from "../support/nats-server.ts";
import { aDocument, scriptedGenerator } from "../support/scripted-generator.ts";
import { startWorker } from "../support/worker.ts";

const commands = ["do-one", "do-two", "do-three"];
let cluster: ControlledCluster;
beforeEach(async () => {
  cluster = await aControlledCluster();
});
afterEach(() => cluster[Symbol.asyncDispose]());

/** A campaign that nobody leads: only its requests matter. */
const aWaiting = (id: string): Promise<CampaignId> => aCampaign(cluster.bus, id, {}, "paused");

/** Asks one request after the other of a provider that answers one at a time; tells whose were answered, in order. */
async function aQueue(emulator: Emulator, campaigns: readonly CampaignId[], times: number): Promise<Queue> {
  const answered: CampaignId[] = [];
  const going = Promise.withResolvers<void>();
  let isFirst = true;
  emulator.replyAlways(async () => {
    // The first holds the lane until all others wait.
    if (isFirst) {
      isFirst = false;
      await going.promise;
    }
    return { kind: "answer", text: "yes" };
  });
  const worker = await cluster.nats.connect("w-1" as WorkerId);
  const agents = campaigns.map((campaignId) => anAgent(worker, emulator, { name: `agent-${campaignId}`, campaignId }));
  const first = agents[0]!.model.complete(aRequest(), noAbort);
  await expect.poll(() => emulator.requests.length).toBe(1);
  const asked = agents.flatMap(({ model }, at) =>
    Array.from({ length: times }, async (_, n) => {
      const content = [{ kind: "text" as const, text: `question ${at} ${n}` }];
      await model.complete(aRequest({ messages: [{ role: "user", content }] }), noAbort);
      answered.push(campaigns[at]!);
    }),
  );
  for (const each of asked) each.catch(() => undefined);
  const waiting = async (): Promise<number | undefined> => (await admissionStatus(cluster.bus)).lanes[0]?.waiting;
  await expect.poll(waiting).toBe(times * campaigns.length);
  return {
    answered,
    done: async () => {
      going.resolve();
      try {
        await first;
        await Promise.all(asked);
      } finally {
        await Promise.all(agents.map(({ admission }) => admission[Symbol.asyncDispose]()));
      }
    },
  };
}

interface Queue {
  answered: CampaignId[];
  done: () => Promise<void>;
}

const oneAtATime: AdmissionSettings["limitsOf"] = () => ({
  requestsPerMinute: null,
  inputTokensPerMinute: null,
  outputTokensPerMinute: null,
  concurrency: { min: 1, start: 1, max: 1 },
});

describe("retune of a campaign's place on the lanes", () => {
  it("lets what waits already go first by its new priority, and oftener by its new weight", async () => {
    await using emulator = await startAnthropicEmulator();
    await using _coordinator = await cluster.coordinator();
    await using _admitter = await anAdmitter(cluster.bus, { limitsOf: oneAtATime });
    await untilAdmitting(cluster.bus);
    const [plain, heavy, urgent] = await Promise.all(["c-0001", "c-0002", "c-0003"].map(aWaiting));
    const queue = await aQueue(emulator, [plain!, heavy!, urgent!], 6);
    expect(await cluster.ctl("retune", urgent!, { priority: "high" })).toMatchObject([
      { before: "priority=normal", after: "priority=high" },
    ]);
    expect(await cluster.ctl("retune", heavy!, { weight: "3" })).toMatchObject([
      { before: "weight=1", after: "weight=3" },
    ]);
    await expect(cluster.ctl("retune", heavy!, { priority: "highest" })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
    await expect(cluster.ctl("retune", heavy!, { weight: "none" })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    // The desk follows the records; nothing is let go meanwhile.
    await delay(300);
    await queue.done();
    expect(queue.answered.slice(0, 6)).toEqual(Array.from({ length: 6 }, () => urgent));
    const turns = queue.answered.slice(6, 14);
    expect(turns.filter((id) => id === heavy).length).toBeGreaterThanOrEqual(5);
  });

  it("keeps the dollars of what waits already under a limit that is moved", async () => {
    await using emulator = await startAnthropicEmulator();
    await using _coordinator = await cluster.coordinator();
    await using _admitter = await anAdmitter(cluster.bus, { limitsOf: oneAtATime });
    await untilAdmitting(cluster.bus);
    const campaign = await aWaiting("c-0001");
    const queue = await aQueue(emulator, [campaign], 3);
    await cluster.ctl("retune", campaign, { costUsdMax: "0.000001" });
    await delay(300);
    await expect(queue.done()).rejects.toMatchObject({ code: "CAMPAIGN_BUDGET_EXHAUSTED" });
    expect(queue.answered).toEqual([]);
  });
});

describe("retune of a lane", () => {
  it("holds at once, is kept by whoever admits next, and is on record", async () => {
    await using emulator = await startAnthropicEmulator();
    emulator.replyAlways({ kind: "answer", text: "yes" });
    await using _coordinator = await cluster.coordinator();
    const campaignId = await aWaiting("c-0001");
    const lanes = async (): Promise<AdmissionStatus["lanes"]> => (await admissionStatus(cluster.bus)).lanes;
    let lane = "";
    {
      await using _admitter = await anAdmitter(cluster.bus);
      await untilAdmitting(cluster.bus);
      const worker = await cluster.nats.connect("w-1" as WorkerId);
      const { model, admission } = anAgent(worker, emulator, { name: "agent", campaignId });
      await model.complete(aRequest(), noAbort);
      await admission[Symbol.asyncDispose]();
      lane = (await lanes())[0]?.lane ?? "";
      expect(await cluster.ctl("retune", `lane:${lane}`, { requestsPerMinute: "30", concurrencyMax: "2" })).toEqual([
        expect.objectContaining({
          what: `lane ${lane}`,
          before: "requestsPerMinute=none",
          after: "requestsPerMinute=30",
        }),
        expect.objectContaining({ before: "concurrencyMax=100", after: "concurrencyMax=2" }),
      ]);
      expect(await lanes()).toMatchObject([{ requestsPerMinute: 30, concurrency: 2, concurrencyMax: 2 }]);
    }
    await using _next = await anAdmitter(cluster.bus, { id: "w-next" });
    await untilAdmitting(cluster.bus);
    expect(await lanes()).toMatchObject([{ lane, requestsPerMinute: 30, concurrencyMax: 2 }]);
    const agent = anAgent(await cluster.nats.connect("w-2" as WorkerId), emulator, { name: "other", campaignId });
    const asked = [1, 2].map((seed) => agent.model.complete(aRequest({ seed }), noAbort));
    await delay(500);
    // Who takes over knows no level: its bucket is empty, and at 30 a minute the first goes after two seconds.
    expect(await lanes()).toMatchObject([{ waiting: 2, block: "rate" }]);
    expect(await cluster.ctl("retune", `lane:${lane}`, { requestsPerMinute: "none" })).toMatchObject([
      { before: "requestsPerMinute=30", after: "requestsPerMinute=none" },
    ]);
    // What the provider's headers say holds on.
    expect(await lanes()).toMatchObject([{ requestsPerMinute: 1_000, concurrencyMax: 2 }]);
    await Promise.all(asked);
    await agent.admission[Symbol.asyncDispose]();
    expect(await cluster.ctl("resume", `lane:${lane}`)).toMatchObject([{ what: `lane ${lane}`, after: "open" }]);
    await expect(cluster.ctl("resume", "lane:anthropic.x.y")).rejects.toMatchObject({ code: "BUS_NOT_FOUND" });
    const intents: unknown[] = [];
    for await (const { record } of cluster.client.audit.read())
      if (record.kind === "audit.intent") intents.push(record);
    expect(intents).toMatchObject([
      { verb: "retune", target: `lane:${lane}`, arguments: { requestsPerMinute: "30", concurrencyMax: "2" } },
      { verb: "retune", arguments: { requestsPerMinute: "none" } },
      { verb: "resume", target: `lane:${lane}` },
      { verb: "resume", target: "lane:anthropic.x.y" },
    ]);
  });

  it("is refused for a lane that there is not, for what no lane has, and from anybody but a coordinator", async () => {
    await using _coordinator = await cluster.coordinator();
    await using _admitter = await anAdmitter(cluster.bus);
    await untilAdmitting(cluster.bus);
    await expect(cluster.ctl("retune", "lane:anthropic.x.y", { requestsPerMinute: "1" })).rejects.toMatchObject({
      code: "BUS_NOT_FOUND",
      message: expect.stringContaining("lane:anthropic.x.y"),
    });
    await expect(cluster.ctl("retune", "lane:anthropic.x.y", { costUsdMax: "1" })).rejects.toMatchObject({
      code: "CONFIG_UNKNOWN_KEY",
      message: expect.stringContaining("concurrencyMax"),
    });
    const value = { v: 1, kind: "admission.tune", lane: "anthropic.x.y", tuning: {} } as const;
    for (const other of [cluster.client, await cluster.nats.connect("w-2" as WorkerId)]) {
      const subject = subjects.admission("tune");
      await expect(
        other.request({ subject, request: AdmissionTune, reply: AdmissionTuned, value }),
      ).rejects.toMatchObject({ code: "BUS_FORBIDDEN" });
    }
  });
});

describe("retune of a campaign", () => {
  it("moves the dollar limit while it runs, and refuses what its ids are made of", async () => {
    const { beforeStep, begun, goOn } = aHeldStep();
    await using _worker = await startWorker(cluster.nats, { commands, beforeStep });
    const priced = scriptedGenerator();
    const costly: Model = {
      id: priced.id,
      provider: "offline",
      isOffline: true,
      complete: async (request) => ({ ...(await priced.complete(request)), costUsd: 1 }),
    };
    await using _coordinator = await cluster.coordinator(costly);
    // One dollar for the proposal, then nothing is left for what comes after the episode.
    const campaign = await cluster.start({ costUsdMax: 1.5 }, 1);
    await begun;
    expect(await cluster.ctl("retune", campaign.id, { costUsdMax: "1000" })).toMatchObject([
      { before: "costUsdMax=1.5", after: "costUsdMax=1000" },
    ]);
    await expect(cluster.ctl("retune", campaign.id, { seed: "9" })).rejects.toMatchObject({
      code: "CONFIG_UNKNOWN_KEY",
      message: expect.stringContaining("costUsdMax, episodesInFlightMax"),
    });
    await expect(cluster.ctl("retune", campaign.id, { costUsdMax: "much" })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
    goOn();
    await cluster.untilFinished(campaign);
    const record = (await cluster.bus.records("CAMPAIGNS", CampaignRecord).get(campaign.id))!.value;
    expect(record).toMatchObject({ settings: { costUsdMax: 1.5 }, tuning: { costUsdMax: 1000 } });
  });

  it("holds for a stage that was queued before the limit was raised and still works", async () => {
    await using _worker = await startWorker(cluster.nats, { commands });
    const priced = scriptedGenerator();
    const [summarising, going] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const costly: Model = {
      id: priced.id,
      provider: "offline",
      isOffline: true,
      complete: async (request) => {
        if (request.purpose === "summarise-transition") {
          summarising.resolve();
          await going.promise;
        }
        return { ...(await priced.complete(request)), costUsd: 1 };
      },
    };
    await using _coordinator = await cluster.coordinator(costly);
    // The proposal leaves two dollars, which the summaries alone take.
    const campaign = await cluster.start({ costUsdMax: 3 }, 1);
    await summarising.promise;
    await cluster.ctl("retune", campaign.id, { costUsdMax: "1000" });
    // Stages follow the records; nothing is let go meanwhile.
    await delay(500);
    going.resolve();
    await cluster.untilFinished(campaign);
    expect(priced.asked("judge")).toBeGreaterThan(0);
  });

  it("bounds the episodes that are queued or worked on at once", async () => {
    await using _coordinator = await cluster.coordinator();
    const { campaign } = await new CampaignRecords(cluster.bus).create({
      name: "test",
      settings: { ...someSettings, documentsMax: 6 },
      documents: await cluster.bus.blobs.put(packDocuments(Array.from({ length: 6 }, (_, n) => aDocument(n)))),
    });
    expect(await cluster.ctl("retune", campaign.id, { episodesInFlightMax: "1" })).toMatchObject([
      { before: "episodesInFlightMax=none", after: "episodesInFlightMax=1" },
    ]);
    await cluster.ctl("pause", campaign.id);
    await cluster.ctl("resume", campaign.id);
    await expect
      .poll(() => cluster.bus.tasks.backlog(testPool), { timeout: 10_000 })
      .toEqual({ queued: 1, working: 0 });
    await delay(500);
    expect(await cluster.bus.tasks.backlog(testPool)).toEqual({ queued: 1, working: 0 });
    await cluster.ctl("retune", campaign.id, { episodesInFlightMax: "none" });
    await expect
      .poll(async () => (await cluster.bus.tasks.backlog(testPool)).queued, { timeout: 5_000 })
      .toBeGreaterThan(3);
    await using _worker = await startWorker(cluster.nats, { commands });
    await cluster.untilFinished(campaign);
  });
});
