// Which partition of the index a demonstration belongs to. Every replica, in whatever language, must agree: the hash is
// pinned by golden values.

/** FNV-1a of the id's UTF-8 bytes (32 bits), mixed by the finaliser of MurmurHash3, modulo the number of partitions. */
export function partitionOf(id: string, partitions: number): number {
  if (partitions === 1) return 0;
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(id)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % partitions;
}
