// What `createModels` puts together, with batches that are worked on in milliseconds.
import { type BatchSettings, CampaignRecord, isOver, type WorkerId } from "@hindcast/shared";
import {
  BatchDesk,
  BatchesValue,
  batching,
  type BatchPurse,
  type Bus,
  createBatchDriver,
  createModel,
  journaled,
  JournaledCompletion,
  type Model,
  ModelSettings,
  type ModelSource,
  shippedPrices,
} from "@hindcast/shared/node";

/** The models of one process; disposing of them lets go of their batches. */
export function quickModels(
  bus: Bus,
  { url, apiKey }: { url: string; apiKey: string },
  owner = "w-campaign" as WorkerId,
  purse?: BatchPurse,
): AsyncDisposable & { source: ModelSource } {
  const settings = ModelSettings.parse({ anthropic: { apiKey, baseUrl: url } });
  const journal = { records: bus.records("JOURNAL", JournaledCompletion), blobs: bus.blobs };
  const desks = new Map<string, BatchDesk>();
  const models = new Map<string, Model>();
  const made = (id: string, batch?: BatchSettings): Model => {
    const single = createModel(id, settings);
    if (single.isOffline) return single;
    if (batch === undefined || batch.purposes.length === 0) return journaled(single, journal);
    const desk =
      desks.get(id) ??
      new BatchDesk({
        driver: createBatchDriver(id, settings),
        single,
        prices: shippedPrices,
        batches: bus.records("BATCHES", BatchesValue),
        leases: bus.leases,
        journal,
        owner,
        ...(purse === undefined ? {} : { purse }),
        isCampaignOver: async (campaign) => {
          const record = await bus.records("CAMPAIGNS", CampaignRecord).get(campaign);
          return record !== null && isOver(record.value.state);
        },
        tuning: { quietMs: 150, quietMsMax: 600, pollMs: 10, pollMsMax: 20, tendMs: 50 },
      });
    desks.set(id, desk);
    return journaled(batching(single, desk, batch), journal);
  };
  // One model for all stages, so that equal requests at the same time share a call.
  const source: ModelSource = (id, batch) => {
    const key = `${id} ${JSON.stringify(batch)}`;
    const model = models.get(key) ?? made(id, batch);
    models.set(key, model);
    return model;
  };
  return {
    source,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...desks.values()].map((desk) => desk[Symbol.asyncDispose]()));
    },
  };
}
