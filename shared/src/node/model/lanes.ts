// What this process knows of each provider's rate limits. A lane that is known to be closed makes callers wait before
// they send, instead of each finding out by a 429. Other processes are not told: that is the fleet's admission
// (../admission), beside which this is for programs that stand alone.
import { limits } from "../../limits.ts";
import { type RateLimitBucket, waitMs } from "./rate-limit-headers.ts";

export interface Need {
  requests: number;
  tokens: number;
}

export class Lane {
  #closedUntilMs = 0;
  #buckets: RateLimitBucket[] = [];

  /** Replaces what was known with what the newest answer reports; an answer without limits says nothing. */
  learn(buckets: RateLimitBucket[]): void {
    if (buckets.length > 0) this.#buckets = buckets;
  }

  /** Closes the lane for everybody; never reopens it earlier than another answer said. */
  closeUntil(untilMs: number): void {
    this.#closedUntilMs = Math.max(this.#closedUntilMs, untilMs);
  }

  /**
   * Milliseconds until a request of this need may be sent; 0 when it may go now. A bucket that would take longer than
   * one wait is no reason to hold back: it may be a clock that is wrong, and if it is not, a 429 will say so.
   */
  waitMs(need: Need, nowMs: number): number {
    const refills = this.#buckets
      .map((bucket) => waitMs(bucket, amountOf(need, bucket.unit), nowMs))
      .filter((wait) => wait <= limits.modelRetryDelayMsMax);
    return Math.max(0, this.#closedUntilMs - nowMs, ...refills);
  }
}

/** Output is not known before; the provider's own 429 says when it is too much. */
function amountOf(need: Need, unit: RateLimitBucket["unit"]): number {
  return unit === "output-tokens" ? 0 : need[unit === "input-tokens" ? "tokens" : unit];
}

/** The lanes of a process, by name. As many as there are configured models, so nothing is ever evicted. */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();

  of(name: string): Lane {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane = new Lane();
    this.#lanes.set(name, lane);
    return lane;
  }
}
