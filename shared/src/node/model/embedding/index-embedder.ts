// The embedder of an index, from its settings to one that is ready to be asked: checked, retried, cached on the bus.
import { HindcastError } from "../../../errors.ts";
import type { Bus } from "../../bus/bus.ts";
import type { ConfigOf } from "../../config.ts";
import type { indexVariables, modelVariables } from "../../environment-variables.ts";
import type { Logger } from "../../logger.ts";
import type { Admission } from "../admission.ts";
import { type AttemptOptions, systemClock } from "../attempts.ts";
import type { ModelSettings } from "../create-model.ts";
import { modelSettings } from "../model-registry.ts";
import { readPrices } from "../prices.ts";
import type { EmbeddingDriver } from "./driver.ts";
import type { BatchEmbedder, Embedder } from "./embedder.ts";
import { type EmbedderSetting, type ResolvedEmbedder, resolveEmbedder } from "./embedding-models.ts";
import { geminiEmbeddingDriver } from "./gemini-embedding.ts";
import { openAiEmbeddingDriver } from "./openai-embedding.ts";
import { type EmbeddingEvent, remoteEmbedder } from "./remote-embedder.ts";
import { cachedEmbedder, StoredVector } from "./vector-cache.ts";

export interface EmbedderDependencies extends AttemptOptions {
  /** Told of every answer that was paid for. */
  onAnswer?: (event: EmbeddingEvent) => void;
}

/**
 * The remote embedder of a setting, without a cache; null where the index computes its vectors itself (`hash-v1`,
 * `model2vec:<folder>`).
 * @throws HindcastError MODEL_UNKNOWN, MODEL_UNAUTHORIZED or CONFIG_INVALID for a setting that cannot be used.
 */
export function createEmbedder(
  setting: EmbedderSetting,
  settings: Pick<ModelSettings, "gemini" | "openai" | "priceFile">,
  dependencies: EmbedderDependencies = {},
): BatchEmbedder | null {
  const { gemini, openai, priceFile } = settings;
  const resolved = resolveEmbedder(setting, {
    hasGeminiKey: gemini.apiKey !== null,
    hasOpenAiKey: openai.apiKey !== null,
    openaiBaseUrl: openai.baseUrl,
  });
  if ("sentence" in resolved) {
    const subject = resolved.setting === "embedder" ? "index.embedder" : "index.embeddingDimensions";
    const message = `${subject} ${resolved.sentence}.`;
    throw new HindcastError({ code: resolved.code, boundary: "model", message });
  }
  const now = (): number => (dependencies.clock ?? systemClock).now();
  const driver = driverOf(resolved, { gemini, openai, now });
  return driver === null ? null : remoteEmbedder(driver, { ...dependencies, prices: readPrices(priceFile) });
}

export interface IndexEmbedderOptions {
  config: ConfigOf<typeof indexVariables & typeof modelVariables>;
  bus: Pick<Bus, "records">;
  logger: Logger;
  /** Gives every request its ticket. @default each process for itself */
  admission?: Admission;
  /** Told of every answer that was paid for; for metrics. */
  onAnswer?: (event: EmbeddingEvent) => void;
}

/**
 * The embedder that an index process was told to use, behind the cache in the VECTORS bucket; null where the index
 * computes its vectors itself.
 * @throws HindcastError as `createEmbedder` does, before anything is spent.
 */
export function createIndexEmbedder(options: IndexEmbedderOptions): Embedder | null {
  const { config, bus, logger, admission, onAnswer } = options;
  const setting = { embedder: config.indexEmbedder, dimensions: config.indexEmbeddingDimensions };
  const embedder = createEmbedder(setting, modelSettings(config), {
    ...(admission === undefined ? {} : { admission }),
    onRetry: (retry) => logger.warn({ event: "model.retry", ...retry }),
    onAnswer: (answer) => {
      logger.debug({ event: "embedding.bought", ...answer });
      onAnswer?.(answer);
    },
  });
  return embedder === null ? null : cachedEmbedder(embedder, bus.records("VECTORS", StoredVector));
}

function driverOf(
  resolved: ResolvedEmbedder,
  { gemini, openai, now }: Pick<ModelSettings, "gemini" | "openai"> & { now: () => number },
): EmbeddingDriver | null {
  switch (resolved.kind) {
    case "gemini":
      return geminiEmbeddingDriver({ ...resolved, apiKey: gemini.apiKey ?? "", baseUrl: gemini.baseUrl });
    case "openai":
      return openAiEmbeddingDriver({ ...resolved, apiKey: openai.apiKey, baseUrl: openai.baseUrl, now });
    case "hash-v1":
    case "model2vec":
      return null;
  }
}
