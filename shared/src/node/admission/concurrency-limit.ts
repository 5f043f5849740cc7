// How many requests a lane bears at once, found out by trying (AIMD): doubling until the first cut, then 5 % per window
// without one; an overload cuts to 80 %. What a gate or a pause does is not known here, so neither can freeze the limit.

export interface ConcurrencyBounds {
  min: number;
  start: number;
  max: number;
}

const cutFactor = 0.8;
const growthFactor = 0.05;
/** Requests that were sent together fail together: one overload is cut for once. */
export const cutDebounceMs = 15_000;
/** Share of the limit that must have been in use for a window to say anything. */
const usedShare = 0.8;
/** Latency per output token: how fast the short and the long average move, and their ratio that counts as overload. */
const [shortWeight, longWeight] = [0.2, 0.01];
const latencyRatioMax = 3;
const latencySamplesMin = 30;

export class ConcurrencyLimit {
  #bounds: ConcurrencyBounds;
  #limit: number;
  #isSlowStart: boolean;
  #lastCutMs = Number.NEGATIVE_INFINITY;
  #completed = 0;
  #peak = 0;
  #latency = { short: 0, long: 0, samples: 0 };

  constructor(bounds: ConcurrencyBounds, from: { limit: number; isSlowStart: boolean } | null = null) {
    this.#bounds = bounds;
    this.#limit = Math.min(bounds.max, Math.max(bounds.min, from?.limit ?? bounds.start));
    this.#isSlowStart = from?.isSlowStart ?? true;
  }

  /** Other bounds from now on: below the new most at once, above it by trying as before. */
  within(bounds: ConcurrencyBounds): void {
    this.#bounds = bounds;
    this.#limit = Math.min(bounds.max, Math.max(bounds.min, this.#limit));
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  get isSlowStart(): boolean {
    return this.#isSlowStart;
  }

  /** @param inFlight requests under way, this one included. */
  began(inFlight: number): void {
    this.#peak = Math.max(this.#peak, inFlight);
  }

  /** An answer. As many as the limit without a cut are a clean window. */
  answered(): void {
    this.#completed += 1;
    if (this.#completed < this.limit) return;
    // A limit that nobody came near has not been tried.
    if (this.#peak >= usedShare * this.limit) {
      const grown = this.#isSlowStart ? 2 * this.#limit : this.#limit + Math.max(1, growthFactor * this.#limit);
      this.#limit = Math.min(this.#bounds.max, grown);
    }
    this.#newWindow();
  }

  /** @param sentMs when the request was sent that met the overload: before the last cut, it is the same overload. */
  overloaded(sentMs: number, nowMs: number): void {
    this.#newWindow();
    if (sentMs <= this.#lastCutMs || nowMs - this.#lastCutMs < cutDebounceMs) return;
    this.#isSlowStart = false;
    this.#lastCutMs = nowMs;
    this.#limit = Math.max(this.#bounds.min, Math.floor(cutFactor * this.#limit));
  }

  /** @returns whether answers have become so slow that the other side must be queueing. */
  observeLatency(msPerToken: number): boolean {
    const { short, long, samples } = this.#latency;
    this.#latency = {
      short: samples === 0 ? msPerToken : short + shortWeight * (msPerToken - short),
      long: samples === 0 ? msPerToken : long + longWeight * (msPerToken - long),
      samples: samples + 1,
    };
    return samples >= latencySamplesMin && this.#latency.short > latencyRatioMax * this.#latency.long;
  }

  #newWindow(): void {
    this.#completed = 0;
    this.#peak = 0;
  }
}
