// Starting a campaign when answers are lost and coordinators ask and answer at the same time.
// Requirements: 5.4.start-once
import {
  type BlobRef,
  type CampaignId,
  CampaignRecord,
  CampaignReply,
  ControlRequest,
  subjects,
  type WorkerId,
} from "@hindcast/shared";
import { type Bus, connectBus, type Model, silentLogger } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CampaignRecords } from "../../coordinator/src/campaign-records.ts";
import { packDocuments } from "../../coordinator/src/campaign-run.ts";
import { CampaignService } from "../../coordinator/src/campaign-service.ts";
import { requestIdOf, startOrContinue, type WantedCampaign } from "../../coordinator/src/cli/start-campaign.ts";
import { someSettings } from "../support/campaign-context.ts";
import { aCampaignRecord } from "../support/campaign-records.ts";
import { aLossyProxy } from "../support/lossy-proxy.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { aDocument } from "../support/scripted-generator.ts";

let nats: TestNats;
let bus: Bus;
let documents: BlobRef;

beforeEach(async () => {
  nats = await aNatsServer();
  bus = await nats.coordinator();
  documents = await bus.blobs.put(packDocuments([aDocument(1)]));
});
afterEach(() => nats[Symbol.asyncDispose]());

const wanted = (name = "test"): WantedCampaign => ({ name, settings: someSettings, documents });
const stored = async (): Promise<CampaignRecord[]> =>
  (await bus.records("CAMPAIGNS", CampaignRecord).entries()).map(({ value }) => value);

/** A model that never answers, so that what is started runs until the test is over. */
const silent: Model = {
  id: "offline:silent",
  provider: "offline",
  isOffline: true,
  complete: (_request, signal) =>
    new Promise((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }),
    ),
};

async function aCoordinator(workerId: string): Promise<AsyncDisposable> {
  const own = await nats.connect("coordinator");
  const service = new CampaignService({
    bus: own,
    model: () => silent,
    logger: silentLogger,
    workerId: workerId as WorkerId,
  });
  await service.start();
  return service;
}

const ask = async (requestId: string | null, { name, ...rest } = wanted()): Promise<CampaignRecord> =>
  (
    await bus.request({
      subject: subjects.control("start"),
      request: ControlRequest,
      reply: CampaignReply,
      value: { v: 1, kind: "campaign.start", name, ...rest, requestId },
    })
  ).campaign;

describe("a request to start a campaign", () => {
  it("makes one campaign however often it is asked of several coordinators at once", async () => {
    await using _one = await aCoordinator("w-one");
    await using _two = await aCoordinator("w-two");
    await using _three = await aCoordinator("w-three");
    const [first, second] = [requestIdOf(wanted(), 0), requestIdOf(wanted("other"), 0)];
    const answers = await Promise.all([
      ...Array.from({ length: 12 }, () => ask(first)),
      ...Array.from({ length: 12 }, () => ask(second, wanted("other"))),
    ]);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(2);
    expect((await stored()).map(({ name }) => name).toSorted()).toEqual(["other", "test"]);
    expect((await ask(first)).id).toBe(answers[0]?.id);
    // Who names no request asks for a campaign of its own, as before.
    expect((await ask(null)).id).toBe("c-0003");
  });

  it("is answered with what it has made when its first answer was lost", async () => {
    await using _coordinator = await aCoordinator("w-one");
    await using proxy = await aLossyProxy(nats.server.url);
    const client = await connectBus({ ...nats.options("client"), servers: proxy.url });
    let asked = 0;
    const request: Bus["request"] = async (exchange) => {
      if (exchange.subject !== subjects.control("start") || ++asked > 1) return await client.request(exchange);
      proxy.mute();
      const answer = client.request({ ...exchange, timeoutMs: 1_000 });
      answer.catch(() => undefined);
      await expect.poll(stored).toHaveLength(1);
      proxy.cut();
      return await answer;
    };
    const { campaign, isNew } = await startOrContinue(
      { request, records: (bucket, schema) => client.records(bucket, schema) },
      wanted(),
    );
    expect({ id: campaign.id, isNew, asked }).toEqual({ id: "c-0001", isNew: true, asked: 2 });
    expect(await stored()).toHaveLength(1);
    await client.close();
  });

  it("is another one once the same campaign has ended, and goes on with one that has not", async () => {
    await using _coordinator = await aCoordinator("w-one");
    const first = await startOrContinue(bus, wanted());
    expect(await startOrContinue(bus, wanted())).toMatchObject({ campaign: { id: first.campaign.id }, isNew: false });
    // Its leader writes into the record meanwhile.
    await new CampaignRecords(bus).end(first.campaign.id, { state: "finished", report: null, detail: null }, null);
    expect(await startOrContinue(bus, wanted())).toMatchObject({ campaign: { id: "c-0002" }, isNew: true });
  });

  it("is possible however many campaigns there were", async () => {
    await using _coordinator = await aCoordinator("w-one");
    const records = bus.records("CAMPAIGNS", CampaignRecord);
    const ids = Array.from({ length: 1_000 }, (_, n) => `c-${String(n + 1).padStart(4, "0")}` as CampaignId);
    const writing = ids.values();
    const write = async (): Promise<void> => {
      for (const id of writing) {
        await records.create(id, aCampaignRecord({ id, documents, name: `old ${id}`, state: "finished" }));
      }
    };
    await Promise.all(Array.from({ length: 16 }, write));
    expect(await startOrContinue(bus, wanted())).toMatchObject({ campaign: { id: "c-1001" }, isNew: true });
  });

  it("is refused when its id has asked for something else", async () => {
    await using _coordinator = await aCoordinator("w-one");
    const id = requestIdOf(wanted(), 0);
    await ask(id);
    await expect(ask(id, wanted("other"))).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("c-0001"),
    });
    expect(await stored()).toHaveLength(1);
  });
});
