// Bounds how many are at something at once, by a number that may change meanwhile. First come, first served.
export class Permits {
  readonly #max: () => number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(max: () => number) {
    this.#max = max;
  }

  /** Waits for a permit, which is given back by disposing of it. @throws the signal's reason */
  async take(signal: AbortSignal): Promise<Disposable> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      const place = this.#waiting.indexOf(resolve);
      if (place >= 0) this.#waiting.splice(place, 1);
      reject(signal.reason as Error);
    };
    signal.throwIfAborted();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#waiting.push(resolve);
    this.look();
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
    return {
      [Symbol.dispose]: () => {
        this.#taken -= 1;
        this.look();
      },
    };
  }

  /** Lets in whom there is room for; to be called when the number has changed. */
  look(): void {
    while (this.#taken < this.#max() && this.#waiting.length > 0) {
      this.#taken += 1;
      this.#waiting.shift()?.();
    }
  }
}
