// What comes from JavaScript in objects, lists and typed arrays, before native code reads it. Node-API alone would read an
// array whose memory is gone as an empty one and a lone half of a surrogate pair as U+FFFD, which would make different ids
// one.
import { types } from "node:util";
import { indexError } from "./index-error.ts";

interface ArrayTypes {
  Float32Array: Float32Array;
  Uint32Array: Uint32Array;
}

const isOfType = { Float32Array: types.isFloat32Array, Uint32Array: types.isUint32Array };

/** @throws INDEX_INVALID for another type, memory shared with other threads, and memory that is not there any more. */
export function checkArray<T extends keyof ArrayTypes>(name: string, type: T, array: ArrayTypes[T]): void {
  // Not `instanceof`, which an object without memory passes: a proxy, or one that only inherits.
  if (!isOfType[type](array)) {
    const kind = kindOf(array);
    throw indexError("INDEX_INVALID", `${name} must be a ${type}, not ${kind === type ? "an imitation of one" : kind}`);
  }
  const { buffer } = array;
  if (types.isSharedArrayBuffer(buffer)) {
    // Another thread could change it while it is read.
    throw indexError("INDEX_INVALID", `${name} lies in a SharedArrayBuffer; pass a copy`);
  }
  if (buffer.detached) throw indexError("INDEX_INVALID", `the memory of ${name} was transferred away`);
  if (array.length === 0 && isOutOfBounds(array)) {
    throw indexError("INDEX_INVALID", `the memory of ${name} was made smaller than the array`);
  }
}

/** Of an array whose resizable memory has shrunk, length and offset are zero as those of an empty one; reading it fails. */
function isOutOfBounds(array: Float32Array | Uint32Array): boolean {
  try {
    array.at(0);
    return false;
  } catch {
    return true;
  }
}

/** @throws INDEX_INVALID for anything but an object with names and values. */
export function checkObject(name: string, value: object): void {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  throw indexError("INDEX_INVALID", `${name} must be an object, not ${kindOf(value)}`);
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

/** What a value of another type is, in words. */
export function kindOf(value: object | string | number | null | undefined): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  // Whatever an object from outside calls its constructor.
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== "" ? name : "an object";
}
