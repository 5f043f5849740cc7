// Gemini through `@google/generative-ai`, which Google has ended support for; kept for installations that depend on it
// and chosen by `driver: "generative-ai"`. Unary only: its stream aggregation loses parts.
import { GoogleGenerativeAI, GoogleGenerativeAIFetchError } from "@google/generative-ai";
import { type Driver, DriverFailure, transportFailure } from "./driver.ts";
import { contentsOf, geminiAnswer, geminiFailure, geminiSeed } from "./gemini-wire.ts";
import { type GeminiOptions, geminiBaseUrl, geminiLane } from "./gemini.ts";
import type { CompletionRequest } from "./model.ts";

export function geminiLegacyDriver({ apiKey, model, baseUrl }: GeminiOptions): Driver {
  const client = new GoogleGenerativeAI(apiKey).getGenerativeModel(
    { model },
    { baseUrl: baseUrl ?? geminiBaseUrl, apiVersion: "v1beta" },
  );
  return {
    id: `gemini:${model}`,
    provider: "gemini",
    settings: { baseUrl, driver: "generative-ai" },
    lane: geminiLane({ apiKey, model, baseUrl }),
    async send(request, signal) {
      try {
        const { response } = await client.generateContent(
          {
            contents: contentsOf(request),
            generationConfig: generationConfigOf(request),
            ...(request.system !== "" && { systemInstruction: request.system }),
          },
          { signal },
        );
        return geminiAnswer([response], model);
      } catch (error) {
        throw error instanceof DriverFailure ? error : failureOf(error, apiKey);
      }
    },
  };
}

/** Fields that are younger than the SDK's types; it passes the object through as it is. */
function generationConfigOf(request: CompletionRequest): { maxOutputTokens: number } {
  const json = { responseMimeType: "application/json" };
  const config = {
    maxOutputTokens: request.outputTokensMax,
    seed: geminiSeed(request.seed),
    ...(request.output.kind === "json" && { ...json, responseJsonSchema: request.output.schema }),
  };
  return config;
}

function failureOf(error: unknown, apiKey: string): DriverFailure {
  if (!(error instanceof GoogleGenerativeAIFetchError) || error.status === undefined) {
    return transportFailure(error, apiKey);
  }
  return geminiFailure({ status: error.status, message: error.message, details: error.errorDetails }, apiKey);
}
