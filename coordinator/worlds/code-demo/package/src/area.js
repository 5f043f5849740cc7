/**
 * The area of a rectangle.
 * @example area(3, 5) === 15
 * @example area(7, 1) === 7
 */
export function area(width, height) {
  return width * height;
}
