// The error model. Code inside a part throws plain errors; `atBoundary` classifies once on the way out of the part,
// and an error that is already classified passes untouched. Outcomes are not errors: a failed command is an
// ExecResult, an unparsable model answer is an observation, a limit is an end reason. What is left is here.
import { z } from "zod";

export const Boundary = z.enum([
  "config",
  "protocol",
  "bus",
  "model",
  "sandbox",
  "environment",
  "index",
  "documents",
  "campaign",
  "export",
]);
export type Boundary = z.infer<typeof Boundary>;

/** Every code that can cross a process border; pinned by a test, because other languages switch on it. */
export const ErrorCode = z.enum([
  "CONFIG_INVALID",
  "CONFIG_UNKNOWN_KEY",
  "PROTOCOL_INVALID",
  "PROTOCOL_UNKNOWN_VERSION",
  "PROTOCOL_TOO_LARGE",
  "BUS_UNAVAILABLE",
  "BUS_TIMEOUT",
  "BUS_FULL",
  "BUS_CONFLICT",
  "BUS_FORBIDDEN",
  "BUS_NOT_FOUND",
  "MODEL_UNKNOWN",
  "MODEL_UNAUTHORIZED",
  "MODEL_RATE_LIMITED",
  "MODEL_OVERLOADED",
  "MODEL_UNAVAILABLE",
  "MODEL_TIMEOUT",
  "MODEL_BUDGET_EXHAUSTED",
  "MODEL_REQUEST_INVALID",
  "MODEL_CONTEXT_OVERFLOW",
  "MODEL_ANSWER_INVALID",
  "MODEL_LANE_PAUSED",
  "MODEL_PRICE_UNKNOWN",
  "SANDBOX_UNAVAILABLE",
  "SANDBOX_LOST",
  "SANDBOX_FULL",
  "SANDBOX_TOO_LARGE",
  "SANDBOX_PORT_CLOSED",
  "ENVIRONMENT_UNAVAILABLE",
  "ENVIRONMENT_LOST",
  "ENVIRONMENT_SETUP_FAILED",
  "ENVIRONMENT_DIVERGED",
  "ENVIRONMENT_ACTION_UNSUPPORTED",
  "ENVIRONMENT_DEADLY",
  "INDEX_INVALID",
  "INDEX_NOT_READY",
  "INDEX_OVERLOADED",
  "INDEX_CLOSED",
  "INDEX_CORRUPT",
  "INDEX_FOREIGN",
  "INDEX_NEWER",
  "INDEX_LOCKED",
  "INDEX_IO",
  "DOCUMENTS_EMPTY",
  "DOCUMENTS_UNREADABLE",
  "CAMPAIGN_NOT_FOUND",
  "CAMPAIGN_CANCELLED",
  "CAMPAIGN_ENDED",
  "CAMPAIGN_BUDGET_EXHAUSTED",
  "EXPORT_FAILED",
  "INTERNAL",
]);
export type ErrorCode = z.infer<typeof ErrorCode>;

/** What an error looks like on the wire: no stack, no secret, no cause. */
export const WireError = z.strictObject({
  code: ErrorCode,
  boundary: Boundary,
  message: z.string().max(4_000),
  retryable: z.boolean(),
});
export type WireError = z.infer<typeof WireError>;

export interface HindcastErrorOptions {
  code: ErrorCode;
  boundary: Boundary;
  /** One sentence with the offending value, the place, and the remedy where there is one. */
  message: string;
  /** Whether the same call may succeed later without anybody changing anything. */
  retryable?: boolean;
  cause?: unknown;
}

export class HindcastError extends Error {
  override readonly name = "HindcastError";
  readonly code: ErrorCode;
  readonly boundary: Boundary;
  readonly retryable: boolean;

  constructor(options: HindcastErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.boundary = options.boundary;
    this.retryable = options.retryable ?? false;
  }

  toWire(): WireError {
    return {
      code: this.code,
      boundary: this.boundary,
      message: this.message.slice(0, 4_000),
      retryable: this.retryable,
    };
  }

  /** An error that a peer reported. It is data: no class is looked up by a name the peer sends. */
  static fromWire(wire: WireError): HindcastError {
    return new HindcastError(wire);
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Classifies whatever it is given: classified errors pass untouched, the rest become `INTERNAL` of the boundary. */
export function toHindcastError(error: unknown, boundary: Boundary): HindcastError {
  if (error instanceof HindcastError) return error;
  return new HindcastError({ code: "INTERNAL", boundary, message: messageOf(error), cause: error });
}

/** Runs `work` as the inside of a part: whatever it throws leaves classified. */
export async function atBoundary<T>(boundary: Boundary, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toHindcastError(error, boundary);
  }
}

/** For our own mistakes only; input and surroundings get a HindcastError. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant violated: ${message}`);
}
