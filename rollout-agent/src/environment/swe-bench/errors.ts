import { HindcastError } from "@hindcast/shared";

/** Something that an instance needs is not here; the message says what to do about it. It is no failure of a patch. */
export function unavailable(message: string, cause?: unknown): HindcastError {
  return new HindcastError({ code: "ENVIRONMENT_UNAVAILABLE", boundary: "environment", message, cause });
}
