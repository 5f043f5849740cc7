// Google's generateContent and streamGenerateContent, v1 and v1beta, as ai.google.dev documents them. Refuses what the
// service refuses; token counts are synthetic (see emulator.ts).
import { type Answer, type Emulator, type Failure, type HttpReply, json, pieces } from "./emulator.ts";
import { type RecordedRequest, type Wire, startEmulator } from "./emulator.ts";
import { EmulatedBatches } from "./batches.ts";
import { serveGeminiBatches } from "./gemini-batches.ts";
import { schemaProblem } from "./output-schema-problem.ts";
import { PromptCache, countTokens } from "./prompt-cache.ts";

export const geminiApiKey = "AIzaEmulator-8c2b60f1d4";
const models = ["gemini-3.8-flash", "gemini-3.7-flash"];
const cacheMinimumTokens = 1_024;
const bodyFields = new Set(
  "contents systemInstruction generationConfig safetySettings tools toolConfig cachedContent".split(" "),
);
const configFields = new Set(
  (
    "maxOutputTokens seed responseMimeType responseSchema responseJsonSchema stopSequences thinkingConfig " +
    "temperature topP topK candidateCount"
  ).split(" "),
);
const finishReasons = {
  end: "STOP",
  "output-limit": "MAX_TOKENS",
  refusal: "SAFETY",
  "context-overflow": "MAX_TOKENS",
  paused: "OTHER",
} as const;

interface Content {
  role?: string;
  parts?: { text?: string }[];
}

export async function startGeminiEmulator(): Promise<Emulator & { batches: EmulatedBatches }> {
  const batches = new EmulatedBatches();
  const files = new Map<string, string>();
  const cache = new PromptCache(cacheMinimumTokens);
  const wire: Wire = {
    refuse: refusalOf,
    answer: (request, answer) => render(request, answer, usageOf(request, answer, cache)),
    failure: (_request, failure) => renderGeminiFailure(failure),
    errorFrame: (request) =>
      isStreaming(request) ? frame(errorBody(503, "UNAVAILABLE", "The model is overloaded.")) : null,
    serve: (request, surroundings) =>
      serveGeminiBatches(request, surroundings, {
        batches,
        files,
        wire: { ...wire, refuse: ({ path, body }) => contentProblem(path, body) },
        access: geminiKeyProblem,
        error: geminiError,
        failure: renderGeminiFailure,
      }),
  };
  return Object.assign(await startEmulator(wire, geminiApiKey), { batches });
}

function refusalOf({ method, path, headers, body }: RecordedRequest): HttpReply | null {
  const url = new URL(path, "http://emulator");
  const route = /^\/v1(?:beta)?\/models\/([^/:]+):(?:stream)?[gG]enerateContent$/.exec(url.pathname);
  if (method !== "POST" || route === null) return geminiError(404, "NOT_FOUND", `Not found: ${url.pathname}`);
  const keyProblem = geminiKeyProblem(url, headers);
  return keyProblem ?? contentProblem(path, body);
}

/** What the service answers to a request that it cannot carry out, whoever asks. */
function contentProblem(path: string, body: Record<string, unknown>): HttpReply | null {
  const model = /models\/([^/:]+):/.exec(path)?.[1] ?? "";
  if (!models.includes(model)) {
    return geminiError(404, "NOT_FOUND", `models/${model} is not found for API version v1.`);
  }
  if ("malformed" in body) return invalid("Invalid JSON payload received.");
  const problem = fieldProblem(body) ?? contentsProblem(body);
  return problem === null ? null : invalid(problem);
}

/** What the service answers to a request without its key or with another one. */
export function geminiKeyProblem(url: URL, headers: RecordedRequest["headers"]): HttpReply | null {
  const key = headers["x-goog-api-key"] ?? url.searchParams.get("key");
  if (key === null) {
    return geminiError(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers. Please use API Key.");
  }
  if (key !== geminiApiKey) {
    const info = { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" };
    return geminiError(400, "INVALID_ARGUMENT", `API key not valid (${key}). Please pass a valid API key.`, [info]);
  }
  return null;
}

function fieldProblem(body: Record<string, unknown>): string | null {
  const config = (body["generationConfig"] ?? {}) as Record<string, unknown>;
  const unknown =
    Object.keys(body).find((field) => !bodyFields.has(field)) ??
    Object.keys(config).find((field) => !configFields.has(field));
  if (unknown !== undefined) return `Invalid JSON payload received. Unknown name "${unknown}": Cannot find field.`;
  if ("candidateCount" in config) return "candidate_count is not supported by this model";
  if ("thinkingBudget" in ((config["thinkingConfig"] ?? {}) as object)) return "thinking_budget is not supported";
  if (!("responseJsonSchema" in config)) return null;
  if ("responseSchema" in config) return "only one of response_schema and response_json_schema may be set";
  if (config["responseMimeType"] !== "application/json") {
    return "response_json_schema requires response_mime_type application/json";
  }
  const rules = { refused: ["patternProperties", "not", "if"], mustBeClosed: false, mustRequireAll: false };
  return schemaProblem(config["responseJsonSchema"], rules);
}

function contentsProblem(body: Record<string, unknown>): string | null {
  const contents = body["contents"] as Content[] | undefined;
  if (!Array.isArray(contents) || contents.length === 0)
    return "* GenerateContentRequest.contents: contents is not specified";
  for (const { role, parts } of contents) {
    if (role !== undefined && role !== "user" && role !== "model") return "Please use a valid role: user, model.";
    if (parts === undefined || parts.length === 0) return "contents.parts must not be empty.";
  }
  if (contents.at(-1)?.role === "model")
    return "Prefilled model turns are not supported: the last turn must be the user's";
  return null;
}

function isStreaming({ path }: RecordedRequest): boolean {
  return path.includes(":streamGenerateContent");
}

function usageOf({ body }: RecordedRequest, answer: Answer, cache: PromptCache): Record<string, number> {
  const system = (body["systemInstruction"] ?? {}) as Content;
  const contents = [system, ...(body["contents"] as Content[])];
  const texts = contents.flatMap(({ parts }) => parts ?? []).map(({ text }) => text ?? "");
  const { readTokens } = cache.use(
    texts,
    texts.map((_, i) => i + 1),
  );
  const [prompt, candidates, thoughts] = [texts, [answer.text], [answer.thinking ?? ""]].map(countTokens);
  return {
    promptTokenCount: prompt ?? 0,
    candidatesTokenCount: candidates ?? 0,
    ...(answer.thinking !== undefined && { thoughtsTokenCount: thoughts ?? 0 }),
    ...(readTokens > 0 && { cachedContentTokenCount: readTokens }),
    totalTokenCount: (prompt ?? 0) + (candidates ?? 0) + (thoughts ?? 0),
  };
}

function render(request: RecordedRequest, answer: Answer, usageMetadata: Record<string, number>): HttpReply {
  const modelVersion = /models\/([^:]+):/.exec(request.path)?.[1];
  const finishReason = finishReasons[answer.stop ?? "end"];
  const response = (parts: object[], rest: object): object => ({
    candidates: [{ content: { role: "model", ...(parts.length > 0 && { parts }) }, index: 0, ...rest }],
    usageMetadata,
    modelVersion,
    responseId: "emulator",
  });
  const thoughts = answer.thinking === undefined ? [] : [{ text: answer.thinking, thought: true }];
  if (!isStreaming(request)) {
    const parts = [...thoughts, ...(answer.text === "" ? [] : [{ text: answer.text }])];
    return json(200, response(parts, { finishReason }), answer.headers ?? {});
  }
  const chunks = [...thoughts, ...pieces(answer.text).map((text) => ({ text }))];
  const frames = [...chunks.map((part) => frame(response([part], {}))), frame(response([], { finishReason }))];
  return { status: 200, headers: { "content-type": "text/event-stream", ...answer.headers }, frames };
}

/** An error of the service, whatever was asked of it. */
export function renderGeminiFailure({ reason, retryAfterSeconds, headers = {} }: Failure): HttpReply {
  const retryInfo =
    retryAfterSeconds === undefined
      ? []
      : [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${retryAfterSeconds}s` }];
  const quota = (quotaId: string): object => ({
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    violations: [{ quotaMetric: "generativelanguage.googleapis.com/generate_requests", quotaId }],
  });
  const exhausted = (quotaId: string): HttpReply =>
    geminiError(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", [quota(quotaId), ...retryInfo], headers);
  switch (reason) {
    case "rate-limit":
      return exhausted("GenerateRequestsPerMinutePerProjectPerModel");
    case "spend-limit":
      return exhausted("GenerateRequestsPerDayPerProjectPerModel");
    case "overloaded":
      return geminiError(503, "UNAVAILABLE", "The model is overloaded. Please try again later.", retryInfo, headers);
    case "server-error":
      return geminiError(500, "INTERNAL", "An internal error has occurred.", retryInfo, headers);
    case "conflict":
      return geminiError(409, "ABORTED", "The operation was aborted.", retryInfo, headers);
    case "prompt-too-long":
      return invalid("The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).");
    case "too-large":
      return geminiError(413, "INVALID_ARGUMENT", "Request payload size exceeds the limit.");
    case "key-revoked":
      return geminiError(403, "PERMISSION_DENIED", `API key ${geminiApiKey} was reported as leaked.`);
  }
}

function invalid(message: string): HttpReply {
  return geminiError(400, "INVALID_ARGUMENT", message);
}

// oxlint-disable-next-line max-params -- status, words, details and headers are what an error is made of
export function geminiError(
  code: number,
  status: string,
  message: string,
  details: object[] = [],
  headers: Record<string, string> = {},
): HttpReply {
  return json(code, errorBody(code, status, message, details), headers);
}

function errorBody(code: number, status: string, message: string, details: object[] = []): object {
  return { error: { code, message, status, ...(details.length > 0 && { details }) } };
}

function frame(response: object): string {
  return `data: ${JSON.stringify(response)}\r\n\r\n`;
}
