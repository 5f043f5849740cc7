// Anthropic's Messages API, versions 2023-06-01 and 2026-10-21, as platform.claude.com documents it. Refuses what the
// service refuses; token counts are synthetic (see emulator.ts).
import { type Answer, type Emulator, type Failure, type HttpReply, json, pieces } from "./emulator.ts";
import { type RecordedRequest, type Wire, startEmulator } from "./emulator.ts";
import { serveAnthropicBatches } from "./anthropic-batches.ts";
import { EmulatedBatches } from "./batches.ts";
import { schemaProblem } from "./output-schema-problem.ts";
import { PromptCache, countTokens } from "./prompt-cache.ts";

const apiKey = "sk-ant-emulator-3f9c1d7e55";
const models = ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-sonnet-4-6"];
const contextTokens = 200_000;
const cacheMinimumTokens = 512;
const fields = new Set(
  (
    "cache_control container diagnostics inference_geo max_tokens messages metadata model output_config service_tier " +
    "speed stop_sequences stream system thinking tool_choice tools"
  ).split(" "),
);
const samplingFields = ["temperature", "top_p", "top_k"];
const stopReasons = {
  end: "end_turn",
  "output-limit": "max_tokens",
  refusal: "refusal",
  "context-overflow": "model_context_window_exceeded",
  paused: "pause_turn",
} as const;

interface Block {
  type: string;
  text?: string;
  id?: string;
  tool_use_id?: string;
  cache_control?: unknown;
}

export async function startAnthropicEmulator(): Promise<Emulator & { batches: EmulatedBatches }> {
  const batches = new EmulatedBatches();
  const cache = new PromptCache(cacheMinimumTokens);
  const wire: Wire = {
    refuse: refusalOf,
    answer: (request, answer) => render(request, answer, usageOf(request, answer, cache)),
    failure: (_request, failure) => renderFailure(failure),
    errorFrame: ({ body }) =>
      body["stream"] === true ? event("error", errorBody("overloaded_error", "Overloaded")) : null,
    serve: (request, surroundings) =>
      serveAnthropicBatches(request, surroundings, {
        batches,
        wire,
        access: accessProblem,
        error,
        failure: renderFailure,
      }),
  };
  return Object.assign(await startEmulator(wire, apiKey), { batches });
}

function refusalOf(request: RecordedRequest): HttpReply | null {
  const { method, path, headers, body } = request;
  if (method !== "POST" || path !== "/v1/messages") return error(404, "not_found_error", "Not found");
  const access = accessProblem(request);
  if (access !== null) return access;
  const version = headers["anthropic-version"] ?? "";
  if ("malformed" in body) return invalid("The request body is not valid JSON");
  const problem = fieldProblem(body, version) ?? messagesProblem(body) ?? outputProblem(body);
  if (problem !== null) return invalid(problem);
  if (!models.includes(String(body["model"]))) return error(404, "not_found_error", `model: ${String(body["model"])}`);
  const tokens = countTokens(promptTexts(body));
  return tokens > contextTokens ? invalid(`prompt is too long: ${tokens} tokens > ${contextTokens} maximum`) : null;
}

/** What every endpoint asks for first: a key and a version. */
function accessProblem({ headers }: RecordedRequest): HttpReply | null {
  const key = headers["x-api-key"] ?? headers["authorization"]?.replace(/^Bearer /, "");
  if (key === undefined) return error(401, "authentication_error", "x-api-key or Authorization header is required");
  if (key !== apiKey) return error(401, "authentication_error", `invalid x-api-key: ${key}`);
  const version = headers["anthropic-version"];
  if (version === undefined) return invalid("anthropic-version: header is required");
  if (version !== "2023-06-01" && version !== "2026-10-21")
    return invalid(`anthropic-version: ${version} is not valid`);
  return null;
}

function fieldProblem(body: Record<string, unknown>, version: string): string | null {
  const extra = Object.keys(body).find((field) => {
    if (samplingFields.includes(field)) return version === "2026-10-21";
    return !fields.has(field);
  });
  if (extra !== undefined) return `${extra}: Extra inputs are not permitted`;
  for (const field of ["model", "max_tokens", "messages"]) {
    if (!(field in body)) return `${field}: Field required`;
  }
  if (!Number.isInteger(body["max_tokens"]) || Number(body["max_tokens"]) < 1) {
    return "max_tokens: Input should be greater than or equal to 1";
  }
  const choice = (body["tool_choice"] as { type?: string } | undefined)?.type;
  if ((choice === "any" || choice === "tool") && String(body["model"]).endsWith("-5-5")) {
    return `tool_choice: type '${choice}' is not supported by this model`;
  }
  return null;
}

function messagesProblem(body: Record<string, unknown>): string | null {
  const messages = body["messages"] as { role?: string; content?: string | Block[] }[];
  if (!Array.isArray(messages) || messages.length === 0) return "messages: at least one message is required";
  if (messages[0]?.role !== "user") return 'messages: first message must use the "user" role';
  const toolUses = new Set<string>();
  let breakpoints = 0;
  for (const [i, { role, content }] of messages.entries()) {
    if (role !== "user" && role !== "assistant") return `messages.${i}.role: Input should be 'user' or 'assistant'`;
    if (content === undefined || content.length === 0) return `messages.${i}: content must be non-empty`;
    for (const block of blocksOf(content)) {
      if (block.type === "text" && block.text === "") return `messages.${i}: text content blocks must be non-empty`;
      if (block.type === "tool_use" && block.id !== undefined) toolUses.add(block.id);
      if (block.type === "tool_result" && !toolUses.has(block.tool_use_id ?? "")) {
        return `messages.${i}: unexpected tool_use_id found in tool_result blocks: ${block.tool_use_id}`;
      }
      if (block.cache_control !== undefined) breakpoints++;
    }
  }
  if (messages.at(-1)?.role === "assistant" && String(body["model"]).endsWith("-5-5")) {
    return "This model does not support assistant message prefill. The conversation must end with a user message.";
  }
  if (breakpoints > 4) return `A maximum of 4 blocks with cache_control may be provided. Found ${breakpoints}.`;
  return null;
}

function outputProblem(body: Record<string, unknown>): string | null {
  const format = (body["output_config"] as { format?: { type?: string; schema?: unknown } } | undefined)?.format;
  if (format === undefined) return null;
  if (format.type !== "json_schema") return "output_config.format.type: Input should be 'json_schema'";
  const refused = [
    ..."minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength".split(" "),
    ..."maxItems oneOf not if patternProperties propertyNames".split(" "),
  ];
  const problem = schemaProblem(format.schema, { refused, mustBeClosed: true, mustRequireAll: false });
  return problem === null ? null : `output_config.format.${problem}`;
}

function usageOf({ body }: RecordedRequest, answer: Answer, cache: PromptCache): Record<string, number> {
  const texts = promptTexts(body);
  const blocks = (body["messages"] as { content: string | Block[] }[]).flatMap(({ content }) => blocksOf(content));
  const systemTexts = texts.length - blocks.length;
  const ends = blocks.flatMap((block, i) => (block.cache_control === undefined ? [] : [systemTexts + i + 1]));
  const { readTokens, prefixTokens } = cache.use(texts, ends);
  return {
    input_tokens: countTokens(texts) - prefixTokens,
    cache_read_input_tokens: readTokens,
    cache_creation_input_tokens: prefixTokens - readTokens,
    output_tokens: countTokens([answer.text, answer.thinking ?? ""]),
  };
}

function promptTexts(body: Record<string, unknown>): string[] {
  const system = body["system"] === undefined ? [] : blocksOf(body["system"] as string | Block[]);
  const messages = (body["messages"] as { content: string | Block[] }[]).flatMap(({ content }) => blocksOf(content));
  return [...system, ...messages].map(({ text }) => text ?? "");
}

function blocksOf(content: string | Block[]): Block[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : content;
}

function render({ body }: RecordedRequest, answer: Answer, usage: Record<string, number>): HttpReply {
  const content = [
    ...(answer.thinking === undefined ? [] : [{ type: "thinking", thinking: answer.thinking, signature: "c2ln" }]),
    ...(answer.text === "" ? [] : [{ type: "text", text: answer.text, citations: null }]),
  ];
  const stop = {
    stop_reason: stopReasons[answer.stop ?? "end"],
    stop_sequence: null,
    stop_details: answer.stop === "refusal" ? { type: "refusal", category: null, explanation: null } : null,
    container: null,
  };
  const message = {
    id: "msg_emulator",
    type: "message",
    role: "assistant",
    model: body["model"],
    diagnostics: null,
    usage: {
      ...usage,
      cache_creation: null,
      inference_geo: null,
      output_tokens_details: null,
      server_tool_use: null,
      service_tier: "standard",
      speed: null,
    },
  };
  const headers = { ...rateLimitHeaders, ...answer.headers };
  if (body["stream"] !== true) return json(200, { ...message, ...stop, content }, headers);
  const opening = {
    ...message,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
  };
  const frames = [
    event("message_start", { message: { ...opening, usage: { ...message.usage, output_tokens: 1 } } }),
    ...Array.from({ length: answer.pings ?? 1 }, () => event("ping", {})),
    ...content.flatMap((block, index) => blockFrames(block, index)),
    event("message_delta", { delta: stop, usage }),
    event("message_stop", {}),
  ];
  return { status: 200, headers: { "content-type": "text/event-stream", ...headers }, frames };
}

function blockFrames(block: { type: string; text?: string; thinking?: string }, index: number): string[] {
  const isText = block.type === "text";
  const empty = isText ? { ...block, text: "" } : { ...block, thinking: "", signature: "" };
  const deltas = pieces(block.text ?? block.thinking ?? "").map((piece) =>
    isText ? { type: "text_delta", text: piece } : { type: "thinking_delta", thinking: piece },
  );
  return [
    event("content_block_start", { index, content_block: empty }),
    ...deltas.map((delta) => event("content_block_delta", { index, delta })),
    event("content_block_stop", { index }),
  ];
}

function renderFailure({ reason, retryAfterSeconds, headers }: Failure): HttpReply {
  const advice = {
    ...(retryAfterSeconds !== undefined && { "retry-after": String(retryAfterSeconds) }),
    ...headers,
  };
  const spent = { error_code: "enforced_spend_limit_reached" };
  switch (reason) {
    case "rate-limit":
      return error(429, "rate_limit_error", "This request would exceed your rate limit", advice);
    case "spend-limit":
      return json(429, errorBody("rate_limit_error", "Your spend limit has been reached", spent), advice);
    case "overloaded":
      return error(529, "overloaded_error", "Overloaded", advice);
    case "server-error":
      return error(500, "api_error", "Internal server error", advice);
    case "conflict":
      return error(409, "api_error", "Conflict", advice);
    case "prompt-too-long":
      return invalid(`prompt is too long: 200001 tokens > ${contextTokens} maximum`);
    case "too-large":
      return error(413, "request_too_large", "Request exceeds the maximum size", advice);
    case "key-revoked":
      return error(401, "authentication_error", `invalid x-api-key: ${apiKey}`, advice);
  }
}

/** Plenty left; a test overrides what it is about. */
const rateLimitHeaders = {
  "request-id": "req_emulator",
  "anthropic-ratelimit-requests-limit": "1000",
  "anthropic-ratelimit-requests-remaining": "999",
  "anthropic-ratelimit-requests-reset": "2026-11-20T12:00:00Z",
};

function invalid(message: string): HttpReply {
  return error(400, "invalid_request_error", message);
}

function error(status: number, type: string, message: string, headers: Record<string, string> = {}): HttpReply {
  return json(status, errorBody(type, message), { ...rateLimitHeaders, ...headers });
}

function errorBody(type: string, message: string, details?: Record<string, string>): Record<string, unknown> {
  return { type: "error", error: { type, message, ...(details && { details }) }, request_id: "req_emulator" };
}

function event(type: string, data: Record<string, unknown>): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}
