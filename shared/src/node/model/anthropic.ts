// Anthropic's Messages API through its official SDK 1.x, which speaks `anthropic-version: 2026-10-21`: sampling
// parameters do not exist there, so none is sent. Always streams and collects: pings keep long answers alive where a
// unary request would run into the HTTP client's header timeout.
import type * as Sdk from "@anthropic-ai/sdk";
import type Anthropic from "@anthropic-ai/sdk";
import type { APIError } from "@anthropic-ai/sdk";
import { type Driver, type DriverAnswer, DriverFailure, type FailureKind } from "./driver.ts";
import { kindOfStatus, redact, transportFailure } from "./driver.ts";
import { laneIdOf } from "./lane-id.ts";
import type { CompletionRequest, ContentPart, StopReason } from "./model.ts";
import { bucketsOf, retryAfterMs, shouldRetry } from "./rate-limit-headers.ts";

export interface AnthropicOptions {
  apiKey: string;
  model: string;
  baseUrl: string | null;
  /** `summarised`: adaptive thinking with readable summaries, on models that have it; `default` sends nothing. */
  thinking: "default" | "summarised";
  /** Epoch milliseconds, to read reset times by. */
  now: () => number;
}

/** Loaded by the first request: most processes never make one, and loading takes a fifth of a second. */
export const loadSdk = (): Promise<typeof Sdk> => import("@anthropic-ai/sdk");

const defaultBaseUrl = "https://api.anthropic.com";
/** The API refuses more breakpoints; the last ones cover the longest prefixes. */
const cacheBreakpointsMax = 4;

export function anthropicDriver(options: AnthropicOptions): Driver {
  const { apiKey, model, thinking, now } = options;
  const baseURL = options.baseUrl ?? defaultBaseUrl;
  let client: Anthropic | undefined;
  return {
    id: `anthropic:${model}`,
    provider: "anthropic",
    settings: { baseUrl: options.baseUrl, thinking },
    lane: laneIdOf({ provider: "anthropic", baseUrl: baseURL, apiKey, model }),
    async send(request, signal) {
      const sdk = await loadSdk();
      client ??= anthropicClient(sdk, options);
      const stream = client.messages.stream(parametersOf(model, thinking, request), { signal });
      try {
        const message = await stream.finalMessage();
        return answerOf(message, stream.response?.headers, now());
      } catch (error) {
        throw failureOf(sdk, error, { apiKey, nowMs: now() });
      }
    },
  };
}

/** Everything that the SDK would otherwise read from the process environment or print is set. */
export function anthropicClient(sdk: typeof Sdk, { apiKey, baseUrl }: AnthropicOptions): Anthropic {
  const baseURL = baseUrl ?? defaultBaseUrl;
  return new sdk.Anthropic({ apiKey, baseURL, maxRetries: 0, logLevel: "off", openTelemetry: false });
}

/** A request as the service takes it; the same for a call of its own and for one of a batch. */
export function parametersOf(
  model: string,
  thinking: AnthropicOptions["thinking"],
  request: CompletionRequest,
): Omit<Anthropic.MessageCreateParamsNonStreaming, "stream"> {
  const parts = request.messages.flatMap(({ content }) => content);
  const breakpoints = new Set(parts.filter(({ cacheable }) => cacheable === true).slice(-cacheBreakpointsMax));
  const block = (part: ContentPart): Anthropic.TextBlockParam => ({
    type: "text",
    text: part.text,
    ...(breakpoints.has(part) && { cache_control: { type: "ephemeral" as const } }),
  });
  return {
    model,
    max_tokens: request.outputTokensMax,
    ...(request.system !== "" && { system: request.system }),
    messages: request.messages.map(({ role, content }) => ({
      role,
      content: content.filter(({ text }) => text !== "").map(block),
    })),
    ...(request.output.kind === "json" && {
      output_config: { format: { type: "json_schema" as const, schema: request.output.schema } },
    }),
    ...(thinking === "summarised" && { thinking: { type: "adaptive" as const, display: "summarized" as const } }),
  };
}

export function answerOf(message: Anthropic.Message, headers: Headers | undefined, nowMs: number): DriverAnswer {
  const { usage } = message;
  const thinking = message.content.map((block) => (block.type === "thinking" ? block.thinking : "")).join("");
  return {
    text: message.content.map((block) => (block.type === "text" ? block.text : "")).join(""),
    thinking: thinking === "" ? null : thinking,
    stop: stopOf(message.stop_reason),
    usage: {
      inputTokens: usage.input_tokens,
      cacheReadTokens: usage.cache_read_input_tokens ?? 0,
      cacheWriteTokens: usage.cache_creation_input_tokens ?? 0,
      outputTokens: usage.output_tokens,
    },
    resolvedModel: message.model,
    buckets: bucketsOf(headers, nowMs),
  };
}

function stopOf(reason: Anthropic.StopReason | null): StopReason {
  switch (reason) {
    case "end_turn":
    case "stop_sequence":
      return "end";
    case "max_tokens":
    // A paused turn is one whose rest was not generated: to a caller without server tools, an answer cut off.
    case "pause_turn":
      return "output-limit";
    case "refusal":
      return "refusal";
    case "model_context_window_exceeded":
      return "context-overflow";
    default:
      throw new SyntaxError(`the answer ended without a usable stop reason (${String(reason)})`);
  }
}

export function failureOf(
  { APIConnectionError, APIConnectionTimeoutError, APIError }: typeof Sdk,
  error: unknown,
  { apiKey, nowMs }: { apiKey: string; nowMs: number },
): DriverFailure {
  if (error instanceof APIConnectionTimeoutError) return new DriverFailure({ kind: "timeout", message: error.message });
  if (!(error instanceof APIError) || error instanceof APIConnectionError) return transportFailure(error, apiKey);
  return new DriverFailure({
    kind: kindOf(error),
    message: redact(error.apiMessage ?? error.message, apiKey),
    status: error.status ?? null,
    retryAfterMs: retryAfterMs(error.headers, nowMs),
    shouldRetry: isSpent(error) ? false : shouldRetry(error.headers),
    buckets: bucketsOf(error.headers, nowMs),
  });
}

/** A spend limit also answers 429, but no wait within a call can help. */
function isSpent(error: APIError): boolean {
  const isSpendLimit = error.errorCode?.endsWith("spend_limit_reached") ?? false;
  return isSpendLimit || error.status === 402 || /credit balance is too low/.test(error.message);
}

function kindOf(error: APIError): FailureKind {
  if (isSpent(error)) return "budget-exhausted";
  if (error.status === 400 && isTooLong(error.message)) return "context-overflow";
  if (error.status !== undefined) return kindOfStatus(error.status);
  return kindOfType(error.type, error.message);
}

function isTooLong(message: string): boolean {
  return /prompt is too long|context (?:window|limit)/.test(message);
}

/** An error inside a stream that had begun with 200, or of one request of a batch: only the type tells what it is. */
export function kindOfType(type: string | null | undefined, message: string): FailureKind {
  switch (type) {
    case "overloaded_error":
      return "overloaded";
    case "rate_limit_error":
      return "rate-limited";
    case "timeout_error":
      return "timeout";
    case "billing_error":
      return "budget-exhausted";
    case "authentication_error":
    case "permission_error":
      return "unauthorized";
    case "not_found_error":
      return "unknown-model";
    case "request_too_large":
      return "context-overflow";
    case "invalid_request_error":
      return isTooLong(message) ? "context-overflow" : "request-invalid";
    default:
      return "unavailable";
  }
}
