import type { Effect } from "@hindcast/shared";

/**
 * JSON bytes of one step's effects. A message holds 256 KiB; beside the effects it carries an observation of at most
 * 64 KiB of text and the turn, and escapes may make either longer.
 */
const effectBytesMax = 64 * 1024;
/** The same of changes without their texts: JSON may write 24 KiB for one path. */
const bareBytesMax = 64 * 1024;

/**
 * Effects that fit a step's message: a change whose texts no longer fit stays, without them, as it does for a binary
 * file. Only paths of absurd length are left out, for the caller to count; the snapshot has all of it.
 */
export function fitEffects(effects: readonly Effect[]): Effect[] {
  let left = effectBytesMax;
  let leftBare = bareBytesMax;
  const kept: Effect[] = [];
  for (const effect of effects) {
    const bytes = sizeOf(effect);
    if (bytes <= left) {
      left -= bytes;
      kept.push(effect);
      continue;
    }
    const bare = { ...effect, before: null, after: null };
    const bareBytes = sizeOf(bare);
    if (bareBytes > leftBare) continue;
    leftBare -= bareBytes;
    kept.push(bare);
  }
  return kept;
}

function sizeOf(effect: Effect): number {
  return Buffer.byteLength(JSON.stringify(effect));
}
