/**
 * Whether a length fits into another; equal lengths do.
 * @example fits(4, 4) === true
 * @example fits(5, 4) === false
 * @example fits(3, 4) === true
 */
export function fits(inner, outer) {
  return inner <= outer;
}
