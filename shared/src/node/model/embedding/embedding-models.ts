// What is known of the vendors' embedding models, and what an `index.embedder` setting names. Everything that can be
// wrong with such a setting is said here, before anything is spent.
import { z } from "zod";

export interface GeminiEmbeddingModel {
  dimensions: { min: number; max: number };
  textTokensMax: number;
  /** How it is told whether a text is looked for or is to be found. */
  purposeBy: "task-type" | "prefix";
}

export interface OpenAiEmbeddingModel {
  dimensions: number;
  /** Whether it gives fewer dimensions when asked. */
  isResizable: boolean;
}

/** ai.google.dev, guide to embeddings, November 2026; the default is the full size. */
export const geminiEmbeddingModels: Readonly<Record<string, GeminiEmbeddingModel>> = {
  "gemini-embedding-001": { dimensions: { min: 128, max: 3_072 }, textTokensMax: 2_048, purposeBy: "task-type" },
  "gemini-embedding-2": { dimensions: { min: 128, max: 3_072 }, textTokensMax: 8_192, purposeBy: "prefix" },
};

/** OpenAI's API reference, November 2026. */
export const openAiEmbeddingModels: Readonly<Record<string, OpenAiEmbeddingModel>> = {
  "text-embedding-3-small": { dimensions: 1_536, isResizable: true },
  "text-embedding-3-large": { dimensions: 3_072, isResizable: true },
  "text-embedding-ada-002": { dimensions: 1_536, isResizable: false },
};

/** OpenAI reads 8,192 tokens of a text; other servers say how much they read when it was too much. */
export const openAiTextTokensMax = 8_192;

/** More than any model gives: a larger number is a mistake. */
const dimensionsMax = 8_192;

export const IndexEmbedder = z
  .string()
  .regex(
    /^(hash-v1|gemini:\S+|openai:\S+|model2vec:.+)$/,
    "expected hash-v1, gemini:MODEL, openai:MODEL or model2vec:FOLDER",
  );
export const EmbeddingDimensions = z.int().min(1).max(dimensionsMax);

export interface EmbedderSetting {
  /** `hash-v1`, `gemini:<model>`, `openai:<model>` or `model2vec:<folder>`. */
  embedder: string;
  /** Null: what the model gives by itself. */
  dimensions: number | null;
}

export interface EmbedderAccess {
  hasGeminiKey: boolean;
  hasOpenAiKey: boolean;
  /** Null: OpenAI itself. */
  openaiBaseUrl: string | null;
}

/** What a setting comes to: an embedder that is asked over the network, or one that the index computes itself. */
export type ResolvedEmbedder =
  | { kind: "gemini"; model: string; facts: GeminiEmbeddingModel; dimensions: number }
  | { kind: "openai"; model: string; facts: OpenAiEmbeddingModel | null; dimensions: number }
  | { kind: "hash-v1" }
  | { kind: "model2vec"; folder: string };

/** A sentence without its subject, and which of the two settings is its subject. */
export interface EmbedderProblem {
  setting: "embedder" | "dimensions";
  code: "MODEL_UNKNOWN" | "MODEL_UNAUTHORIZED" | "CONFIG_INVALID";
  sentence: string;
}

/** Reads a setting; the answer has a `sentence` where something is wrong with it. */
export function resolveEmbedder(
  { embedder, dimensions }: EmbedderSetting,
  access: EmbedderAccess,
): ResolvedEmbedder | EmbedderProblem {
  const [, kind = "", rest = ""] = /^([^:]*):?(.*)$/.exec(embedder) ?? [];
  switch (kind) {
    case "hash-v1":
      return dimensions === null ? { kind } : fixed(`is ${dimensions}, but hash-v1 has dimensions of its own`);
    case "model2vec":
      return dimensions === null
        ? { kind, folder: rest }
        : fixed(`is ${dimensions}, but a model2vec model has the dimensions of its folder's vectors`);
    case "gemini":
      return resolveGemini(rest, dimensions, access);
    case "openai":
      return resolveOpenAi(rest, dimensions, access);
    default:
      return unknown(`is "${embedder}"; expected hash-v1, gemini:MODEL, openai:MODEL or model2vec:FOLDER`);
  }
}

function resolveGemini(
  model: string,
  dimensions: number | null,
  access: EmbedderAccess,
): ResolvedEmbedder | EmbedderProblem {
  const facts = known(geminiEmbeddingModels, model);
  if (facts === null) return unknownModel(`gemini:${model}`, geminiEmbeddingModels);
  const { min, max } = facts.dimensions;
  if (dimensions !== null && (dimensions < min || dimensions > max)) {
    return fixed(`is ${dimensions}; ${model} gives ${min} to ${max}`);
  }
  if (!access.hasGeminiKey) return unauthorized(`gemini:${model}`, "set GEMINI_API_KEY or GEMINI_API_KEY_FILE");
  return { kind: "gemini", model, facts, dimensions: dimensions ?? max };
}

function resolveOpenAi(
  model: string,
  dimensions: number | null,
  access: EmbedderAccess,
): ResolvedEmbedder | EmbedderProblem {
  if (access.openaiBaseUrl !== null) {
    if (dimensions !== null) return { kind: "openai", model, facts: null, dimensions };
    return fixed(`is not set; how many the vectors of ${model} have at ${access.openaiBaseUrl} is not known here`);
  }
  const facts = known(openAiEmbeddingModels, model);
  if (facts === null) return unknownModel(`openai:${model}`, openAiEmbeddingModels);
  if (dimensions !== null && (facts.isResizable ? dimensions > facts.dimensions : dimensions !== facts.dimensions)) {
    return fixed(`is ${dimensions}; ${model} gives ${facts.isResizable ? "1 to " : ""}${facts.dimensions}`);
  }
  if (!access.hasOpenAiKey) {
    return unauthorized(`openai:${model}`, "set OPENAI_API_KEY or HINDCAST_OPENAI_BASE_URL");
  }
  return { kind: "openai", model, facts, dimensions: dimensions ?? facts.dimensions };
}

function known<T>(models: Readonly<Record<string, T>>, model: string): T | null {
  return Object.hasOwn(models, model) ? (models[model] ?? null) : null;
}

function unknown(sentence: string): EmbedderProblem {
  return { setting: "embedder", code: "MODEL_UNKNOWN", sentence };
}

function unknownModel(embedder: string, models: object): EmbedderProblem {
  return unknown(`is ${embedder}, an embedding model that is not known; choose ${Object.keys(models).join(" or ")}`);
}

function unauthorized(embedder: string, remedy: string): EmbedderProblem {
  return {
    setting: "embedder",
    code: "MODEL_UNAUTHORIZED",
    sentence: `is ${embedder}, but its key is missing; ${remedy}`,
  };
}

function fixed(sentence: string): EmbedderProblem {
  return { setting: "dimensions", code: "CONFIG_INVALID", sentence };
}
