// Gemini's embedding models through Google's maintained SDK. `gemini-embedding-001` is told the purpose by a task type;
// `gemini-embedding-2` ignores that and wants the purpose written before the text. Their vectors are not comparable.
import type { ContentEmbedding, GoogleGenAI } from "@google/genai";
import { z } from "zod";
import { DriverFailure } from "../driver.ts";
import { genaiFailure, geminiClient, geminiLane, loadSdk } from "../gemini.ts";
import { bytesPerToken } from "./batches.ts";
import type { EmbeddingAnswer, EmbeddingDriver } from "./driver.ts";
import type { EmbeddingPurpose } from "./embedder.ts";
import type { GeminiEmbeddingModel } from "./embedding-models.ts";

export interface GeminiEmbeddingOptions {
  apiKey: string;
  baseUrl: string | null;
  model: string;
  facts: GeminiEmbeddingModel;
  dimensions: number;
}

const taskTypes: Record<EmbeddingPurpose, string> = { document: "RETRIEVAL_DOCUMENT", query: "RETRIEVAL_QUERY" };
/** As Google's guide to embeddings has them for asymmetric retrieval. */
const prefixes: Record<EmbeddingPurpose, string> = {
  document: "title: none | text: ",
  query: "task: search result | query: ",
};

// Loose on purpose: the service adds fields without notice. What is in a vector is checked by `unitVector`.
const Values = z.custom<ContentEmbedding["values"] & object>(Array.isArray, "expected a list of numbers");
const Answer = z.looseObject({
  embeddings: z.array(z.looseObject({ values: Values })),
  usageMetadata: z.looseObject({ promptTokenCount: z.int().nonnegative().optional() }).optional(),
});

export function geminiEmbeddingDriver(options: GeminiEmbeddingOptions): EmbeddingDriver {
  const { apiKey, model, facts, dimensions } = options;
  let client: GoogleGenAI | undefined;
  return {
    id: `gemini:${model}`,
    name: `gemini/${model}`,
    dimensions,
    lane: geminiLane(options),
    textBytesMax: facts.textTokensMax * bytesPerToken,
    async send(texts, purpose, signal) {
      const sdk = await loadSdk();
      client ??= geminiClient(sdk, options);
      const text = (each: string): string => (facts.purposeBy === "prefix" ? prefixes[purpose] + each : each);
      try {
        const answer = await client.models.embedContent({
          model,
          // Bare strings would become the parts of one content, for which some models give one vector.
          contents: texts.map((each) => ({ parts: [{ text: text(each) }] })),
          config: {
            outputDimensionality: dimensions,
            abortSignal: signal,
            ...(facts.purposeBy === "task-type" && { taskType: taskTypes[purpose] }),
          },
        });
        return answerOf(answer);
      } catch (error) {
        throw error instanceof DriverFailure ? error : genaiFailure(sdk, error, apiKey);
      }
    },
  };
}

function answerOf(answer: unknown): EmbeddingAnswer {
  const parsed = Answer.safeParse(answer);
  if (!parsed.success) throw new DriverFailure({ kind: "answer-invalid", message: z.prettifyError(parsed.error) });
  const { embeddings, usageMetadata } = parsed.data;
  return {
    vectors: embeddings.map(({ values }) => values),
    inputTokens: usageMetadata?.promptTokenCount ?? null,
    buckets: [],
  };
}
