/**
 * What each of several parts is of a whole.
 * @example share(12, 4) === 3
 * @example share(5, 2) === 2.5
 */
export function share(total, parts) {
  return total / parts;
}
