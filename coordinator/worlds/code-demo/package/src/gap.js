/**
 * What is left between two lengths, one inside the other.
 * @example gap(9, 4) === 5
 * @example gap(6, 6) === 0
 */
export function gap(outer, inner) {
  return outer - inner;
}
