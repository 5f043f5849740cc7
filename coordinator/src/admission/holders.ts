import { limits } from "@hindcast/shared";

/** Who holds reservations, and since when each has been silent. */
export class Holders {
  readonly #seenMs = new Map<string, number>();

  saw(holder: string, nowMs: number): void {
    this.#seenMs.set(holder, nowMs);
  }

  /** Those whose silence says that they are dead; they are forgotten. */
  takeDead(nowMs: number): Set<string> {
    const dead = [...this.#seenMs].filter(([, seenMs]) => nowMs - seenMs > limits.admissionHolderTtlMs);
    for (const [holder] of dead) this.#seenMs.delete(holder);
    return new Set(dead.map(([holder]) => holder));
  }

  get count(): number {
    return Math.max(1, this.#seenMs.size);
  }
}
