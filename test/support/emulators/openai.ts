// OpenAI's chat completions, as OpenAI and the servers compatible with it speak them. Refuses what OpenAI refuses;
// token counts are synthetic (see emulator.ts).
import { type Answer, type Emulator, type Failure, type HttpReply, json, pieces } from "./emulator.ts";
import { type RecordedRequest, type Wire, startEmulator } from "./emulator.ts";
import { schemaProblem } from "./output-schema-problem.ts";
import { PromptCache, countTokens } from "./prompt-cache.ts";

export const openAiApiKey = "sk-emulator-71be04a9c2";
const models = ["codestral-22b", "gpt-oss-120b"];
const cacheMinimumTokens = 1_024;
const roles = new Set(["system", "developer", "user", "assistant", "tool"]);
const fields = new Set(
  (
    "model messages max_tokens max_completion_tokens seed response_format stream stream_options temperature top_p n " +
    "stop tools tool_choice user"
  ).split(" "),
);
const finishReasons = {
  end: "stop",
  "output-limit": "length",
  refusal: "content_filter",
  "context-overflow": "length",
  paused: "length",
} as const;

interface Message {
  role?: string;
  content?: string;
}

export interface OpenAiEmulatorOptions {
  /** False: a server that never reports usage, as some local ones. */
  reportsUsage?: boolean;
}

/** Its API lies under `/v1` of the URL. */
export function startOpenAiEmulator({ reportsUsage = true }: OpenAiEmulatorOptions = {}): Promise<Emulator> {
  const cache = new PromptCache(cacheMinimumTokens);
  const wire: Wire = {
    refuse: refusalOf,
    answer: (request, answer) => render(request, answer, reportsUsage ? usageOf(request, answer, cache) : null),
    failure: (_request, failure) => renderOpenAiFailure(failure),
    errorFrame: ({ body }) =>
      body["stream"] === true ? frame(errorBody("The server had an error", "server_error", null)) : null,
  };
  return startEmulator(wire, openAiApiKey);
}

function refusalOf({ method, path, headers, body }: RecordedRequest): HttpReply | null {
  if (method !== "POST" || path !== "/v1/chat/completions")
    return openAiError(404, `Unknown request URL: ${path}`, null);
  const keyProblem = openAiKeyProblem(headers);
  if (keyProblem !== null) return keyProblem;
  if ("malformed" in body) return openAiError(400, "We could not parse the JSON body of your request.", null);
  const problem = fieldProblem(body) ?? formatProblem(body);
  if (problem !== null) return openAiError(400, problem, null);
  const model = String(body["model"]);
  return models.includes(model) ? null : openAiError(404, `The model \`${model}\` does not exist`, "model_not_found");
}

/** What the service answers to a request without its key or with another one. */
export function openAiKeyProblem(headers: RecordedRequest["headers"]): HttpReply | null {
  const key = headers["authorization"]?.replace(/^Bearer /, "");
  if (key === undefined) return openAiError(401, "You didn't provide an API key.", "invalid_api_key");
  if (key !== openAiApiKey) return openAiError(401, `Incorrect API key provided: ${key}.`, "invalid_api_key");
  return null;
}

function fieldProblem(body: Record<string, unknown>): string | null {
  const extra = Object.keys(body).find((field) => !fields.has(field));
  if (extra !== undefined) return `Unrecognized request argument supplied: ${extra}`;
  if (typeof body["model"] !== "string") return "you must provide a model parameter";
  const messages = body["messages"] as Message[] | undefined;
  if (!Array.isArray(messages) || messages.length === 0) return "[] is too short - 'messages'";
  const stranger = messages.find(({ role }) => !roles.has(role ?? ""));
  if (stranger !== undefined) return `'${stranger.role}' is not one of ${[...roles].join(", ")} - 'messages.role'`;
  if (messages.some(({ content }) => typeof content !== "string")) return "Invalid type for 'messages.content'";
  if ("max_tokens" in body && "max_completion_tokens" in body) {
    return "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
  }
  if ("stream_options" in body && body["stream"] !== true) {
    return "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
  }
  return null;
}

function formatProblem(body: Record<string, unknown>): string | null {
  const format = body["response_format"] as
    | { type?: string; json_schema?: { name?: string; strict?: boolean; schema?: unknown } }
    | undefined;
  if (format === undefined) return null;
  if (format.type !== "json_schema") return `Invalid value: '${format.type}' - 'response_format.type'`;
  const { name = "", schema } = format.json_schema ?? {};
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(name)) return "Invalid 'response_format.json_schema.name'";
  const rules = { refused: ["oneOf", "not", "if", "patternProperties"], mustBeClosed: true, mustRequireAll: true };
  const problem = schemaProblem(schema, rules);
  return problem === null ? null : `Invalid schema for response_format '${name}': ${problem}`;
}

function usageOf({ body }: RecordedRequest, answer: Answer, cache: PromptCache): Record<string, unknown> {
  const texts = (body["messages"] as Message[]).map(({ content }) => content ?? "");
  const { readTokens } = cache.use(
    texts,
    texts.map((_, i) => i + 1),
  );
  const [prompt = 0, completion = 0] = [texts, [answer.text]].map(countTokens);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: readTokens },
  };
}

function render({ body }: RecordedRequest, answer: Answer, usage: Record<string, unknown> | null): HttpReply {
  const finish_reason = finishReasons[answer.stop ?? "end"];
  const head = { id: "chatcmpl-emulator", created: 1_763_000_000, model: body["model"] };
  const headers = { ...rateLimitHeaders, ...answer.headers };
  if (body["stream"] !== true) {
    const message = { role: "assistant", content: answer.text, refusal: null };
    const choices = [{ index: 0, message, finish_reason, logprobs: null }];
    return json(200, { ...head, object: "chat.completion", choices, ...(usage && { usage }) }, headers);
  }
  const chunk = (choices: object[], rest: object = {}): string =>
    frame({ ...head, object: "chat.completion.chunk", choices, ...rest });
  const wantsUsage = (body["stream_options"] as { include_usage?: boolean } | undefined)?.include_usage === true;
  const frames = [
    chunk([{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }]),
    ...Array.from({ length: answer.pings ?? 0 }, () => ": keep-alive\n\n"),
    ...pieces(answer.text).map((content) => chunk([{ index: 0, delta: { content }, finish_reason: null }])),
    chunk([{ index: 0, delta: {}, finish_reason }]),
    ...(wantsUsage && usage !== null ? [chunk([], { usage })] : []),
    "data: [DONE]\n\n",
  ];
  return { status: 200, headers: { "content-type": "text/event-stream", ...headers }, frames };
}

/** An error of the service, whatever was asked of it. */
export function renderOpenAiFailure({ reason, retryAfterSeconds, headers }: Failure): HttpReply {
  const advice = {
    ...(retryAfterSeconds !== undefined && { "retry-after": String(retryAfterSeconds) }),
    ...headers,
  };
  switch (reason) {
    case "rate-limit":
      return openAiError(429, "Rate limit reached for requests", "rate_limit_exceeded", advice);
    case "spend-limit":
      return openAiError(429, "You exceeded your current quota, please check your plan.", "insufficient_quota", advice);
    case "overloaded":
      return openAiError(503, "The engine is currently overloaded, please try again later", null, advice);
    case "server-error":
      return openAiError(500, "The server had an error while processing your request", null, advice);
    case "conflict":
      return openAiError(409, "Conflict", null, advice);
    case "prompt-too-long":
      return openAiError(
        400,
        "This model's maximum context length is 32768 tokens.",
        "context_length_exceeded",
        advice,
      );
    case "too-large":
      return openAiError(413, "Payload too large", null, advice);
    case "key-revoked":
      return openAiError(401, `Incorrect API key provided: ${openAiApiKey}.`, "invalid_api_key", advice);
  }
}

/** Plenty left; a test overrides what it is about. */
export const rateLimitHeaders = {
  "x-request-id": "req_emulator",
  "x-ratelimit-limit-requests": "1000",
  "x-ratelimit-remaining-requests": "999",
  "x-ratelimit-reset-requests": "60ms",
};

export function openAiError(
  status: number,
  message: string,
  code: string | null,
  headers: Record<string, string> = {},
): HttpReply {
  const type = status === 429 ? (code ?? "requests") : status >= 500 ? "server_error" : "invalid_request_error";
  return json(status, errorBody(message, type, code), { ...rateLimitHeaders, ...headers });
}

function errorBody(message: string, type: string, code: string | null): object {
  return { error: { message, type, param: null, code } };
}

function frame(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
