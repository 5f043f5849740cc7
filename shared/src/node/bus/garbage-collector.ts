// Removes blobs that nothing names: mark and sweep. Marking is conservative, so that it needs to know no schema: whatever
// looks like a SHA-256 in any message of any stream keeps the blob of that name. Safe beside running campaigns, because a
// blob is put, or renewed by a put, before the record that names it is written, and only old blobs are removed.
import { HindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { buckets } from "../../protocol/subjects.ts";
import type { ObjectBlobStore } from "./blob-store.ts";
import type { GarbageCollected } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { NameFilter } from "./name-filter.ts";
import { patiently } from "./patience.ts";
import { readAll } from "./stored.ts";
import { blobStream, bucketStream, indexStream } from "./stream-names.ts";

/** Streams whose messages name no blob: the blobs themselves, index files, and vectors. */
const unread: readonly string[] = [blobStream, indexStream, bucketStream(buckets.vectors)];
/** Readings of one stream to its end, which moves while it is written. */
const readingsMax = 100;

export async function collectGarbage(
  connection: Connection,
  blobs: ObjectBlobStore,
  { ageMs, isDryRun }: { ageMs: number; isDryRun: boolean },
): Promise<GarbageCollected> {
  const before = Date.now() - Math.max(ageMs, limits.blobGarbageAgeMsMin);
  const isYoung = ({ storedAt }: { storedAt: string }): boolean => Date.parse(storedAt) >= before;
  const named = new NameFilter();
  for (const stream of await streamNames(connection)) {
    if (!unread.includes(stream)) await mark(connection, stream, named);
  }
  // A blob that stays keeps its parts.
  for await (const blob of blobs.entries()) {
    if (blob.parts.length > 0 && (named.has(blob.sha256) || isYoung(blob)))
      for (const part of blob.parts) named.add(part);
  }
  const collected = { blobs: 0, bytes: 0, young: 0, removed: 0, removedBytes: 0 };
  for await (const blob of blobs.entries()) {
    collected.blobs += 1;
    collected.bytes += blob.bytes;
    if (named.has(blob.sha256)) continue;
    if (isYoung(blob)) {
      collected.young += 1;
      continue;
    }
    collected.removed += 1;
    collected.removedBytes += blob.bytes;
    if (!isDryRun) await blobs.remove(blob, blob.sequence);
  }
  return collected;
}

async function streamNames(connection: Connection): Promise<string[]> {
  return await patiently(connection, "list the streams", async () => {
    const names: string[] = [];
    for await (const name of connection.manager.streams.names()) names.push(name);
    return names;
  });
}

/**
 * Reads until there is nothing new: a key that is written again while its stream is read moves to the end, and would be
 * missed by a reader who stops where the end was.
 */
async function mark(connection: Connection, stream: string, named: NameFilter): Promise<void> {
  let next = 1;
  for (let reading = 0; reading < readingsMax; reading += 1) {
    const from = next;
    for await (const { sequence, bytes } of readAll(connection, stream, ">", from)) {
      next = sequence + 1;
      for (const [name] of Buffer.from(bytes)
        .toString("latin1")
        .matchAll(/[0-9a-f]{64}/g))
        named.add(name);
    }
    if (next === from) return;
  }
  throw new HindcastError({
    code: "BUS_TIMEOUT",
    boundary: "bus",
    message: `stream ${stream} is written faster than it can be read; nothing was removed, collect when it is quieter`,
  });
}
