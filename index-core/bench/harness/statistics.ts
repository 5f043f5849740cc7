/** Median and quartiles over rounds; the unit is the samples'. */
export interface Spread {
  q1: number;
  median: number;
  q3: number;
}

/** The q-quantile of the samples (nearest rank), 0 < q ≤ 1. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

export function spreadOf(samples: readonly number[]): Spread {
  return { q1: quantile(samples, 0.25), median: quantile(samples, 0.5), q3: quantile(samples, 0.75) };
}

/** Uniform numbers in [0, 1), the same in every run: mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Standard normal numbers by Box and Muller. */
export function normalOf(random: () => number): () => number {
  let spare: number | null = null;
  return () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}
