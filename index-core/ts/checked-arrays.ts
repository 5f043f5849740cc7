// What comes from JavaScript in lists and typed arrays, before native code reads it. Node-API alone would read a detached
// array as an empty one and a lone half of a surrogate pair as U+FFFD, which would make different ids one.
import { indexError } from "./index-error.ts";

interface ArrayTypes {
  Float32Array: Float32Array;
  Uint32Array: Uint32Array;
}

/** @throws INDEX_INVALID for another type, memory shared with other threads, and memory that was transferred away. */
export function checkArray<T extends keyof ArrayTypes>(name: string, type: T, array: ArrayTypes[T]): void {
  if (!((array as object) instanceof globalThis[type])) {
    throw indexError("INDEX_INVALID", `${name} must be a ${type}, not ${kindOf(array)}`);
  }
  const { buffer } = array;
  if (buffer instanceof SharedArrayBuffer) {
    // Another thread could change it while it is read.
    throw indexError("INDEX_INVALID", `${name} lies in a SharedArrayBuffer; pass a copy`);
  }
  if (buffer.detached) throw indexError("INDEX_INVALID", `the memory of ${name} was transferred away`);
}

/** @returns a copy. @throws INDEX_INVALID naming the first value that is no well-formed text. */
export function checkedTexts(name: string, values: readonly string[]): string[] {
  return checkedNullableTexts(name, values).map((value, at) => {
    if (value === null) throw indexError("INDEX_INVALID", `${name}[${at}] is null`);
    return value;
  });
}

/** As `checkedTexts`, for lists with gaps. */
export function checkedNullableTexts(name: string, values: readonly (string | null)[]): (string | null)[] {
  if (!Array.isArray(values)) throw indexError("INDEX_INVALID", `${name} must be an array, not ${kindOf(values)}`);
  return Array.from(values as readonly (string | null)[], (value, at) => {
    if (value === null) return null;
    if (typeof value !== "string") throw indexError("INDEX_INVALID", `${name}[${at}] is ${kindOf(value)}, not a text`);
    if (!value.isWellFormed()) {
      throw indexError(
        "INDEX_INVALID",
        `${name}[${at}] ${JSON.stringify(value.slice(0, 64))} has half a surrogate pair`,
      );
    }
    return value;
  });
}

function kindOf(value: object | string | null | undefined): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === "object" ? (value.constructor?.name ?? "an object") : `a ${typeof value}`;
}
