// Google's batchEmbedContents as ai.google.dev documents it: refuses what the service refuses. Every acceptable request
// is answered with fake vectors unless the test says otherwise; token counts are synthetic (see emulator.ts).
import { type Emulator, type HttpReply, json, type RecordedRequest, startEmulator, type Wire } from "./emulator.ts";
import { fakeVector } from "./fake-vectors.ts";
import { geminiApiKey, geminiError, geminiKeyProblem, renderGeminiFailure } from "./gemini.ts";
import { countTokens } from "./prompt-cache.ts";

/** Only the newer model heeds no task type and reports what it has read. */
const models: Record<string, { tokensMax: number; heedsTaskType: boolean; reportsUsage: boolean }> = {
  "gemini-embedding-001": { tokensMax: 2_048, heedsTaskType: true, reportsUsage: false },
  "gemini-embedding-2": { tokensMax: 8_192, heedsTaskType: false, reportsUsage: true },
};
const requestFields = new Set(["model", "content", "taskType", "title", "outputDimensionality"]);
const taskTypes = new Set([
  "RETRIEVAL_QUERY",
  "RETRIEVAL_DOCUMENT",
  "SEMANTIC_SIMILARITY",
  "CLASSIFICATION",
  "CLUSTERING",
  "QUESTION_ANSWERING",
  "FACT_VERIFICATION",
  "CODE_RETRIEVAL_QUERY",
]);
const requestsMax = 100;
const dimensions = { min: 128, max: 3_072 };

interface EmbedRequest {
  model?: string;
  content?: { parts?: { text?: string }[] };
  taskType?: string;
  outputDimensionality?: number;
}

export async function startGeminiEmbeddingsEmulator(): Promise<Emulator> {
  const wire: Wire = {
    refuse: refusalOf,
    answer: (request) => answerTo(request),
    failure: (_request, failure) => renderGeminiFailure(failure),
    errorFrame: () => null,
  };
  const emulator = await startEmulator(wire, geminiApiKey);
  emulator.replyAlways({ kind: "answer", text: "" });
  return emulator;
}

function refusalOf({ method, path, headers, body }: RecordedRequest): HttpReply | null {
  const url = new URL(path, "http://emulator");
  const [, name = ""] = /^\/v1(?:beta)?\/models\/([^/:]+):batchEmbedContents$/.exec(url.pathname) ?? [];
  if (method !== "POST" || name === "") return geminiError(404, "NOT_FOUND", `Not found: ${url.pathname}`);
  const keyProblem = geminiKeyProblem(url, headers);
  if (keyProblem !== null) return keyProblem;
  const model = models[name];
  if (model === undefined) return geminiError(404, "NOT_FOUND", `models/${name} is not found for API version v1beta.`);
  const requests = body["requests"] as EmbedRequest[] | undefined;
  if (!Array.isArray(requests) || requests.length === 0) return invalid("* requests: requests is not specified");
  if (requests.length > requestsMax) {
    return invalid("* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch");
  }
  const problem = requests.map((request) => problemOf(request, name, model.tokensMax)).find((each) => each !== null);
  return problem === undefined || problem === null ? null : invalid(problem);
}

function problemOf(request: EmbedRequest, model: string, tokensMax: number): string | null {
  const unknown = Object.keys(request).find((field) => !requestFields.has(field));
  if (unknown !== undefined) return `Invalid JSON payload received. Unknown name "${unknown}": Cannot find field.`;
  if (request.model !== `models/${model}`) return "* requests[].model: must be the model of the URL";
  const text = textOf(request);
  if (text === "") return "* EmbedContentRequest.content: content is empty";
  if (request.taskType !== undefined && !taskTypes.has(request.taskType)) return "Invalid value at 'task_type'";
  const size = request.outputDimensionality ?? dimensions.max;
  if (!Number.isInteger(size) || size < dimensions.min || size > dimensions.max) {
    return `output_dimensionality must be between ${dimensions.min} and ${dimensions.max}, got ${size}.`;
  }
  const tokens = countTokens([text]);
  if (tokens <= tokensMax) return null;
  return `The input token count (${tokens}) exceeds the maximum number of tokens allowed (${tokensMax}).`;
}

function answerTo({ path, body }: RecordedRequest): HttpReply {
  const name = /models\/([^:]+):/.exec(path)?.[1] ?? "";
  const requests = body["requests"] as EmbedRequest[];
  const embeddings = requests.map((request) => {
    const task = models[name]?.heedsTaskType === true ? (request.taskType ?? "") : "";
    return { values: fakeVector(`${name} ${task} ${textOf(request)}`, request.outputDimensionality ?? dimensions.max) };
  });
  const usageMetadata = { promptTokenCount: countTokens(requests.map(textOf)) };
  return json(200, { embeddings, ...(models[name]?.reportsUsage === true && { usageMetadata }) });
}

function textOf({ content }: EmbedRequest): string {
  return (content?.parts ?? []).map(({ text }) => text ?? "").join("");
}

function invalid(message: string): HttpReply {
  return geminiError(400, "INVALID_ARGUMENT", message);
}
