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
  #timer: NodeJS.Timeout | undefined;
  #leftMs: number;
  #startedAt = 0;
  #stopped = 0;
  #isOver = false;

  constructor(ms: number, outer: AbortSignal) {
    this.#outer = outer;
    this.#leftMs = ms;
    this.signal = AbortSignal.any([outer, this.#passed.signal]);
    this.#start();
  }

  /** Stops the clock, for waiting that is not the episode's fault; as often as it is started again. */
  stop(): void {
    this.#stopped += 1;
    if (this.#stopped > 1) return;
    clearTimeout(this.#timer);
    this.#leftMs -= performance.now() - this.#startedAt;
  }

  goOn(): void {
    this.#stopped -= 1;
    if (this.#stopped === 0) this.#start();
  }

  /** The time is up, and nothing else stopped the episode. */
  get hasPassed(): boolean {
    return this.#passed.signal.aborted && !this.#outer.aborted;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #start(): void {
    if (this.#isOver) return;
    this.#startedAt = performance.now();
    const passed = (): void => this.#passed.abort(new Error("the episode's wall time is up"));
    this.#timer = setTimeout(passed, Math.max(0, Math.min(Math.ceil(this.#leftMs), timerMsMax)));
  }
}
