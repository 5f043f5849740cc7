// Embeddings of OpenAI and of any server with its `/embeddings`: vLLM, llama.cpp, Ollama, LM Studio, LiteLLM. The SDK
// asks for base64, which is a third of the size, and copes with servers that answer in numbers.
import type OpenAI from "openai";
import { z } from "zod";
import { DriverFailure } from "../driver.ts";
import { loadSdk, openAiClient, type OpenAiEndpoint, openAiFailure, openAiLane } from "../openai-wire.ts";
import { bucketsOf } from "../rate-limit-headers.ts";
import { bytesPerToken } from "./batches.ts";
import type { EmbeddingAnswer, EmbeddingDriver } from "./driver.ts";
import { type OpenAiEmbeddingModel, openAiTextTokensMax } from "./embedding-models.ts";

export interface OpenAiEmbeddingOptions extends OpenAiEndpoint {
  /** Null for a server that is not OpenAI's, whose models are not known. */
  facts: OpenAiEmbeddingModel | null;
  dimensions: number;
  /** Epoch milliseconds, to read reset times by. */
  now: () => number;
}

const isVector = (value: unknown): boolean => Array.isArray(value) || value instanceof Float32Array;
// What a server calls OpenAI-compatible is not always: only what is used is asked for, and all of that is checked.
const Answer = z.looseObject({
  data: z.array(
    z.looseObject({
      index: z.int().nonnegative(),
      embedding: z.custom<ArrayLike<unknown>>(isVector, "expected a list of numbers"),
    }),
  ),
  usage: z.looseObject({ prompt_tokens: z.int().nonnegative() }).nullish(),
});

export function openAiEmbeddingDriver(options: OpenAiEmbeddingOptions): EmbeddingDriver {
  const { apiKey, model, baseUrl, facts, dimensions, now } = options;
  let client: OpenAI | undefined;
  return {
    id: `openai:${model}`,
    // Servers name models as they like, so the same name at another server may be another model.
    name: baseUrl === null ? `openai/${model}` : `openai-compatible(${new URL(baseUrl).host})/${model}`,
    dimensions,
    lane: openAiLane(options),
    textBytesMax: openAiTextTokensMax * bytesPerToken,
    async send(texts, _purpose, signal) {
      const sdk = await loadSdk();
      client ??= openAiClient(sdk, options);
      // Other servers refuse `dimensions` for most models, even where it is what the model has.
      const size = facts?.isResizable === true ? { dimensions } : {};
      try {
        const { data, response } = await client.embeddings
          .create({ model, input: [...texts], ...size }, { signal })
          .withResponse();
        return answerOf(data, texts.length, response.headers, now());
      } catch (error) {
        throw error instanceof DriverFailure ? error : openAiFailure(sdk, error, { apiKey, nowMs: now() });
      }
    },
  };
}

// oxlint-disable-next-line max-params -- the answer, its headers, and what both are read by
function answerOf(answer: unknown, count: number, headers: Headers, nowMs: number): EmbeddingAnswer {
  const buckets = bucketsOf(headers, nowMs);
  const invalid = (message: string): DriverFailure => new DriverFailure({ kind: "answer-invalid", message, buckets });
  const parsed = Answer.safeParse(answer);
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error));
  const { data, usage } = parsed.data;
  const vectors: (ArrayLike<unknown> | undefined)[] = Array.from({ length: count }, () => undefined);
  for (const { index, embedding } of data) {
    if (index >= count || vectors[index] !== undefined) throw invalid(`it has no or two places for vector ${index}`);
    vectors[index] = embedding;
  }
  return {
    vectors: vectors.filter((vector) => vector !== undefined),
    inputTokens: usage?.prompt_tokens ?? null,
    buckets,
  };
}
