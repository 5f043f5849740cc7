/** The 97.5 % quantile of the standard normal distribution: two-sided 95 %. */
const z95 = 1.959963984540054;

/**
 * Wilson's 95 % score interval for a proportion (Wilson 1927; method 3 of Newcombe 1998, Stat. Med. 17:857–872). Unlike
 * the textbook interval it holds its level for small samples and never leaves [0, 1].
 *
 * @throws RangeError unless 0 ≤ successes ≤ trials and trials > 0.
 */
export function wilsonInterval(successes: number, trials: number): [number, number] {
  if (!(trials > 0 && successes >= 0 && successes <= trials)) {
    throw new RangeError(`no interval for ${successes} successes in ${trials} trials`);
  }
  const p = successes / trials;
  const z2 = z95 * z95;
  const centre = p + z2 / (2 * trials);
  const spread = z95 * Math.sqrt((p * (1 - p)) / trials + z2 / (4 * trials * trials));
  const scale = 1 + z2 / trials;
  // At 0 and at all successes one end is exact; rounding must not move it.
  const lower = successes === 0 ? 0 : Math.max(0, (centre - spread) / scale);
  const upper = successes === trials ? 1 : Math.min(1, (centre + spread) / scale);
  return [lower, upper];
}
