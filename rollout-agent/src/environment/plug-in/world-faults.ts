import { HindcastError } from "@hindcast/shared";

/** The session broke, and a fresh one may well work: the task is tried again. */
export function worldLost(world: string, what: string, cause?: unknown): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_LOST",
    boundary: "environment",
    message: `the world "${world}" was lost: ${what}`,
    retryable: true,
    cause,
  });
}

/** The world cannot serve this task on this machine, now or later, until somebody changes something. */
export function worldUnavailable(world: string, what: string, cause?: unknown): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_UNAVAILABLE",
    boundary: "environment",
    message: `the world "${world}" is not available: ${what}`,
    cause,
  });
}

export function worldSetupFailed(world: string, what: string): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_SETUP_FAILED",
    boundary: "environment",
    message: `the world "${world}" could not be set up: ${what}`,
  });
}
