// Turns what the client library throws into the bus's error codes, and says which failures pass by themselves.
import { JetStreamApiError } from "@nats-io/jetstream";
import {
  AuthorizationError,
  ClosedConnectionError,
  ConnectionError,
  DrainingConnectionError,
  NoRespondersError,
  PermissionViolationError,
  RequestError,
  TimeoutError,
  UserAuthenticationExpiredError,
} from "@nats-io/transport-node";
import { type ErrorCode, HindcastError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";

/** JetStream API error codes that Hindcast tells apart (`errors.json` of nats-server). */
export const apiCodes = {
  /** `streams.add` of a name that exists with another configuration. */
  streamNameInUse: 10058,
  streamNotFound: 10059,
  consumerNotFound: 10014,
  /** `consumers.add` of a name that exists with another configuration. */
  consumerNameInUse: 10148,
  /** Any failure while creating; seen when a consumer of this name is just being deleted, and passing then. */
  consumerCreateFailed: 10012,
  messageNotFound: 10037,
  messageDeleteFailed: 10057,
  /** Optimistic concurrency: the expected last sequence (of the subject) is no longer the last. */
  wrongLastSequence: 10071,
  wrongLastSequenceUnknown: 10164,
  /** The store refused the message: a limit of the stream or of one subject, told apart by the description. */
  storeFailed: 10077,
  messageTooLarge: 10054,
  insufficientResources: 10023,
  storageExceeded: 10047,
  tooManyRequests: 10167,
} as const;

/** The connection dropped while a request was under way: whether it took effect is unknown. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

const conflictCodes: readonly number[] = [apiCodes.wrongLastSequence, apiCodes.wrongLastSequenceUnknown];
const missingCodes: readonly number[] = [apiCodes.streamNotFound, apiCodes.consumerNotFound, apiCodes.messageNotFound];
const fullCodes: readonly number[] = [
  apiCodes.storeFailed,
  apiCodes.insufficientResources,
  apiCodes.storageExceeded,
  apiCodes.tooManyRequests,
];

function apiErrorCode(error: JetStreamApiError): ErrorCode {
  if (conflictCodes.includes(error.code)) return "BUS_CONFLICT";
  if (isSubjectTaken(error)) return "BUS_CONFLICT";
  if (fullCodes.includes(error.code)) return "BUS_FULL";
  if (missingCodes.includes(error.code)) return "BUS_NOT_FOUND";
  if (error.code === apiCodes.messageTooLarge) return "PROTOCOL_TOO_LARGE";
  if (error.code === apiCodes.consumerCreateFailed) return "BUS_UNAVAILABLE";
  return error.status === 503 ? "BUS_UNAVAILABLE" : "INTERNAL";
}

/** Discard-new per subject: this subject already holds its one message. */
export function isSubjectTaken(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    error.code === apiCodes.storeFailed &&
    error.message.includes("messages per subject")
  );
}

function codeOf(error: unknown): ErrorCode {
  if (error instanceof JetStreamApiError) return apiErrorCode(error);
  const root = error instanceof RequestError && error.cause !== undefined ? error.cause : error;
  if (
    root instanceof PermissionViolationError ||
    root instanceof AuthorizationError ||
    root instanceof UserAuthenticationExpiredError
  ) {
    return "BUS_FORBIDDEN";
  }
  if (root instanceof TimeoutError) return "BUS_TIMEOUT";
  if (
    isNobodyThere(error) ||
    root instanceof ConnectionLost ||
    root instanceof ConnectionError ||
    root instanceof ClosedConnectionError ||
    root instanceof DrainingConnectionError ||
    root instanceof RequestError
  ) {
    return "BUS_UNAVAILABLE";
  }
  return "INTERNAL";
}

/** No server-side subscription took the request: the stream, consumer or service does not exist, or not yet again. */
export function isNobodyThere(error: unknown): boolean {
  if (error instanceof NoRespondersError) return true;
  return error instanceof Error && isNobodyThere(error.cause);
}

/** Whether the outcome is unknown or the refusal passes by itself; the same call may be made again unchanged. */
export function isTransient(error: unknown): boolean {
  const code = error instanceof HindcastError ? error.code : codeOf(error);
  if (error instanceof ClosedConnectionError || error instanceof DrainingConnectionError) return false;
  return code === "BUS_UNAVAILABLE" || code === "BUS_TIMEOUT";
}

/** How long a transient failure is believed to be one. */
export function patienceMs(error: unknown): number {
  const isDoubtful =
    isNobodyThere(error) || (error instanceof JetStreamApiError && error.code === apiCodes.consumerCreateFailed);
  return isDoubtful ? limits.busNoStreamMsMax : limits.busOutageMsMax;
}

/** @param doing what was attempted, to follow "could not", e.g. `store hindcast.task.shell.c-1.task-2`. */
export function toBusError(error: unknown, doing: string): HindcastError {
  if (error instanceof HindcastError) return error;
  const code = codeOf(error);
  const forbidden =
    code === "BUS_FORBIDDEN"
      ? "; this user's permissions do not cover it (to remove anything takes the user coordinator: cluster.natsUser)"
      : "";
  return new HindcastError({
    code,
    boundary: code === "PROTOCOL_TOO_LARGE" ? "protocol" : "bus",
    message: `could not ${doing}: ${messageOf(error)}${forbidden}`,
    retryable: code === "BUS_UNAVAILABLE" || code === "BUS_TIMEOUT" || code === "BUS_FULL",
    cause: error,
  });
}

export function isBusCode(error: unknown, code: ErrorCode): error is HindcastError {
  return error instanceof HindcastError && error.code === code;
}
