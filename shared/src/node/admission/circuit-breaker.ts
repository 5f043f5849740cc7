// A lane that answers almost nothing is asked by one request at a time until it answers again.

/** Outcomes that are looked at, how many it takes, and the share of faults that opens it. */
const windowMax = 20;
const samplesMin = 5;
const faultShare = 0.8;
const coolDownMs = 5_000;
const coolDownMsMax = 60_000;

export class CircuitBreaker {
  #outcomes: boolean[] = [];
  #openUntilMs: number | null = null;
  #coolDownMs = coolDownMs;
  #probe: string | null = null;

  /** Milliseconds until a probe may go; 0: go. Infinity while the probe is under way. */
  waitMs(nowMs: number): number {
    if (this.#openUntilMs === null) return 0;
    if (this.#probe !== null) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.#openUntilMs - nowMs);
  }

  get openUntilMs(): number | null {
    return this.#openUntilMs;
  }

  began(ticket: string): void {
    if (this.#openUntilMs !== null) this.#probe = ticket;
  }

  /** `isFault` null: the request says nothing of the service (it was never sent, or was at fault itself). */
  ended(ticket: string, isFault: boolean | null, nowMs: number): void {
    const isProbe = this.#probe === ticket;
    if (isProbe) this.#probe = null;
    if (isFault === null) return;
    if (this.#openUntilMs === null) return this.#count(isFault, nowMs);
    if (!isFault) return this.#close();
    if (!isProbe) return;
    this.#coolDownMs = Math.min(2 * this.#coolDownMs, coolDownMsMax);
    this.#openUntilMs = nowMs + this.#coolDownMs;
  }

  #count(isFault: boolean, nowMs: number): void {
    this.#outcomes = [...this.#outcomes, isFault].slice(-windowMax);
    const faults = this.#outcomes.filter(Boolean).length;
    if (this.#outcomes.length >= samplesMin && faults >= faultShare * this.#outcomes.length) {
      this.#openUntilMs = nowMs + this.#coolDownMs;
    }
  }

  #close(): void {
    this.#outcomes = [];
    this.#openUntilMs = null;
    this.#coolDownMs = coolDownMs;
  }
}
