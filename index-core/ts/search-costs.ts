// What searches took lately, by what makes them long. A search that is over sooner than the way to another thread and
// back is done on the event loop; the way takes about a tenth of a millisecond, and more on a busy machine.
//
// It is a guess: the first longer search after a row of short ones holds the loop up for as long as it takes. One such is
// enough for its kind to go to other threads again, for the next twenty or so.

/** Kinds are made of what clients send. */
const kindsMax = 256;
/** Quick to believe in longer searches, slow to believe in shorter ones. */
const shareOfLonger = 1 / 2;
const shareOfShorter = 1 / 8;

export class SearchCosts {
  readonly #microseconds = new Map<string, number>();

  /** Infinite for a kind that was not searched before. */
  expected(kind: string): number {
    return this.#microseconds.get(kind) ?? Number.POSITIVE_INFINITY;
  }

  note(kind: string, microseconds: number): void {
    const before = this.#microseconds.get(kind) ?? microseconds;
    const share = microseconds > before ? shareOfLonger : shareOfShorter;
    this.#microseconds.set(kind, before + share * (microseconds - before));
    if (this.#microseconds.size <= kindsMax) return;
    const [oldest = kind] = this.#microseconds.keys();
    this.#microseconds.delete(oldest);
  }
}
