// Any endpoint that speaks OpenAI's chat completions: OpenAI itself, vLLM, llama.cpp, Ollama, LM Studio, LiteLLM.
// Only what all of them have is used: `response_format: json_schema`, no tools, no Responses API.
import type OpenAI from "openai";
import { Usage } from "../../domain/usage.ts";
import { type Driver, type DriverAnswer, DriverFailure } from "./driver.ts";
import type { CompletionRequest, StopReason } from "./model.ts";
import { loadSdk, openAiClient, openAiFailure, openAiLane, type OpenAiEndpoint } from "./openai-wire.ts";
import { bucketsOf } from "./rate-limit-headers.ts";

export interface OpenAiCompatibleOptions extends OpenAiEndpoint {
  /** Off for servers whose streams report no usage or are broken by a proxy. */
  isStreaming: boolean;
  /** Epoch milliseconds, to read reset times by. */
  now: () => number;
}

type Parameters = Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, "stream">;

export function openAiCompatibleDriver(options: OpenAiCompatibleOptions): Driver {
  const { model, isStreaming, now } = options;
  let client: OpenAI | undefined;
  return {
    id: `openai:${model}`,
    provider: "openai-compatible",
    settings: { baseUrl: options.baseUrl },
    lane: openAiLane(options),
    async send(request, signal) {
      const sdk = await loadSdk();
      client ??= openAiClient(sdk, options);
      const parameters = parametersOf(options, request);
      try {
        return await (isStreaming ? streamed : unary)(client, parameters, signal, now);
      } catch (error) {
        throw error instanceof DriverFailure
          ? error
          : openAiFailure(sdk, error, { apiKey: options.apiKey, nowMs: now() });
      }
    },
  };
}

function parametersOf(options: OpenAiCompatibleOptions, request: CompletionRequest): Parameters {
  const system = request.system === "" ? [] : [{ role: "system" as const, content: request.system }];
  return {
    model: options.model,
    messages: [
      ...system,
      ...request.messages.map(({ role, content }) => ({ role, content: content.map(({ text }) => text).join("\n\n") })),
    ],
    // OpenAI has renamed the field and refuses the old name on new models; the other servers know the old one.
    ...(options.baseUrl === null
      ? { max_completion_tokens: request.outputTokensMax }
      : { max_tokens: request.outputTokensMax }),
    seed: request.seed % 2 ** 31,
    ...(request.output.kind === "json" && {
      response_format: {
        type: "json_schema" as const,
        json_schema: { name: request.output.name, strict: true, schema: request.output.schema },
      },
    }),
  };
}

async function unary(
  client: OpenAI,
  parameters: Parameters,
  signal: AbortSignal,
  now: () => number,
): Promise<DriverAnswer> {
  const { data, response } = await client.chat.completions.create(parameters, { signal }).withResponse();
  // What a server calls OpenAI-compatible is not always: nothing below the top level is taken for granted.
  const choice = (data as Partial<typeof data> | undefined)?.choices?.[0];
  return {
    text: choice?.message?.content ?? "",
    thinking: null,
    stop: stopOf(choice?.finish_reason, choice?.message?.refusal),
    usage: usageOf(data.usage),
    resolvedModel: data.model ?? parameters.model,
    buckets: bucketsOf(response.headers, now()),
  };
}

async function streamed(
  client: OpenAI,
  parameters: Parameters,
  signal: AbortSignal,
  now: () => number,
): Promise<DriverAnswer> {
  const { data, response } = await client.chat.completions
    .create({ ...parameters, stream: true, stream_options: { include_usage: true } }, { signal })
    .withResponse();
  let text = "";
  let refusal = "";
  let finish: string | null = null;
  let usage: OpenAI.CompletionUsage | null = null;
  let resolvedModel = parameters.model;
  for await (const chunk of data) {
    const choice = chunk.choices?.[0];
    text += choice?.delta?.content ?? "";
    refusal += choice?.delta?.refusal ?? "";
    finish = choice?.finish_reason ?? finish;
    usage = chunk.usage ?? usage;
    resolvedModel = chunk.model ?? resolvedModel;
  }
  const stop = stopOf(finish, refusal);
  const buckets = bucketsOf(response.headers, now());
  return { text: text || refusal, thinking: null, stop, usage: usageOf(usage), resolvedModel, buckets };
}

function usageOf(usage: OpenAI.CompletionUsage | null | undefined): DriverAnswer["usage"] {
  if (usage === null || usage === undefined) return null;
  const cached = usage.prompt_tokens_details?.cached_tokens ?? 0;
  // Half a report is none: a NaN would pass every budget and fit no record.
  const told = Usage.safeParse({
    inputTokens: Math.max(0, usage.prompt_tokens - cached),
    cacheReadTokens: cached,
    cacheWriteTokens: 0,
    outputTokens: usage.completion_tokens,
  });
  return told.success ? told.data : null;
}

function stopOf(finish: string | null | undefined, refusal: string | null | undefined): StopReason {
  if (refusal !== null && refusal !== undefined && refusal !== "") return "refusal";
  switch (finish) {
    case "stop":
      return "end";
    case "length":
      return "output-limit";
    case "content_filter":
      return "refusal";
    default:
      throw new DriverFailure({
        kind: "answer-invalid",
        message: `the answer ended without a usable finish reason (${finish ?? "none"})`,
      });
  }
}
