// A rate as a bucket that refills steadily. A request takes its estimate and puts back, or adds, the difference when
// its real size is known: the level may go below zero, and that debt is paid by waiting.

/** How much of a minute's allowance may be used at once: providers enforce their limits over shorter times than a minute. */
const burstMs = 10_000;
const minuteMs = 60_000;
/** Refills are fractions: who has waited as long as was told must not be told to wait again. */
const roundingMax = 1e-6;

export class TokenBucket {
  readonly perMinute: number;
  readonly #capacity: number;
  #level: number;
  #atMs: number;

  /** @param level of the beginning, as a share of the capacity in [0, 1]. */
  constructor(perMinute: number, nowMs: number, level = 1) {
    this.perMinute = perMinute;
    this.#capacity = Math.max(1, (perMinute * burstMs) / minuteMs);
    this.#level = this.#capacity * level;
    this.#atMs = nowMs;
  }

  /** The most that is taken within any time, beyond what the rate gives in it. */
  get burst(): number {
    return this.#capacity;
  }

  /** Milliseconds until `need` may be taken. What is larger than the bucket goes when it is full, and leaves a debt. */
  waitMs(need: number, nowMs: number): number {
    const missing = Math.min(need, this.#capacity) - this.#refilled(nowMs);
    return missing <= roundingMax ? 0 : Math.ceil((missing * minuteMs) / this.perMinute);
  }

  take(amount: number, nowMs: number): void {
    this.#level = this.#refilled(nowMs) - amount;
    this.#atMs = Math.max(this.#atMs, nowMs);
  }

  /** `estimate` was taken and `actual` was used. */
  settle(estimate: number, actual: number, nowMs: number): void {
    this.take(actual - estimate, nowMs);
    this.#level = Math.min(this.#level, this.#capacity);
  }

  /** The provider counts requests that we do not know of: never more is left than it says. */
  atMost(remaining: number, nowMs: number): void {
    this.#level = Math.min(this.#refilled(nowMs), remaining);
    this.#atMs = Math.max(this.#atMs, nowMs);
  }

  /** The same level under another rate. */
  at(perMinute: number, nowMs: number): TokenBucket {
    const changed = new TokenBucket(perMinute, nowMs, 0);
    changed.#level = Math.min(this.#refilled(nowMs), changed.#capacity);
    return changed;
  }

  /** A clock that is set back refills nothing and takes nothing away. */
  #refilled(nowMs: number): number {
    const passedMs = Math.max(0, nowMs - this.#atMs);
    return Math.min(this.#capacity, this.#level + (passedMs * this.perMinute) / minuteMs);
  }
}
