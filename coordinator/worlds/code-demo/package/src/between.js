/**
 * Whether a value lies between two bounds, the bounds among them.
 * @example between(3, 3, 5) === true
 * @example between(5, 3, 5) === true
 * @example between(6, 3, 5) === false
 * @example between(2, 3, 5) === false
 */
export function between(value, low, high) {
  return low <= value && value <= high;
}
