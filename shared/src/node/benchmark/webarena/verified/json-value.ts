// JSON as WebArena-Verified reads it, which is Python's way: what counts as nothing, and how values print.
import { limits } from "../../../../limits.ts";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Python's `not value`. */
export function isNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === 0 || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

/** Python's `str(value)`. */
export function printed(value: unknown): string {
  if (typeof value === "string") return value;
  return represented(value);
}

/** Python's `repr(value)`. */
export function represented(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") {
    const mark = value.includes("'") && !value.includes('"') ? '"' : "'";
    const escaped = value
      .replaceAll("\\", "\\\\")
      .replaceAll("\n", "\\n")
      .replaceAll("\r", "\\r")
      .replaceAll("\t", "\\t");
    return `${mark}${mark === "'" ? escaped.replaceAll("'", "\\'") : escaped}${mark}`;
  }
  if (Array.isArray(value)) return `[${value.map(represented).join(", ")}]`;
  if (isObject(value)) {
    return `{${Object.entries(value)
      .map(([key, item]) => `${represented(key)}: ${represented(item)}`)
      .join(", ")}}`;
  }
  return String(value as number);
}

/** @returns undefined where it is no JSON, or nested beyond all reason */
export function parseJson(text: string): Json | undefined {
  try {
    const value = JSON.parse(text) as Json;
    return depthOf(value) > limits.jsonDepthMax ? undefined : value;
  } catch {
    return undefined;
  }
}

/** Counts to one beyond the cap and no further. */
export function depthOf(value: unknown, depth = 0): number {
  if (depth > limits.jsonDepthMax || typeof value !== "object" || value === null) return depth;
  let deepest = depth;
  for (const item of Object.values(value)) {
    deepest = Math.max(deepest, depthOf(item, depth + 1));
    if (deepest > limits.jsonDepthMax) break;
  }
  return deepest;
}
