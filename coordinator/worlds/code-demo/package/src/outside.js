/**
 * Whether a value lies outside of two bounds.
 * @example outside(2, 3, 5) === true
 * @example outside(6, 3, 5) === true
 * @example outside(3, 3, 5) === false
 * @example outside(5, 3, 5) === false
 */
export function outside(value, low, high) {
  return value < low || value > high;
}
