import type { WaitObserver } from "../model/admission.ts";

/** Measures how long the calls of an account wait to be admitted; of calls that wait at once, the time counts once. */
export abstract class WaitTime implements WaitObserver {
  #waiting = 0;
  #since = 0;
  #totalMs = 0;

  /** Milliseconds of waiting until now. */
  get totalMs(): number {
    return this.#totalMs + (this.#waiting > 0 ? performance.now() - this.#since : 0);
  }

  began(): void {
    this.#waiting += 1;
    if (this.#waiting === 1) this.#since = performance.now();
  }

  abstract told(reason: string): void;

  ended(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#totalMs += performance.now() - this.#since;
  }
}
