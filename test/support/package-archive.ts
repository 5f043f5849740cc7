// Archives as registries have them, and as none should.
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";

export interface ArchiveEntry extends Partial<Header> {
  name: string;
  text?: string;
}

/** A gzipped tar of these entries, in this order. */
export async function archiveOf(entries: readonly ArchiveEntry[]): Promise<Buffer> {
  const packing = pack();
  for (const { text: content, ...header } of entries) {
    packing.entry({ mode: 0o644, ...header }, content ?? "");
  }
  packing.finalize();
  return gzipSync(await buffer(packing));
}
