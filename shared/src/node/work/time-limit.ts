/**
 * A signal that aborts with `outer`, or after `ms`. As `AbortSignal.any([outer, AbortSignal.timeout(ms)])`, but that one
 * cannot be given up: Node keeps it until its time has passed, and for ever what another signal was made of it. To be
 * disposed of once what it limits is over.
 */
export class TimeLimit implements Disposable {
  readonly signal: AbortSignal;
  readonly #passed = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number, outer: AbortSignal) {
    this.signal = AbortSignal.any([outer, this.#passed.signal]);
    this.#timer = setTimeout(() => this.#passed.abort(new Error(`${ms} ms have passed`)), ms);
    this.#timer.unref();
  }

  get hasPassed(): boolean {
    return this.#passed.signal.aborted;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
