// Anthropic's Message Batches through its official SDK: up to 100,000 requests or 256 MB, ended within 24 hours, results
// kept for 29 days. A batch has no name of ours, so one whose id was lost is recognised by the ids of its results.
import type * as Sdk from "@anthropic-ai/sdk";
import type Anthropic from "@anthropic-ai/sdk";
import { messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import {
  anthropicClient,
  anthropicDriver,
  type AnthropicOptions,
  answerOf,
  failureOf,
  kindOfType,
  loadSdk,
  parametersOf,
} from "../anthropic.ts";
import { DriverFailure, redact } from "../driver.ts";
import type { BatchDriver, BatchItem, BatchOutcome, BatchStatus, FoundBatch, LostBatch } from "./batch-driver.ts";

type Batch = Anthropic.Messages.MessageBatch;

export function anthropicBatchDriver(options: AnthropicOptions): BatchDriver {
  const { apiKey, model, thinking, now } = options;
  let client: Anthropic | undefined;
  const asking = async <T>(ask: (batches: Anthropic.Messages.Batches, sdk: typeof Sdk) => Promise<T>): Promise<T> => {
    const sdk = await loadSdk();
    client ??= anthropicClient(sdk, options);
    try {
      return await ask(client.messages.batches, sdk);
    } catch (error) {
      throw error instanceof DriverFailure ? error : failureOf(sdk, error, { apiKey, nowMs: now() });
    }
  };
  return {
    driver: anthropicDriver(options),
    submit: ({ entries }, signal) =>
      asking(async (batches) => {
        const requests = entries.map(({ customId, request }) => ({
          custom_id: customId,
          params: parametersOf(model, thinking, request),
        }));
        return (await batches.create({ requests }, { signal })).id;
      }),
    find: (lost, signal) => asking((batches) => findAmong(batches, lost, signal)),
    poll: (id, signal) => asking(async (batches) => statusOf(await batches.retrieve(id, null, { signal }))),
    async *results(id, customIds, signal) {
      const missing = new Set(customIds);
      const lines = await asking((batches) => batches.results(id, undefined, { signal }));
      const iterator = lines[Symbol.asyncIterator]();
      for (;;) {
        const line = await asking(() => iterator.next());
        if (line.done === true) break;
        if (missing.delete(line.value.custom_id)) yield itemOf(line.value, apiKey);
      }
      if (missing.size === 0) return;
      // Every request has a line, so a list without some of them was cut: they must not be taken for unanswered ones.
      throw new DriverFailure({
        kind: "answer-invalid",
        message: `the results of batch ${id} lack ${missing.size} of ${customIds.size} requests`,
      });
    },
    cancel: (id, signal) => asking(async (batches) => void (await batches.cancel(id, null, { signal }))),
  };
}

function statusOf({ id, processing_status, request_counts, results_url, archived_at }: Batch): BatchStatus {
  if (processing_status !== "ended") {
    const { succeeded, errored, canceled, expired } = request_counts;
    return { state: "running", done: succeeded + errored + canceled + expired };
  }
  if (results_url !== null) return { state: "ended" };
  const reason = `the results of batch ${id} were archived at ${archived_at ?? "some time"}`;
  return { state: "expired", reason, mayBeBilled: true };
}

function itemOf({ custom_id, result }: Anthropic.Messages.MessageBatchIndividualResponse, apiKey: string): BatchItem {
  return { customId: custom_id, outcome: outcomeOf(result, apiKey) };
}

function outcomeOf(result: Anthropic.Messages.MessageBatchResult, apiKey: string): BatchOutcome {
  switch (result.type) {
    case "succeeded":
      return answerOutcome(result.message);
    case "errored": {
      const { type, message } = result.error.error;
      const kind = kindOfType(type, message);
      return { kind: "failed", failure: new DriverFailure({ kind, message: redact(message, apiKey) }) };
    }
    case "expired":
      return { kind: "expired" };
    case "canceled":
      return { kind: "cancelled" };
  }
}

function answerOutcome(message: Anthropic.Message): BatchOutcome {
  try {
    return { kind: "answer", answer: answerOf(message, undefined, 0) };
  } catch (error) {
    return { kind: "failed", failure: new DriverFailure({ kind: "answer-invalid", message: messageOf(error) }) };
  }
}

/** Newest first, back to the time before which it cannot have been made. */
async function findAmong(
  batches: Anthropic.Messages.Batches,
  { customIds, sinceMs, knownIds }: LostBatch,
  signal: AbortSignal,
): Promise<FoundBatch> {
  let listed = 0;
  let isUndecided = false;
  for await (const batch of batches.list({ limit: 100 }, { signal })) {
    listed += 1;
    if (Date.parse(batch.created_at) < sinceMs || listed > limits.batchesListedMax) break;
    if (knownIds.has(batch.id) || sizeOf(batch) !== customIds.size) continue;
    if (batch.processing_status !== "ended") isUndecided = true;
    else if (batch.results_url !== null && customIds.has(await firstCustomId(batches, batch.id, signal))) {
      return { kind: "found", id: batch.id };
    }
  }
  return { kind: isUndecided ? "undecided" : "absent" };
}

function sizeOf({ request_counts }: Batch): number {
  const { processing, succeeded, errored, canceled, expired } = request_counts;
  return processing + succeeded + errored + canceled + expired;
}

async function firstCustomId(batches: Anthropic.Messages.Batches, id: string, signal: AbortSignal): Promise<string> {
  for await (const { custom_id } of await batches.results(id, undefined, { signal })) return custom_id;
  return "";
}
