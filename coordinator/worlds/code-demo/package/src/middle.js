/**
 * The point in the middle between two.
 * @example middle(2, 8) === 5
 * @example middle(0, 3) === 1.5
 */
export function middle(from, to) {
  return (from + to) / 2;
}
