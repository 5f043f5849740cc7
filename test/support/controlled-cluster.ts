// Campaigns on a real server: a coordinator, and a client that only may ask. Agents are for each test to start.
import {
  CampaignRecord,
  CampaignReply,
  type Change,
  ChangesReply,
  type Command,
  ControlRequest,
  stagePool,
  subjects,
  type WorkerId,
} from "@hindcast/shared";
import { type Bus, type Model, silentLogger } from "@hindcast/shared/node";
import { expect } from "vitest";
import { packDocuments } from "../../coordinator/src/campaign-run.ts";
import { CampaignService } from "../../coordinator/src/campaign-service.ts";
import { someSettings } from "./campaign-context.ts";
import { aNatsServer, type TestNats, testPool } from "./nats-server.ts";
import { aDocument, scriptedGenerator } from "./scripted-generator.ts";
import { startStages } from "./stages.ts";

export interface ControlledCluster extends AsyncDisposable {
  nats: TestNats;
  /** A coordinator's. */
  bus: Bus;
  client: Bus;
  /** A campaign service and stages. */
  coordinator(model?: Model, workerId?: string): Promise<AsyncDisposable>;
  start(settings?: Partial<CampaignRecord["settings"]>, pages?: number): Promise<CampaignRecord>;
  cancel(campaign: CampaignRecord): Promise<CampaignRecord>;
  ctl(verb: Command["verb"], target: string | null, values?: Record<string, string>): Promise<Change[]>;
  untilFinished(campaign: CampaignRecord): Promise<void>;
  /** Until nothing is queued or worked on. */
  untilIdle(): Promise<void>;
}

export async function aControlledCluster(): Promise<ControlledCluster> {
  const nats = await aNatsServer();
  const bus = await nats.coordinator();
  const client = await nats.connect("client");
  const by = "ada@laptop";
  const campaignOf = async (verb: string, value: ControlRequest): Promise<CampaignRecord> =>
    (await client.request({ subject: subjects.control(verb), request: ControlRequest, reply: CampaignReply, value }))
      .campaign;
  const stateOf = async ({ id }: CampaignRecord): Promise<string | undefined> =>
    (await bus.records("CAMPAIGNS", CampaignRecord).get(id))?.value.state;
  return {
    nats,
    bus,
    client,
    coordinator: async (model = scriptedGenerator(), workerId = "w-one") => {
      const deps = { bus, model: () => model, logger: silentLogger, workerId: workerId as WorkerId };
      const stages = startStages(deps);
      const service = new CampaignService(deps);
      await service.start();
      return {
        [Symbol.asyncDispose]: async () => {
          await service[Symbol.asyncDispose]();
          await stages[Symbol.asyncDispose]();
        },
      };
    },
    start: async (settings = {}, pages = 2) => {
      const documents = await client.blobs.put(packDocuments(Array.from({ length: pages }, (_, n) => aDocument(n))));
      const asked = { name: "test", settings: { ...someSettings, ...settings }, documents, by };
      return await campaignOf("start", { v: 1, kind: "campaign.start", ...asked });
    },
    cancel: ({ id: campaignId }) => campaignOf("cancel", { v: 1, kind: "campaign.cancel", campaignId }),
    ctl: async (verb, target, values = {}) => {
      const { changes } = await client.request({
        subject: subjects.control(verb),
        request: ControlRequest,
        reply: ChangesReply,
        value: { v: 1, kind: "command", verb, target, arguments: values, by },
      });
      return changes;
    },
    untilFinished: (campaign) => expect.poll(() => stateOf(campaign), { timeout: 20_000 }).toBe("finished"),
    untilIdle: async () => {
      for (const pool of [testPool, stagePool])
        await expect.poll(() => bus.tasks.backlog(pool), { timeout: 10_000 }).toEqual({ queued: 0, working: 0 });
    },
    [Symbol.asyncDispose]: () => nats[Symbol.asyncDispose](),
  };
}

/** Lets the agent's first step begin and holds it until `goOn`. */
export function aHeldStep(): { beforeStep: () => Promise<void>; begun: Promise<void>; goOn: () => void } {
  const [begun, going] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  return {
    beforeStep: () => (begun.resolve(), going.promise),
    begun: begun.promise,
    goOn: going.resolve,
  };
}
