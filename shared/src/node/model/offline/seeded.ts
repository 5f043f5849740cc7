import { sha256Hex } from "../../derive-id.ts";

/** Choices that follow from words: the same words choose the same in every run and on every machine. */
export interface Choices {
  /** An integer from 0 to `count` − 1. */
  below(count: number): number;
  pick<T>(items: readonly T[]): T;
}

export function choices(...words: readonly (string | number)[]): Choices {
  let turn = 0;
  const below = (count: number): number => {
    turn += 1;
    return Number.parseInt(sha256Hex(JSON.stringify([words, turn])).slice(0, 12), 16) % Math.max(1, count);
  };
  return {
    below,
    pick: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new RangeError("nothing to choose from");
      return item;
    },
  };
}
