// Every choice that looks random is made here and follows from words (campaign id, purpose, trajectory id, …), so a
// campaign that runs again after a crash chooses the same windows, documents and held-out tasks.
import { createHash } from "node:crypto";

/** A deterministic source of choices; `derive` splits off an independent one without touching this one's sequence. */
export interface SeededRandom {
  /** In [0, 1), 32 bits of resolution. */
  next(): number;
  /** Uniform in {0, …, n − 1}. @throws RangeError unless n is an integer in [1, 2³²]. */
  integer(n: number): number;
  /** A shuffled copy (Fisher–Yates). */
  shuffle<T>(items: readonly T[]): T[];
  /** `k` different items in random order; all of them, shuffled, when there are no more than `k`. */
  sample<T>(items: readonly T[], k: number): T[];
  derive(...parts: readonly (string | number)[]): SeededRandom;
}

const twoTo32 = 2 ** 32;

/**
 * xoshiro128** (Blackman and Vigna 2018) whose 128 bits of state are the head of a SHA-256 over the length-prefixed
 * parts: the same parts give the same sequence on every machine, different parts give unrelated ones.
 */
export function seededRandom(...parts: readonly (string | number)[]): SeededRandom {
  const state = initialState(parts);
  const nextUint32 = (): number => xoshiro(state);
  const integer = (n: number): number => {
    if (!Number.isInteger(n) || n < 1 || n > twoTo32) {
      throw new RangeError(`a random integer needs a bound in [1, 2^32], not ${n}`);
    }
    // Rejection keeps it uniform: the incomplete last block of the range would favour small results. Fewer than two
    // draws are expected; the loop ends because each draw is accepted with probability above one half.
    const limit = twoTo32 - (twoTo32 % n);
    let drawn = nextUint32();
    while (drawn >= limit) drawn = nextUint32();
    return drawn % n;
  };
  const sample = <T>(items: readonly T[], k: number): T[] => {
    const pool = [...items];
    const count = Math.min(Math.max(0, Math.floor(k)), pool.length);
    for (let i = 0; i < count; i += 1) {
      const j = i + integer(pool.length - i);
      [pool[i], pool[j]] = [pool[j] as T, pool[i] as T];
    }
    return pool.slice(0, count);
  };
  return {
    next: () => nextUint32() / twoTo32,
    integer,
    sample,
    shuffle: (items) => sample(items, items.length),
    derive: (...more) => seededRandom(...parts, ...more),
  };
}

/**
 * `k` items spread over groups as evenly as the groups' sizes allow: one is taken from every group in turn until `k`
 * are taken, so a large group never crowds out a small one. Within a group the choice is random; the result keeps the
 * order of `items`.
 */
export function stratifiedSample<T>(
  items: readonly T[],
  k: number,
  groupOf: (item: T) => string,
  random: SeededRandom,
): T[] {
  const groups = new Map<string, number[]>();
  items.forEach((item, index) => {
    const group = groups.get(groupOf(item));
    if (group === undefined) groups.set(groupOf(item), [index]);
    else group.push(index);
  });
  // Groups take turns in random order, so which of them gets the odd item out is not decided by the input's order.
  const queues = random.shuffle([...groups.values()]).map((indices) => random.shuffle(indices));
  const chosen: number[] = [];
  for (let turn = 0; chosen.length < k && queues.some((queue) => turn < queue.length); turn += 1) {
    for (const queue of queues) {
      const index = queue[turn];
      if (index !== undefined && chosen.length < k) chosen.push(index);
    }
  }
  return chosen.sort((a, b) => a - b).map((index) => items[index] as T);
}

function initialState(parts: readonly (string | number)[]): Uint32Array {
  const hash = createHash("sha256");
  for (const part of parts) {
    const text = String(part);
    hash.update(`${Buffer.byteLength(text)}:`).update(text);
  }
  const digest = hash.digest();
  // All-zero state is xoshiro's one fixed point; SHA-256 giving it is as unlikely as breaking SHA-256.
  return Uint32Array.from([0, 4, 8, 12], (offset) => digest.readUInt32LE(offset));
}

function xoshiro(state: Uint32Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = state;
  const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
  const third = c ^ a;
  const fourth = d ^ b;
  state[1] = b ^ third;
  state[0] = a ^ fourth;
  state[2] = third ^ (b << 9);
  state[3] = rotateLeft(fourth, 11);
  return result;
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
