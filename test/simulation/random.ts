// The one source of chance in a simulation: equal seeds give equal runs.

/** sfc32, a small generator whose whole state is four words (PractRand: no failures up to 16 TB). */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = stream | 0;
    for (let i = 0; i < 15; i++) this.#next();
  }

  /** Uniform in [0, 1). */
  readonly fraction = (): number => this.#next() / 2 ** 32;

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.fraction() * (to - from);
  }

  /** Uniform whole number in [0, count). */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  /** A generator of its own, so that draws here do not shift draws there. */
  fork(): Random {
    return new Random(this.#next(), this.#next());
  }

  hex(digits: number): string {
    let text = "";
    while (text.length < digits) text += (this.#next() >>> 0).toString(16).padStart(8, "0");
    return text.slice(0, digits);
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }
}
