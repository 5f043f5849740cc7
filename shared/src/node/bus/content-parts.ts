// Cuts content where its own bytes say so (gear hashing, as FastCDC has it), so that a change moves no border but those
// around it: two images of a world share every part that holds nothing of what changed between them.
import { limits } from "../../limits.ts";
import { sha256Hex } from "../derive-id.ts";

/** Fixed for ever: another table or mask would cut equal content elsewhere and share nothing with what is stored. */
const gear = Uint32Array.from({ length: 256 }, (_, byte) => Number.parseInt(sha256Hex(`gear ${byte}`).slice(0, 8), 16));
/** Fifteen of the high bits, which remember the most bytes: a border every 32 KiB beyond the least size, on average. */
const mask = 0xff_fe_00_00;

/** The parts in order, without copying; empty content has none. */
export function* partsOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from < bytes.length;) {
    const to = borderAfter(bytes, from);
    yield bytes.subarray(from, to);
    from = to;
  }
}

function borderAfter(bytes: Uint8Array, from: number): number {
  const last = Math.min(bytes.length, from + limits.sharedPartBytesMax);
  let hash = 0;
  for (let at = from + limits.sharedPartBytesMin; at < last; at += 1) {
    hash = ((hash << 1) + (gear[bytes[at] ?? 0] ?? 0)) >>> 0;
    if ((hash & mask) === 0) return at + 1;
  }
  return last;
}
