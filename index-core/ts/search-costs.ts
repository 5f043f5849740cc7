// What searches took lately, by what makes them long. A search that is over sooner than the way to another thread and
// back is done on the event loop; the way takes some forty microseconds, and many times that on a busy machine.
//
// It is a guess: the first longer search after a row of short ones holds the loop up for as long as it takes. One such is
// enough for its kind to go to other threads again, until some short ones there have made up for it.

/** Kinds are made of what clients send. */
const kindsMax = 256;
/** A search on a busy machine is now and then interrupted for milliseconds, which says little about the next one. */
const shareOfNewest = 1 / 4;

export class SearchCosts {
  readonly #microseconds = new Map<string, number>();

  /** Infinite for a kind that was not searched before. */
  expected(kind: string): number {
    return this.#microseconds.get(kind) ?? Number.POSITIVE_INFINITY;
  }

  note(kind: string, microseconds: number): void {
    const before = this.#microseconds.get(kind) ?? microseconds;
    this.#microseconds.set(kind, before + shareOfNewest * (microseconds - before));
    if (this.#microseconds.size <= kindsMax) return;
    const [oldest = kind] = this.#microseconds.keys();
    this.#microseconds.delete(oldest);
  }
}
