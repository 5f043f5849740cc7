import type { CompletionRequest, Model } from "../model/model.ts";
import type { ModelMetrics } from "./model-metrics.ts";

/** The same model, whose calls are counted; an abort is nobody's failure and is not. */
export function observedModel(model: Model, metrics: Pick<ModelMetrics, "answered" | "failed">): Model {
  const complete: Model["complete"] = async (request: CompletionRequest, signal) => {
    try {
      const completion = await model.complete(request, signal);
      metrics.answered(model, request, completion);
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
