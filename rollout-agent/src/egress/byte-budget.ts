// Counting bytes against what is left of an episode's allowance.
import { Transform } from "node:stream";

/** Bytes that several requests share. */
export class ByteBudget {
  #left: number;

  constructor(bytesMax: number) {
    this.#left = bytesMax;
  }

  get isSpent(): boolean {
    return this.#left <= 0;
  }

  spend(bytes: number): void {
    this.#left -= bytes;
  }
}

/** A cap was reached; whatever it was part of ends. */
export class CutShort extends Error {}

/** Counts one direction of one request against every budget that it belongs to. */
export class Meter {
  bytes = 0;
  isCut = false;
  readonly #budgets: readonly ByteBudget[];

  constructor(budgets: readonly ByteBudget[]) {
    this.#budgets = budgets;
  }

  /** @throws CutShort once a budget is overdrawn */
  count(bytes: number): void {
    this.bytes += bytes;
    for (const budget of this.#budgets) budget.spend(bytes);
    if (!this.#budgets.some((budget) => budget.isSpent)) return;
    this.isCut = true;
    throw new CutShort("the allowed bytes are used up");
  }

  stream(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        try {
          this.count(chunk.byteLength);
          done(null, chunk);
        } catch (error) {
          done(error instanceof Error ? error : new CutShort());
        }
      },
    });
  }
}
