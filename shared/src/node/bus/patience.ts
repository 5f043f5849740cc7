// Retrying across an outage. Everything on the bus is either idempotent or carries a message id, so an operation whose
// outcome is unknown is simply made again; two named caps end it.
import { setTimeout as delay } from "node:timers/promises";
import { limits } from "../../limits.ts";
import { isTransient, patienceMs, toBusError } from "./bus-errors.ts";
import type { Connection } from "./connection.ts";

/** Waits before another try: doubling from 50 ms to `capMs`. */
export function retryDelayMs(attempt: number, capMs: number = limits.busRetryDelayMsMax): number {
  return Math.min(50 * 2 ** Math.min(attempt - 1, 20), capMs);
}

/**
 * Makes `work` succeed through lost connections and restarting servers, for at most `busOutageMsMax`.
 * @param doing what is attempted, to follow "could not" in the error.
 * @throws the classified error when it is not transient or the cap is reached; `signal`'s reason when it aborts.
 */
export async function patiently<T>(
  connection: Connection,
  doing: string,
  work: (attempt: number) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const started = Date.now();
  const stop = signal === undefined ? connection.closing : AbortSignal.any([signal, connection.closing]);
  for (let attempt = 1; ; attempt += 1) {
    stop.throwIfAborted();
    await connection.whenUp(signal, Math.max(0, started + limits.busOutageMsMax - Date.now()));
    try {
      return await connection.attempt(() => work(attempt));
    } catch (error) {
      const isOver = Date.now() - started > patienceMs(error);
      if (stop.aborted || !isTransient(error) || isOver) throw toBusError(error, doing);
      // Aborted meanwhile: the next round throws the reason, where this would throw words of its own.
      await delay(retryDelayMs(attempt), undefined, { signal: stop }).catch(() => undefined);
    }
  }
}
