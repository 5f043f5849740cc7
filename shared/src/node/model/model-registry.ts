// The models of one process: each id is made once, shares what is known of rate limits, and is journaled.
import { hostname } from "node:os";
import { type BatchSettings, CampaignRecord, isOver } from "../../domain/campaign.ts";
import type { CampaignId, WorkerId } from "../../domain/ids.ts";
import { messageOf } from "../../errors.ts";
import { deriveId } from "../derive-id.ts";
import type { Bus } from "../bus/bus.ts";
import type { ConfigOf } from "../config.ts";
import type { modelVariables } from "../environment-variables.ts";
import type { Logger } from "../logger.ts";
import type { Admission } from "./admission.ts";
import { createBatchDriver, createModel, ModelSettings } from "./create-model.ts";
import { journaled, JournaledCompletion } from "./journal.ts";
import { BatchDesk } from "./batch/batch-desk.ts";
import type { BatchPurse } from "./batch/batch-purse.ts";
import { BatchesValue, openBatches } from "./batch/batch-record.ts";
import { batching } from "./batch/batching.ts";
import { Lanes } from "./lanes.ts";
import type { Model } from "./model.ts";
import type { ModelMetrics } from "../telemetry/model-metrics.ts";
import { observedModel } from "../telemetry/observed-model.ts";
import { readPrices } from "./prices.ts";

export interface ModelRegistryOptions {
  config: ConfigOf<typeof modelVariables>;
  bus: Pick<Bus, "records" | "blobs" | "leases">;
  logger: Logger;
  /** Lets go of open batches when it aborts; without it, no model answers from batches. */
  stopping?: AbortSignal;
  /** Gives every request its ticket. @default each process for itself */
  admission?: Admission;
  /** Counts calls. @default nobody does */
  metrics?: ModelMetrics;
  /** Keeps the dollars of batches. @default none are counted */
  purse?: BatchPurse;
}

/** Gives a model by id; with `batch`, one that answers those purposes from batches. */
export type ModelSource = (id: string, batch?: BatchSettings) => Model;

/**
 * Gives models by id. Offline models are not journaled: their answers follow from their prompts and cost nothing.
 * @throws HindcastError MODEL_UNKNOWN, MODEL_UNAUTHORIZED, or CONFIG_INVALID for batches that the provider does not have,
 * from the returned function, before anything is spent.
 */
export function createModels(options: ModelRegistryOptions): ModelSource {
  const { config, bus, logger, admission, metrics, purse, stopping } = options;
  const settings = modelSettings(config);
  const store = { records: bus.records("JOURNAL", JournaledCompletion), blobs: bus.blobs };
  const lanes = new Lanes();
  const models = new Map<string, Model>();
  const single = (id: string): Model =>
    createModel(id, settings, {
      lanes,
      ...(admission === undefined ? {} : { admission }),
      onRetry: (retry) => logger.warn({ event: "model.retry", ...retry }),
    });
  const batches = bus.records("BATCHES", BatchesValue);
  const campaigns = bus.records("CAMPAIGNS", CampaignRecord);
  const isCampaignOver = async (id: CampaignId): Promise<boolean> => {
    const record = await campaigns.get(id);
    return record !== null && isOver(record.value.state);
  };
  const desks = new Map<string, BatchDesk>();
  const deskOf = (id: string): BatchDesk => {
    const known = desks.get(id);
    if (known !== undefined) return known;
    const desk = new BatchDesk({
      driver: createBatchDriver(id, settings),
      single: single(id),
      prices: readPrices(settings.priceFile),
      batches,
      isCampaignOver,
      ...(purse === undefined ? {} : { purse }),
      leases: bus.leases,
      journal: store,
      owner: deriveId("w", hostname(), process.pid) as WorkerId,
      onEvent: (event) => logger.info(event),
    });
    stopping?.addEventListener("abort", () => void desk[Symbol.asyncDispose](), { once: true });
    desks.set(id, desk);
    return desk;
  };
  /** Batches that nobody here asks for any more have still to be read, paid for or cancelled. */
  const takeUp = async (): Promise<void> => {
    for (const id of new Set(
      openBatches((await batches.entries()).map(({ value }) => value)).map(({ model }) => model),
    )) {
      try {
        deskOf(id);
      } catch (error) {
        logger.warn({ event: "batch.unreachable", model: id, err: error }, messageOf(error));
      }
    }
  };
  if (stopping !== undefined) {
    takeUp().catch((error: unknown) => stopping.aborted || logger.warn({ event: "batches.unread", err: error }));
  }
  return (id, batch) => {
    const isBatched = stopping !== undefined && batch !== undefined && batch.purposes.length > 0;
    const key = isBatched ? `${id} ${JSON.stringify(batch)}` : id;
    const known = models.get(key);
    if (known !== undefined) return known;
    const bare = single(id);
    const asked = isBatched ? batching(bare, deskOf(id), batch) : bare;
    const answering = bare.isOffline ? bare : journaled(asked, store);
    const model = metrics === undefined ? answering : observedModel(answering, metrics);
    models.set(key, model);
    return model;
  };
}

export function modelSettings(config: ConfigOf<typeof modelVariables>): ModelSettings {
  return ModelSettings.parse({
    anthropic: { apiKey: config.anthropicApiKey, baseUrl: config.anthropicBaseUrl },
    gemini: { apiKey: config.geminiApiKey, baseUrl: config.geminiBaseUrl, driver: config.geminiDriver },
    openai: { apiKey: config.openaiApiKey, baseUrl: config.openaiBaseUrl },
    priceFile: config.pricesFile,
  });
}
