/**
 * Whether two lengths are not the same.
 * @example differs(3, 4) === true
 * @example differs(3, 3) === false
 */
export function differs(a, b) {
  return a !== b;
}
