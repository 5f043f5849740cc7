// Every call of a model, counted and in a span by the conventions of OpenTelemetry for generative models, whoever makes it.
import type { Completion, CompletionRequest, Model } from "../model/model.ts";
import { type ModelMetrics, roleOf } from "./model-metrics.ts";
import { inSpan, type OpenSpan } from "./span.ts";

/** The same model, observed; an abort is nobody's failure and is not counted as one. */
export function observedModel(model: Model, metrics: Pick<ModelMetrics, "answered" | "failed">): Model {
  const complete: Model["complete"] = (request, signal) => {
    const name = model.id.slice(model.id.indexOf(":") + 1);
    return inSpan(`chat ${name}`, { kind: "client", attributes: requestAttributes(model, name, request) }, (span) =>
      counted(request, signal, span),
    );
  };
  const counted = async (request: CompletionRequest, signal: AbortSignal, span: OpenSpan): Promise<Completion> => {
    try {
      const completion = await model.complete(request, signal);
      metrics.answered(model, request, completion);
      span.set(responseAttributes(completion));
      return completion;
    } catch (error) {
      if (!signal.aborted) metrics.failed(model, request, error);
      throw error;
    }
  };
  const settings = model.settings === undefined ? {} : { settings: model.settings };
  const priced = model.isPriced === undefined ? {} : { isPriced: model.isPriced };
  return { id: model.id, provider: model.provider, isOffline: model.isOffline, ...settings, ...priced, complete };
}

const providers: Record<Model["provider"], string> = {
  anthropic: "anthropic",
  gemini: "gcp.gemini",
  "openai-compatible": "openai",
  offline: "hindcast",
};

function requestAttributes(
  { provider }: Model,
  name: string,
  { purpose, outputTokensMax }: CompletionRequest,
): Record<string, string | number> {
  return {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": providers[provider],
    "gen_ai.request.model": name,
    "gen_ai.request.max_tokens": outputTokensMax,
    "hindcast.model.role": roleOf[purpose],
    "hindcast.model.purpose": purpose,
  };
}

/** The whole answer lies in the journal under the hash. */
function responseAttributes(completion: Completion): Record<string, string | number | boolean | string[]> {
  const { resolvedModel, usage, stop, costUsd, journaled, requestHash } = completion;
  return {
    "gen_ai.response.model": resolvedModel,
    "gen_ai.response.finish_reasons": [stop],
    "gen_ai.usage.input_tokens": usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens,
    "gen_ai.usage.cache_read.input_tokens": usage.cacheReadTokens,
    "gen_ai.usage.cache_creation.input_tokens": usage.cacheWriteTokens,
    "gen_ai.usage.output_tokens": usage.outputTokens,
    "hindcast.model.journaled": journaled,
    "hindcast.model.request_hash": requestHash,
    ...(costUsd === null ? {} : { "hindcast.model.cost_usd": costUsd }),
  };
}
