// From an id such as `anthropic:claude-sonnet-5-5` to a Model that is ready to be asked. Whatever is wrong with the id
// or its settings is said here, before anything is spent.
import { z } from "zod";
import { HindcastError } from "../../errors.ts";
import { anthropicDriver } from "./anthropic.ts";
import { anthropicBatchDriver } from "./batch/anthropic-batches.ts";
import type { BatchDriver } from "./batch/batch-driver.ts";
import { geminiBatchDriver } from "./batch/gemini-batches.ts";
import type { Driver } from "./driver.ts";
import { geminiLegacyDriver } from "./gemini-legacy.ts";
import { geminiDriver } from "./gemini.ts";
import type { Model } from "./model.ts";
import { createOfflineModel } from "./offline/index.ts";
import { openAiCompatibleDriver } from "./openai-compatible.ts";
import { readPrices } from "./prices.ts";
import { type AttemptOptions, systemClock } from "./attempts.ts";
import { retrying } from "./retry.ts";
import { createScriptedModel } from "./scripted.ts";

const apiKey = z.string().trim().min(1).nullable().default(null);
const baseUrl = z
  .url({ protocol: /^https?$/ })
  .nullable()
  .default(null);

/** Keys, endpoints and options of the providers. Holds secrets: never log it. */
export const ModelSettings = z.strictObject({
  anthropic: z
    .strictObject({ apiKey, baseUrl, thinking: z.enum(["default", "summarised"]).default("default") })
    .prefault({}),
  gemini: z.strictObject({ apiKey, baseUrl, driver: z.enum(["genai", "generative-ai"]).default("genai") }).prefault({}),
  /** Any OpenAI-compatible endpoint; `baseUrl` ends in the version, and a local server may need no key. */
  openai: z.strictObject({ apiKey, baseUrl, isStreaming: z.boolean().default(true) }).prefault({}),
  /** Own prices, put over those that Hindcast ships (`PriceTable`). */
  priceFile: z.string().nullable().default(null),
});
export type ModelSettings = z.infer<typeof ModelSettings>;

/** Share `lanes` between all models of a process, so that they know of each other's rate limits. */
export type ModelDependencies = AttemptOptions;

/** Why models of this id cannot be asked in batches; null where they can. */
export function batchProblem(id: string, geminiSdk: ModelSettings["gemini"]["driver"]): string | null {
  if (id.startsWith("anthropic:")) return null;
  if (!id.startsWith("gemini:")) return `${id} has no batch endpoint; only Anthropic's and Gemini's models have one`;
  if (geminiSdk === "genai") return null;
  return `${id} has no batch endpoint in the older SDK @google/generative-ai; choose the maintained @google/genai`;
}

/**
 * The batch endpoint of a model.
 * @throws HindcastError CONFIG_INVALID for one without; otherwise as `createModel`.
 */
export function createBatchDriver(id: string, settings: ModelSettings, clock = systemClock): BatchDriver {
  const problem = batchProblem(id, settings.gemini.driver);
  if (problem !== null) throw new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message: problem });
  const model = id.slice(id.indexOf(":") + 1);
  const { anthropic, gemini } = settings;
  if (id.startsWith("gemini:")) {
    return geminiBatchDriver({ model, baseUrl: gemini.baseUrl, apiKey: keyOf(id, gemini.apiKey) });
  }
  return anthropicBatchDriver({ ...anthropic, model, now: () => clock.now(), apiKey: keyOf(id, anthropic.apiKey) });
}

const providers = "anthropic, gemini, openai, offline";

/**
 * A model by id, `provider:model`.
 * @throws HindcastError MODEL_UNKNOWN for an id of no known provider; MODEL_UNAUTHORIZED for a provider without a key;
 * CONFIG_INVALID for an unusable price file.
 */
export function createModel(id: string, settings: ModelSettings, dependencies: ModelDependencies = {}): Model {
  const [, provider = "", model = ""] = /^([^:]*):(.*)$/.exec(id) ?? [];
  if (model === "") throw unknownModel(id, `expected "provider:model" with a provider of ${providers}`);
  if (provider === "offline") return createOfflineModel(id);
  if (provider === "scripted") return createScriptedModel(id);
  const clock = dependencies.clock ?? systemClock;
  const driver = driverOf(id, { provider, model, now: () => clock.now() }, settings);
  return retrying(driver, { ...dependencies, prices: readPrices(settings.priceFile) });
}

function driverOf(
  id: string,
  { provider, model, now }: { provider: string; model: string; now: () => number },
  settings: ModelSettings,
): Driver {
  const { anthropic, gemini, openai } = settings;
  switch (provider) {
    case "anthropic":
      return anthropicDriver({ ...anthropic, model, now, apiKey: keyOf(id, anthropic.apiKey) });
    case "gemini": {
      const options = { model, baseUrl: gemini.baseUrl, apiKey: keyOf(id, gemini.apiKey) };
      return gemini.driver === "genai" ? geminiDriver(options) : geminiLegacyDriver(options);
    }
    case "openai":
      return openAiCompatibleDriver({
        ...openai,
        model,
        now,
        apiKey: openai.baseUrl === null ? keyOf(id, openai.apiKey) : openai.apiKey,
      });
    default:
      throw unknownModel(id, `"${provider}" is not one of the providers ${providers}`);
  }
}

function keyOf(id: string, key: string | null): string {
  if (key !== null) return key;
  throw new HindcastError({
    code: "MODEL_UNAUTHORIZED",
    boundary: "model",
    message: `The model "${id}" needs an API key and none is set. Set the provider's key, or use "offline:rules", which needs none.`,
  });
}

function unknownModel(id: string, problem: string): HindcastError {
  return new HindcastError({
    code: "MODEL_UNKNOWN",
    boundary: "model",
    message: `The model "${id}" is unknown: ${problem}, for example "anthropic:claude-sonnet-5-5" or "offline:rules".`,
  });
}
