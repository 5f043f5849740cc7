// OpenAI's embeddings, as OpenAI and (with other models and rules) the servers compatible with it speak them. Every
// acceptable request is answered with fake vectors unless the test says otherwise; token counts are synthetic.
import { type Emulator, type HttpReply, json, type RecordedRequest, startEmulator, type Wire } from "./emulator.ts";
import { base64OfVector, fakeVector } from "./fake-vectors.ts";
import { openAiApiKey, openAiError, openAiKeyProblem, rateLimitHeaders, renderOpenAiFailure } from "./openai.ts";
import { countTokens } from "./prompt-cache.ts";

interface EmbeddingModel {
  dimensions: number;
  isResizable: boolean;
  tokensMax: number;
}

const models: Record<string, EmbeddingModel> = {
  "text-embedding-3-small": { dimensions: 1_536, isResizable: true, tokensMax: 8_192 },
  "text-embedding-3-large": { dimensions: 3_072, isResizable: true, tokensMax: 8_192 },
  "text-embedding-ada-002": { dimensions: 1_536, isResizable: false, tokensMax: 8_192 },
  // As vLLM serves it: a short window, and no `dimensions` at all.
  "bge-base-en-v1.5": { dimensions: 768, isResizable: false, tokensMax: 512 },
};
const fields = new Set(["input", "model", "dimensions", "encoding_format", "user"]);
const inputsMax = 2_048;
const requestTokensMax = 300_000;

export interface OpenAiEmbeddingsOptions {
  /** False: a server that answers in numbers whatever was asked for, and reports no usage. */
  isExact?: boolean;
}

/** Its API lies under `/v1` of the URL. */
export async function startOpenAiEmbeddingsEmulator({
  isExact = true,
}: OpenAiEmbeddingsOptions = {}): Promise<Emulator> {
  const wire: Wire = {
    refuse: refusalOf,
    answer: (request, answer) => answerTo(request, isExact, answer.headers ?? {}),
    failure: (_request, failure) => renderOpenAiFailure(failure),
    errorFrame: () => null,
  };
  const emulator = await startEmulator(wire, openAiApiKey);
  emulator.replyAlways({ kind: "answer", text: "" });
  return emulator;
}

function refusalOf({ method, path, headers, body }: RecordedRequest): HttpReply | null {
  if (method !== "POST" || path !== "/v1/embeddings") return openAiError(404, `Unknown request URL: ${path}`, null);
  const keyProblem = openAiKeyProblem(headers);
  if (keyProblem !== null) return keyProblem;
  const unknown = Object.keys(body).find((field) => !fields.has(field));
  if (unknown !== undefined) return refuse(`Unrecognized request argument supplied: ${unknown}`);
  const name = String(body["model"]);
  const model = models[name];
  if (model === undefined) return openAiError(404, `The model \`${name}\` does not exist`, "model_not_found");
  const input = body["input"];
  if (!Array.isArray(input) || input.length === 0 || input.length > inputsMax) {
    return refuse(
      "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.",
    );
  }
  if (input.some((text) => typeof text !== "string" || text === "")) return refuse("'$.input' is invalid.");
  return dimensionsProblem(body["dimensions"], model) ?? lengthProblem(input as string[], model);
}

function dimensionsProblem(dimensions: unknown, model: EmbeddingModel): HttpReply | null {
  if (dimensions === undefined) return null;
  if (!model.isResizable) return refuse("This model does not support specifying dimensions.");
  if (typeof dimensions === "number" && Number.isInteger(dimensions) && dimensions >= 1) {
    return dimensions <= model.dimensions ? null : refuse(`Invalid value for 'dimensions' = ${dimensions}.`);
  }
  return refuse(`Invalid value for 'dimensions' = ${JSON.stringify(dimensions)}.`);
}

function lengthProblem(input: readonly string[], { tokensMax }: EmbeddingModel): HttpReply | null {
  const longest = Math.max(...input.map((text) => countTokens([text])));
  if (longest > tokensMax) {
    return refuse(
      `This model's maximum context length is ${tokensMax} tokens, however you requested ${longest} tokens.`,
    );
  }
  const tokens = countTokens(input);
  if (tokens <= requestTokensMax) return null;
  return openAiError(
    400,
    `Requested ${tokens} tokens, max ${requestTokensMax} tokens per request`,
    "max_tokens_per_request",
  );
}

function answerTo({ body }: RecordedRequest, isExact: boolean, headers: Record<string, string>): HttpReply {
  const model = String(body["model"]);
  const input = body["input"] as string[];
  const dimensions = Number(body["dimensions"] ?? models[model]?.dimensions);
  const isBase64 = isExact && body["encoding_format"] === "base64";
  const data = input.map((text, index) => {
    const vector = fakeVector(`${model} ${text}`, dimensions);
    return { object: "embedding", index, embedding: isBase64 ? base64OfVector(vector) : vector };
  });
  const tokens = countTokens(input);
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  // The order is not promised; the index is.
  const list = { object: "list", model, data: data.toReversed(), ...(isExact && { usage }) };
  return json(200, list, { ...rateLimitHeaders, ...headers });
}

function refuse(message: string): HttpReply {
  return openAiError(400, message, null);
}
