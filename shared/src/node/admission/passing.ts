import { HindcastError } from "../../errors.ts";

/** What is wrong with the bus or with who answers there passes; what is wrong with the message does not. */
export function isPassing(error: unknown): boolean {
  return error instanceof HindcastError && (error.retryable || error.boundary === "bus");
}
