import { createHash } from "node:crypto";
import type { Sha256 } from "../domain/ids.ts";

/**
 * An id derived from what it names: `prefix-` and the first 20 hexadecimal digits (80 bits) of the SHA-256 over the
 * length-prefixed parts. The same parts give the same id on every machine and in every run.
 */
export function deriveId(prefix: string, ...parts: readonly (string | number)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    const text = String(part);
    hash.update(`${Buffer.byteLength(text)}:`).update(text);
  }
  return `${prefix}-${hash.digest("hex").slice(0, 20)}`;
}

/** Hexadecimal SHA-256. */
export function sha256Hex(bytes: Uint8Array | string): Sha256 {
  return createHash("sha256").update(bytes).digest("hex") as Sha256;
}
