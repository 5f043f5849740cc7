import { limits } from "../../../limits.ts";
import type { DriverFailure } from "../driver.ts";

/** Neither money nor a day's quota comes back sooner, whatever the answer advises. */
const spentMs = 900_000;

/**
 * When a provider takes no batches for now: money, a day's quota, or as many as it queues. Requests wait for it as single
 * ones wait for a paused lane, and fail only after as long.
 */
export class BatchRest {
  #sinceMs: number | null = null;
  #untilMs = 0;

  /** @returns false where waiting does not help, or has helped nothing for a day. */
  begin({ kind, retryAfterMs }: Pick<DriverFailure, "kind" | "retryAfterMs">, nowMs: number): boolean {
    if (kind !== "budget-exhausted" && kind !== "rate-limited") return false;
    this.#sinceMs ??= nowMs;
    if (nowMs - this.#sinceMs > limits.admissionPauseMsMax) return false;
    const least = kind === "budget-exhausted" ? spentMs : limits.batchPollMsMax;
    this.#untilMs = nowMs + Math.max(retryAfterMs ?? 0, least);
    return true;
  }

  end(): void {
    this.#sinceMs = null;
    this.#untilMs = 0;
  }

  isOver(nowMs: number): boolean {
    return nowMs >= this.#untilMs;
  }
}
