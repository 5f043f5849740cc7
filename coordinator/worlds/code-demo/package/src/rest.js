/**
 * What is left when a length is cut into pieces of one size.
 * @example rest(11, 4) === 3
 * @example rest(8, 4) === 0
 * @example rest(7, 5) === 2
 */
export function rest(total, size) {
  return total % size;
}
