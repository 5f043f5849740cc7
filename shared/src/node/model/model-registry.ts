// The models of one process: each id is made once, shares what is known of rate limits, and is journaled.
import type { Bus } from "../bus/bus.ts";
import type { ConfigOf } from "../config.ts";
import type { modelVariables } from "../environment-variables.ts";
import type { Logger } from "../logger.ts";
import { createModel, ModelSettings } from "./create-model.ts";
import { journaled, JournaledCompletion } from "./journal.ts";
import { Lanes } from "./lanes.ts";
import type { Model } from "./model.ts";

export interface ModelRegistryOptions {
  config: ConfigOf<typeof modelVariables>;
  bus: Pick<Bus, "records" | "blobs">;
  logger: Logger;
}

/**
 * Gives models by id. Offline models are not journaled: their answers follow from their prompts and cost nothing.
 * @throws HindcastError MODEL_UNKNOWN or MODEL_UNAUTHORIZED from the returned function, before anything is spent.
 */
export function createModels({ config, bus, logger }: ModelRegistryOptions): (id: string) => Model {
  const settings = modelSettings(config);
  const store = { records: bus.records("JOURNAL", JournaledCompletion), blobs: bus.blobs };
  const lanes = new Lanes();
  const models = new Map<string, Model>();
  return (id) => {
    const known = models.get(id);
    if (known !== undefined) return known;
    const bare = createModel(id, settings, {
      lanes,
      onRetry: (retry) => logger.warn({ event: "model.retry", ...retry }),
    });
    const model = bare.isOffline ? bare : journaled(bare, store);
    models.set(id, model);
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
