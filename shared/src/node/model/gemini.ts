// Gemini through Google's maintained SDK (`@google/genai`), the default driver. Streams, so that a long answer does not
// run into the HTTP client's header timeout. The SDK does not retry as long as it is given no `retryOptions`.
import type * as Sdk from "@google/genai";
import type { GoogleGenAI } from "@google/genai";
import { laneIdOf } from "./lane-id.ts";
import { type Driver, type DriverFailure, transportFailure } from "./driver.ts";
import { GeminiErrorBody, contentsOf, geminiAnswer, geminiFailure, geminiSeed } from "./gemini-wire.ts";

export interface GeminiOptions {
  apiKey: string;
  model: string;
  baseUrl: string | null;
}

/** Loaded by the first request: most processes never make one, and loading takes a while. */
export const loadSdk = (): Promise<typeof Sdk> => import("@google/genai");

/** Google's public endpoint, for both drivers. */
export const geminiBaseUrl = "https://generativelanguage.googleapis.com";

export function geminiDriver({ apiKey, model, baseUrl }: GeminiOptions): Driver {
  let client: GoogleGenAI | undefined;
  return {
    id: `gemini:${model}`,
    provider: "gemini",
    settings: { baseUrl, driver: "genai" },
    lane: geminiLane({ apiKey, model, baseUrl }),
    async send(request, signal) {
      const sdk = await loadSdk();
      client ??= geminiClient(sdk, { apiKey, baseUrl });
      const chunks: unknown[] = [];
      try {
        const stream = await client.models.generateContentStream({
          model,
          contents: contentsOf(request),
          config: {
            maxOutputTokens: request.outputTokensMax,
            seed: geminiSeed(request.seed),
            abortSignal: signal,
            ...(request.system !== "" && { systemInstruction: request.system }),
            ...(request.output.kind === "json" && {
              responseMimeType: "application/json",
              responseJsonSchema: request.output.schema,
            }),
          },
        });
        for await (const chunk of stream) chunks.push(chunk);
      } catch (error) {
        throw genaiFailure(sdk, error, apiKey);
      }
      return geminiAnswer(chunks, model);
    },
  };
}

/**
 * What is left out here, the SDK would take from the process environment. v1beta is what both drivers speak.
 * @param timeoutMs of each request; null: whoever asks gives a signal. An upload of a file heeds none.
 */
export function geminiClient(
  sdk: typeof Sdk,
  { apiKey, baseUrl }: Omit<GeminiOptions, "model">,
  timeoutMs: number | null = null,
): GoogleGenAI {
  const timeout = timeoutMs === null ? {} : { timeout: timeoutMs };
  const httpOptions = { baseUrl: baseUrl ?? geminiBaseUrl, apiVersion: "v1beta", ...timeout };
  return new sdk.GoogleGenAI({ apiKey, vertexai: false, httpOptions });
}

export function geminiLane({ apiKey, model, baseUrl }: GeminiOptions): string {
  return laneIdOf({ provider: "gemini", baseUrl: baseUrl ?? geminiBaseUrl, apiKey, model });
}

/** Classifies whatever the SDK throws. */
export function genaiFailure({ ApiError }: typeof Sdk, error: unknown, apiKey: string): DriverFailure {
  if (!(error instanceof ApiError)) return transportFailure(error, apiKey);
  const body = errorBodyOf(error.message);
  return geminiFailure(
    { status: error.status, message: body?.message ?? error.message, details: body?.details },
    apiKey,
  );
}

/** The SDK puts the answer's JSON, sometimes behind a few words, into the message. */
function errorBodyOf(message: string): { message?: string | undefined; details?: unknown } | null {
  try {
    return GeminiErrorBody.parse(JSON.parse(message.slice(message.indexOf("{")))).error;
  } catch {
    return null;
  }
}
