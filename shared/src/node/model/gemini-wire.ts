// What Google's generateContent says, in either of its two SDKs: their response types differ, the JSON does not, so it
// is parsed here once. Errors carry everything in the body: no rate-limit header exists.
import { z } from "zod";
import { type DriverAnswer, DriverFailure, type FailureKind, kindOfStatus, redact } from "./driver.ts";
import type { CompletionRequest, StopReason } from "./model.ts";

// Loose on purpose: the service adds fields without notice.
const Part = z.looseObject({ text: z.string().optional(), thought: z.boolean().optional() });
const Candidate = z.looseObject({
  content: z.looseObject({ parts: z.array(Part).optional() }).optional(),
  finishReason: z.string().optional(),
});
const count = z.int().nonnegative().default(0);
const UsageMetadata = z.looseObject({
  promptTokenCount: count,
  candidatesTokenCount: count,
  thoughtsTokenCount: count,
  cachedContentTokenCount: count,
});
/** One unary answer or one chunk of a stream. */
export const GenerateContentResponse = z.looseObject({
  candidates: z.array(Candidate).optional(),
  promptFeedback: z.looseObject({ blockReason: z.string().optional() }).optional(),
  usageMetadata: UsageMetadata.optional(),
  modelVersion: z.string().optional(),
});
export type GenerateContentResponse = z.infer<typeof GenerateContentResponse>;

/** Seeds are 32-bit there. */
export function geminiSeed(seed: number): number {
  return seed % 2 ** 31;
}

/** The `contents` of a request; `model` is Google's word for the assistant. */
export function contentsOf(request: CompletionRequest): { role: "user" | "model"; parts: { text: string }[] }[] {
  return request.messages.map(({ role, content }) => ({
    role: role === "assistant" ? "model" : "user",
    parts: content.map(({ text }) => ({ text })),
  }));
}

/**
 * Joins the chunks of an answer (one for a unary call).
 * @throws DriverFailure `answer-invalid` when they do not end as the protocol says.
 */
export function geminiAnswer(chunks: readonly unknown[], configuredModel: string): DriverAnswer {
  const parsed = z.array(GenerateContentResponse).safeParse(chunks);
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error));
  const responses = parsed.data;
  const parts = responses.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? []);
  const textOf = (isThought: boolean): string =>
    parts.map(({ text, thought }) => ((thought ?? false) === isThought ? (text ?? "") : "")).join("");
  // Token counts are cumulative: the last chunk that has them has the totals.
  const usage = responses.findLast(({ usageMetadata }) => usageMetadata !== undefined)?.usageMetadata;
  const thinking = textOf(true);
  return {
    text: textOf(false),
    thinking: thinking === "" ? null : thinking,
    stop: stopOf(responses),
    usage:
      usage === undefined
        ? null
        : {
            inputTokens: Math.max(0, usage.promptTokenCount - usage.cachedContentTokenCount),
            cacheReadTokens: usage.cachedContentTokenCount,
            cacheWriteTokens: 0,
            outputTokens: usage.candidatesTokenCount + usage.thoughtsTokenCount,
          },
    resolvedModel:
      responses.findLast(({ modelVersion }) => modelVersion !== undefined)?.modelVersion ?? configuredModel,
    buckets: [],
  };
}

const refusals = new Set([
  "SAFETY",
  "RECITATION",
  "LANGUAGE",
  "BLOCKLIST",
  "PROHIBITED_CONTENT",
  "SPII",
  "IMAGE_SAFETY",
  "MODEL_ARMOR",
]);

function stopOf(responses: GenerateContentResponse[]): StopReason {
  // A blocked prompt has no candidate at all.
  if (responses.some(({ promptFeedback }) => promptFeedback?.blockReason !== undefined)) return "refusal";
  const reason = responses.findLast(({ candidates }) => candidates?.[0]?.finishReason !== undefined)?.candidates?.[0]
    ?.finishReason;
  if (reason === "STOP") return "end";
  if (reason === "MAX_TOKENS") return "output-limit";
  if (reason !== undefined && refusals.has(reason)) return "refusal";
  throw invalid(`the answer ended without a usable finish reason (${reason ?? "none"})`);
}

function invalid(message: string): DriverFailure {
  return new DriverFailure({ kind: "answer-invalid", message });
}

const ErrorDetail = z.looseObject({
  "@type": z.string().optional(),
  retryDelay: z.string().optional(),
  reason: z.string().optional(),
  violations: z.array(z.looseObject({ quotaId: z.string().optional() })).optional(),
});
const ErrorDetails = z.array(ErrorDetail).catch([]);
/** The body of an error answer (google.rpc.Status inside `error`). */
export const GeminiErrorBody = z.looseObject({
  error: z.looseObject({ message: z.string().optional(), details: z.unknown() }),
});

export interface GeminiError {
  status: number;
  message: string;
  /** google.rpc details: RetryInfo, QuotaFailure, ErrorInfo. */
  details: unknown;
}

/** The advised delay is rounded down ("58s" for 58.9 s), so a second is added. */
const retryMarginMs = 1_000;

/** Classifies an HTTP error of the service. */
export function geminiFailure({ status, message, details }: GeminiError, apiKey: string): DriverFailure {
  const known = ErrorDetails.parse(details);
  const delay = known.map(({ retryDelay }) => /^(\d+(?:\.\d+)?)s$/.exec(retryDelay ?? "")?.[1]).find(Boolean);
  return new DriverFailure({
    kind: kindOf(status, message, known),
    message: redact(message, apiKey),
    status,
    retryAfterMs: delay === undefined ? null : Number(delay) * 1_000 + retryMarginMs,
  });
}

function kindOf(status: number, message: string, details: z.infer<typeof ErrorDetails>): FailureKind {
  const quotas = details.flatMap(({ violations }) => violations ?? []).map(({ quotaId }) => quotaId ?? "");
  if (status === 429 && quotas.some((quota) => quota.includes("PerDay"))) return "budget-exhausted";
  if (status === 400 && details.some(({ reason }) => reason === "API_KEY_INVALID")) return "unauthorized";
  if (status === 400 && /input token count .*exceeds/i.test(message)) return "context-overflow";
  return kindOfStatus(status);
}
