/**
 * A provider's vector at unit length: below their full size some models give vectors of other lengths.
 * @returns what is wrong with it, as the end of a sentence, where it is no vector of that many dimensions.
 */
export function unitVector(values: ArrayLike<unknown>, dimensions: number): Float32Array | string {
  if (values.length !== dimensions) return `has ${values.length} dimensions instead of ${dimensions}`;
  const numbers = new Float64Array(dimensions);
  let largest = 0;
  for (let at = 0; at < dimensions; at += 1) {
    const value = values[at];
    if (typeof value !== "number" || !Number.isFinite(value)) {
      return `has ${String(value).slice(0, 40)} at position ${at}, which is no finite number`;
    }
    numbers[at] = value;
    largest = Math.max(largest, Math.abs(value));
  }
  if (largest === 0) return "is zero and points nowhere";
  // Squares are taken of components scaled to at most 1, so none overflows and not all of them vanish.
  const norm = Math.sqrt(numbers.reduce((sum, value) => sum + (value / largest) ** 2, 0));
  return Float32Array.from(numbers, (value) => value / largest / norm);
}
