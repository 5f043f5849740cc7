import { type ErrorCode, HindcastError } from "@hindcast/shared";

/** What may pass without a change of the call: a full disk, another holder of the folder, too much to do at once. */
const retryable: readonly ErrorCode[] = ["INDEX_IO", "INDEX_LOCKED", "INDEX_NOT_READY"];

export function indexError(code: ErrorCode, message: string, cause?: unknown): HindcastError {
  return new HindcastError({ code, boundary: "index", message, retryable: retryable.includes(code), cause });
}
