/**
 * How far it is around a rectangle.
 * @example perimeter(3, 5) === 16
 * @example perimeter(7, 1) === 16
 */
export function perimeter(width, height) {
  return 2 * (width + height);
}
