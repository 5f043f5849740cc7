// `scripted:<n>`: a policy that issues `echo 1`, `echo 2`, …, `echo n` and stops. It measures the cluster, not a model:
// it knows how far it is from the number of actions in its prompt, like any policy, and answers at once.
import { HindcastError } from "../../errors.ts";
import { estimateTokens } from "../../tokens.ts";
import type { Model } from "./model.ts";
import { requestHashOf } from "./request-hash.ts";

/** @throws MODEL_UNKNOWN unless the id is `scripted:` and a number of steps. */
export function createScriptedModel(id: string): Model {
  const steps = Number(/^scripted:(\d{1,4})$/.exec(id)?.[1]);
  if (!Number.isInteger(steps)) {
    const message = `the model ${JSON.stringify(id)} is unknown: expected scripted:<number of steps>, for example scripted:12`;
    throw new HindcastError({ code: "MODEL_UNKNOWN", boundary: "model", message });
  }
  return {
    id,
    provider: "offline",
    isOffline: true,
    complete: (request, signal) => {
      signal.throwIfAborted();
      const prompt = request.messages.flatMap(({ content }) => content.map(({ text }) => text)).join("");
      const done = prompt.match(/<action>/g)?.length ?? 0;
      const text = `REASON: step ${done + 1} of ${steps}\nACTION: ${done < steps ? `echo ${done + 1}` : "stop()"}`;
      return Promise.resolve({
        text,
        thinking: null,
        stop: "end",
        usage: {
          inputTokens: estimateTokens(prompt),
          cacheReadTokens: 0,
          cacheWriteTokens: 0,
          outputTokens: estimateTokens(text),
        },
        costUsd: 0,
        resolvedModel: id,
        requestHash: requestHashOf({ id }, request),
        journaled: false,
        durationMs: 0,
        attempts: 1,
      });
    },
  };
}
