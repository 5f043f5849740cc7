// Gemini's batch endpoint through `@google/genai`. Requests go up as a JSONL file with a key per line, not inline: inline
// answers come back in another order and without the metadata that was given (python-genai #1909, #2008), so they could
// not be told apart. A job ends within 48 hours or expires as a whole.
import type { BatchJob, GoogleGenAI } from "@google/genai";
import { z } from "zod";
import { limits } from "../../../limits.ts";
import { DriverFailure, transportFailure } from "../driver.ts";
import { contentsOf, GeminiErrorBody, geminiAnswer, geminiFailure, geminiSeed } from "../gemini-wire.ts";
import { geminiBaseUrl, geminiClient, geminiDriver, type GeminiOptions, genaiFailure, loadSdk } from "../gemini.ts";
import type { CompletionRequest } from "../model.ts";
import type { BatchDriver, BatchItem, BatchOutcome, BatchStatus, FoundBatch, LostBatch } from "./batch-driver.ts";
import { geminiSchema } from "./gemini-schema.ts";

export function geminiBatchDriver(options: GeminiOptions): BatchDriver {
  const { apiKey, model } = options;
  let client: GoogleGenAI | undefined;
  const asking = async <T>(ask: (client: GoogleGenAI) => Promise<T>): Promise<T> => {
    const sdk = await loadSdk();
    client ??= geminiClient(sdk, options, limits.modelCallTimeoutMs);
    try {
      return await ask(client);
    } catch (error) {
      throw error instanceof DriverFailure ? error : genaiFailure(sdk, error, apiKey);
    }
  };
  const jobOf = (id: string, abortSignal: AbortSignal): Promise<BatchJob> =>
    asking((genai) => genai.batches.get({ name: id, config: { abortSignal } }));
  return {
    driver: geminiDriver(options),
    submit: ({ name, entries }, abortSignal) =>
      asking(async (genai) => {
        const lines = entries.map(({ customId, request }) =>
          JSON.stringify({ key: customId, request: lineOf(request) }),
        );
        const blob = new Blob([`${lines.join("\n")}\n`]);
        const file = await genai.files.upload({
          file: blob,
          config: { mimeType: "application/jsonl", displayName: name },
        });
        abortSignal.throwIfAborted();
        const src = { fileName: file.name ?? "" };
        const job = await genai.batches.create({ model, src, config: { displayName: name, abortSignal } });
        return nameOf(job);
      }),
    find: (lost, signal) => asking((genai) => findAmong(genai, lost, signal)),
    poll: async (id, signal) => statusOf(await jobOf(id, signal)),
    async *results(id, customIds, signal) {
      const file = (await jobOf(id, signal)).dest?.fileName;
      const missing = new Set(customIds);
      for await (const line of file === undefined ? [] : downloaded(options, file, signal)) {
        const item = itemOf(line, options);
        if (missing.delete(item.customId)) yield item;
      }
      // A job that ended with a part of its requests has lines for that part only.
      for (const customId of missing) yield { customId, outcome: { kind: "expired" } };
    },
    cancel: (id, abortSignal) => asking((genai) => genai.batches.cancel({ name: id, config: { abortSignal } })),
  };
}

/** A `GenerateContentRequest`. */
function lineOf(request: CompletionRequest): object {
  const { system, output, outputTokensMax, seed } = request;
  return {
    contents: contentsOf(request),
    ...(system !== "" && { systemInstruction: { parts: [{ text: system }] } }),
    generationConfig: {
      maxOutputTokens: outputTokensMax,
      seed: geminiSeed(seed),
      // `responseJsonSchema`, which single calls use, is not honoured by the batch endpoint (ruby_llm #894).
      ...(output.kind === "json" && {
        responseMimeType: "application/json",
        responseSchema: geminiSchema(output.schema),
      }),
    },
  };
}

function nameOf({ name }: BatchJob): string {
  if (name !== undefined) return name;
  throw new DriverFailure({ kind: "answer-invalid", message: "the answer to a new batch has no name" });
}

function statusOf({ state, name = "", dest }: BatchJob): BatchStatus {
  switch (state) {
    case "JOB_STATE_SUCCEEDED":
    case "JOB_STATE_PARTIALLY_SUCCEEDED":
      return { state: "ended" };
    case "JOB_STATE_EXPIRED":
    case "JOB_STATE_CANCELLED":
    case "JOB_STATE_FAILED": {
      if (dest?.fileName !== undefined) return { state: "ended" };
      const word = state.slice("JOB_STATE_".length).toLowerCase() as "expired" | "cancelled" | "failed";
      return { state: word, reason: `batch ${name} ${word === "failed" ? word : `was ${word}`}`, mayBeBilled: false };
    }
    default:
      return { state: "running", done: null };
  }
}

async function findAmong(
  genai: GoogleGenAI,
  { name }: Pick<LostBatch, "name">,
  abortSignal: AbortSignal,
): Promise<FoundBatch> {
  let listed = 0;
  for await (const job of await genai.batches.list({ config: { pageSize: 100, abortSignal } })) {
    listed += 1;
    if (listed > limits.batchesListedMax) break;
    if (job.displayName === name) return { kind: "found", id: nameOf(job) };
  }
  return { kind: "absent" };
}

/**
 * Lines of a result file. Not by the SDK: it only downloads to a path, and a connection that is cut meanwhile ends the
 * process, because it pipes the body without listening for its errors.
 * @throws DriverFailure also when the file ends inside a line.
 */
async function* downloaded(
  { apiKey, baseUrl }: GeminiOptions,
  file: string,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  const url = `${baseUrl ?? geminiBaseUrl}/v1beta/${file}:download?alt=media`;
  let text: string;
  let status: number;
  try {
    const response = await fetch(url, { headers: { "x-goog-api-key": apiKey }, signal });
    ({ status } = response);
    text = await response.text();
  } catch (error) {
    throw transportFailure(error, apiKey);
  }
  if (status !== 200) {
    const body = GeminiErrorBody.safeParse(jsonOf(text)).data?.error;
    throw geminiFailure({ status, message: body?.message ?? text.slice(0, 200), details: body?.details }, apiKey);
  }
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const value = jsonOf(line);
    if (value === null)
      throw new DriverFailure({ kind: "answer-invalid", message: `${file} has a line that is no JSON` });
    yield value;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// Loose on purpose: the service adds fields without notice.
const ResultLine = z.looseObject({
  key: z.string(),
  response: z.unknown().optional(),
  error: z
    .looseObject({ code: z.int().optional(), message: z.string().optional(), details: z.unknown().optional() })
    .optional(),
});

function itemOf(line: unknown, { apiKey, model }: GeminiOptions): BatchItem {
  const parsed = ResultLine.safeParse(line);
  if (!parsed.success) throw new DriverFailure({ kind: "answer-invalid", message: z.prettifyError(parsed.error) });
  const { key, response, error } = parsed.data;
  if (error === undefined) return { customId: key, outcome: answerOutcome(response, model) };
  const { code = 13, message = "no reason given", details } = error;
  const failure = geminiFailure({ status: httpStatusOf(code), message, details }, apiKey);
  return { customId: key, outcome: failure.kind === "timeout" ? { kind: "expired" } : { kind: "failed", failure } };
}

function answerOutcome(response: unknown, model: string): BatchOutcome {
  try {
    return { kind: "answer", answer: geminiAnswer([response], model) };
  } catch (error) {
    if (!(error instanceof DriverFailure)) throw error;
    return { kind: "failed", failure: error };
  }
}

/** Errors of single requests carry a `google.rpc.Code`; one above 99 is an HTTP status already. */
function httpStatusOf(code: number): number {
  const statuses: Record<number, number> = { 3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 14: 503, 16: 401 };
  return code > 99 ? code : (statuses[code] ?? 500);
}
