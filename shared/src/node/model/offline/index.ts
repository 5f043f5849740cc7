// Real policies without a language model, so that the whole system can be seen at work with no key. Each role reads the
// rendered prompt like any other model and answers by stated rules; nothing is looked up elsewhere, nothing is canned.
import { HindcastError } from "../../../errors.ts";
import { estimateTokens } from "../../../tokens.ts";
import type { Completion, CompletionRequest, Model } from "../model.ts";
import { requestHashOf } from "../request-hash.ts";
import { actOffline } from "./act.ts";
import { judgeOffline } from "./judge.ts";
import { proposedInWorld } from "./propose-in-world.ts";
import { proposedTasks } from "./propose.ts";
import { retrievalQueryOffline } from "./query.ts";
import { promptSections, textOf } from "./reading-prompts.ts";
import { rewriteReasonsOffline } from "./reasons.ts";
import { relabel } from "./relabel.ts";
import { summarise } from "./summarise.ts";
import { documentOf, evaluationTasksOffline } from "./vary.ts";

/** `offline:rules-strict` differs as a judge only, so that a committee of two is not one judge asked twice. */
const offlineModelIds = ["offline:rules", "offline:rules-strict"] as const;

/** Raised whenever a rule changes, so that journaled answers of older rules are not taken for new ones. */
const settings = { rules: 1 };

/** @throws MODEL_UNKNOWN for an id that is not in `offlineModelIds`. */
export function createOfflineModel(id: string): Model {
  if (!(offlineModelIds as readonly string[]).includes(id)) {
    throw new HindcastError({
      code: "MODEL_UNKNOWN",
      boundary: "model",
      message: `there is no offline model ${JSON.stringify(id)}; known: ${offlineModelIds.join(", ")}`,
    });
  }
  return {
    id,
    provider: "offline",
    isOffline: true,
    settings,
    complete: (request, signal) => {
      signal.throwIfAborted();
      return Promise.resolve(complete(id, request));
    },
  };
}

function complete(id: string, request: CompletionRequest): Completion {
  const startedAt = performance.now();
  const text = answer(request, id === "offline:rules-strict");
  const input = [
    request.system,
    ...request.messages.flatMap((message) => message.content.map((part) => part.text)),
  ].join("");
  return {
    text,
    thinking: null,
    stop: "end",
    usage: {
      inputTokens: estimateTokens(input),
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: estimateTokens(text),
    },
    costUsd: 0,
    resolvedModel: `${id}@${settings.rules}`,
    requestHash: requestHashOf({ id, settings }, request),
    journaled: false,
    durationMs: performance.now() - startedAt,
    attempts: 1,
  };
}

function answer(request: CompletionRequest, isStrict: boolean): string {
  const sections = promptSections(request);
  switch (request.purpose) {
    case "self-instruct": {
      const count = Number(textOf(sections, "count"));
      const document = documentOf(sections);
      const tasks = sections.some(({ name }) => name === "scene")
        ? proposedInWorld(document, sections, count)
        : proposedTasks(document, String(request.seed)).slice(0, count);
      return JSON.stringify({ tasks });
    }
    case "evaluation-task":
      return JSON.stringify(evaluationTasksOffline(sections, request.seed));
    case "act":
      return actOffline(sections);
    case "retrieval-query":
      return retrievalQueryOffline(sections);
    case "summarise-transition":
      return summarise(sections);
    case "new-task-instruction":
      return JSON.stringify(relabel(sections));
    case "rewrite-reason":
      return JSON.stringify(rewriteReasonsOffline(sections));
    case "judge":
      return JSON.stringify(judgeOffline(sections, isStrict));
    case "make-task":
      throw new HindcastError({
        code: "MODEL_REQUEST_INVALID",
        boundary: "model",
        message: "offline rules write no programs; name a language model as provider:model",
      });
  }
}
