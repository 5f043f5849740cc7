// Which servers will do. An older one takes what it does not know without a word: messages would never expire, and what was
// deleted would come back.

/** Expiry by message, delete markers and batched reads. */
export const natsServerVersionMin = [2, 12] as const;

/** @param version as a server tells it, `2.14.5` or `2.15.0-dev` */
export function isNewEnough(version: string): boolean {
  const [majorMin, minorMin] = natsServerVersionMin;
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  return major > majorMin || (major === majorMin && minor >= minorMin);
}
