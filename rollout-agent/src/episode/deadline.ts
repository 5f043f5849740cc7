/** Node's longest timer, 24.8 days; a longer one would fire at once. */
const timerMsMax = 2 ** 31 - 1;

/**
 * The wall clock of one episode. Not `AbortSignal.timeout`: that keeps its timer and all that listens to it for the
 * whole wall time, however early the episode ends.
 */
export class Deadline implements Disposable {
  /** Aborts when the time is up or `outer` aborts. */
  readonly signal: AbortSignal;
  readonly #outer: AbortSignal;
  readonly #passed = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number, outer: AbortSignal) {
    this.#outer = outer;
    this.signal = AbortSignal.any([outer, this.#passed.signal]);
    const passed = (): void => this.#passed.abort(new Error("the episode's wall time is up"));
    this.#timer = setTimeout(passed, Math.min(Math.ceil(ms), timerMsMax));
  }

  /** The time is up, and nothing else stopped the episode. */
  get hasPassed(): boolean {
    return this.#passed.signal.aborted && !this.#outer.aborted;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
