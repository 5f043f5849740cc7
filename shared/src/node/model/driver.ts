// What a vendor's file provides: one request, one answer, no retries and no prices. Everything that all vendors need
// alike (retries, rate-limit lanes, cost, the request hash) is added once, by `retrying` in retry.ts.
import type { ErrorCode } from "../../errors.ts";
import type { Usage } from "../../domain/usage.ts";
import type { CompletionRequest, Model, StopReason } from "./model.ts";
import type { RateLimitBucket } from "./rate-limit-headers.ts";

export interface Driver {
  /** `provider:model`. */
  readonly id: string;
  readonly provider: Model["provider"];
  readonly settings: Readonly<Record<string, unknown>>;
  /** Requests of one lane share the provider's rate limits: endpoint, key and model. Holds a key's hash, never a key. */
  readonly lane: string;
  /** @throws DriverFailure; on an abort of `signal`, anything. */
  send(request: CompletionRequest, signal: AbortSignal): Promise<DriverAnswer>;
}

export interface DriverAnswer {
  text: string;
  thinking: string | null;
  stop: StopReason;
  /** Null where the endpoint reports none. */
  usage: Usage | null;
  resolvedModel: string;
  /** Rate limits that the answer's headers report; empty where the provider sends none. */
  buckets: RateLimitBucket[];
}

/** What became of one request that was not answered, told apart by what the caller can do about it. */
export type FailureKind =
  | "rate-limited"
  | "overloaded"
  | "unavailable"
  | "timeout"
  | "answer-invalid"
  | "budget-exhausted"
  | "unauthorized"
  | "unknown-model"
  | "request-invalid"
  | "context-overflow";

interface FailureRule {
  code: ErrorCode;
  isRetried: boolean;
  remedy: string;
}

/** The one table of failures: error code, whether another try can help, and what the reader can do. */
export const failureRules: Record<FailureKind, FailureRule> = {
  "rate-limited": { code: "MODEL_RATE_LIMITED", isRetried: true, remedy: "Try later or lower the concurrency." },
  overloaded: { code: "MODEL_OVERLOADED", isRetried: true, remedy: "The provider is overloaded; try later." },
  unavailable: { code: "MODEL_UNAVAILABLE", isRetried: true, remedy: "Check the network and the provider's status." },
  timeout: { code: "MODEL_TIMEOUT", isRetried: true, remedy: "Check the network and the provider's status." },
  "answer-invalid": {
    code: "MODEL_ANSWER_INVALID",
    isRetried: true,
    remedy: "Check that the endpoint speaks the provider's protocol.",
  },
  "budget-exhausted": {
    code: "MODEL_BUDGET_EXHAUSTED",
    isRetried: false,
    remedy: "Raise the spend limit or quota at the provider, or wait until it resets.",
  },
  unauthorized: { code: "MODEL_UNAUTHORIZED", isRetried: false, remedy: "Set a valid API key for this provider." },
  "unknown-model": { code: "MODEL_UNKNOWN", isRetried: false, remedy: "Choose a model that the provider offers." },
  "request-invalid": {
    code: "MODEL_REQUEST_INVALID",
    isRetried: false,
    remedy: "The request itself must change; see the provider's message.",
  },
  "context-overflow": {
    code: "MODEL_CONTEXT_OVERFLOW",
    isRetried: false,
    remedy: "Shorten the prompt or choose a model with a larger context window.",
  },
};

export interface DriverFailureOptions {
  kind: FailureKind;
  /** The provider's words, already free of secrets. */
  message: string;
  /** HTTP status; null where there was no HTTP answer. */
  status?: number | null;
  /** How long the provider asked to wait, in milliseconds from now. */
  retryAfterMs?: number | null;
  /** The provider's own word on whether to try again (`x-should-retry`); overrules the table. */
  shouldRetry?: boolean | null;
  /** Whether tokens may have been bought although no answer came. @default unless an HTTP status refused the request */
  mayBeBilled?: boolean;
  buckets?: RateLimitBucket[];
}

export class DriverFailure extends Error {
  override readonly name = "DriverFailure";
  readonly kind: FailureKind;
  readonly status: number | null;
  readonly retryAfterMs: number | null;
  readonly isRetried: boolean;
  readonly mayBeBilled: boolean;
  readonly buckets: RateLimitBucket[];

  constructor(options: DriverFailureOptions) {
    super(options.message);
    this.kind = options.kind;
    this.status = options.status ?? null;
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.isRetried = options.shouldRetry ?? failureRules[options.kind].isRetried;
    this.mayBeBilled = options.mayBeBilled ?? (this.status === null || this.status < 400);
    this.buckets = options.buckets ?? [];
  }
}

/** Takes every occurrence of a key out of a text that a server may have echoed it into. */
export function redact(text: string, secret: string | null): string {
  return secret === null || secret.length < 4 ? text : text.replaceAll(secret, "[redacted]");
}

/** What an HTTP status means where the provider's body says nothing more exact. */
export function kindOfStatus(status: number): FailureKind {
  switch (status) {
    case 401:
    case 403:
      return "unauthorized";
    case 402:
      return "budget-exhausted";
    case 404:
      return "unknown-model";
    case 408:
    case 504:
      return "timeout";
    case 409:
    case 425:
      return "unavailable";
    case 413:
      return "context-overflow";
    case 429:
      return "rate-limited";
    case 503:
    case 529:
      return "overloaded";
    default:
      return status >= 500 ? "unavailable" : "request-invalid";
  }
}

/** A failure below HTTP: connection refused or cut, or an answer that is not the protocol's JSON. */
export function transportFailure(error: unknown, secret: string | null): DriverFailure {
  const words = chainOf(error).map((link) => link.message);
  const isGarbled = chainOf(error).some(
    (link) => link instanceof SyntaxError || /JSON|ended without/.test(link.message),
  );
  const isUnsent = chainOf(error).some((link) => "code" in link && unsentCodes.has(String(link.code)));
  return new DriverFailure({
    kind: isGarbled ? "answer-invalid" : "unavailable",
    message: redact(words.join(": ") || String(error), secret),
    mayBeBilled: !isUnsent,
  });
}

/** No connection came about, so nothing can have been bought. */
const unsentCodes = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

const causesMax = 5;

/** An error and its causes: `fetch` hides ECONNREFUSED two levels down. */
function chainOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let link = error; link instanceof Error && chain.length < causesMax; link = link.cause) chain.push(link);
  return chain;
}
