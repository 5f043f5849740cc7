import type { Effect } from "@hindcast/shared";

/**
 * JSON bytes of one step's effects. A message holds 256 KiB; beside the effects it carries an observation of at most
 * 64 KiB of text and the turn, and escapes may make either longer.
 */
const effectBytesMax = 64 * 1024;

/**
 * Effects that fit a step's message: a change whose texts no longer fit stays, without them, as it does for a binary
 * file. Which paths changed is never lost; the snapshot has their contents.
 */
export function fitEffects(effects: readonly Effect[]): Effect[] {
  let left = effectBytesMax;
  return effects.map((effect) => {
    const bytes = Buffer.byteLength(JSON.stringify(effect));
    const fits = bytes <= left;
    const kept = fits ? effect : { ...effect, before: null, after: null };
    left -= fits ? bytes : Buffer.byteLength(JSON.stringify(kept));
    return kept;
  });
}
