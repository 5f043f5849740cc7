// How images of worlds are stored. A sandbox's image is a compressed archive of all its files, and compressed archives of
// nearly equal worlds have no bytes in common; unpacked, all but what changed is the same and is stored once.
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { type BlobRef, limits } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";

const pack = promisify(gzip);
const unpack = promisify(gunzip);

/** Stores an image as an environment made it. */
export async function putImage(
  blobs: Bus["blobs"],
  image: Uint8Array,
  room: { roomUntil?: AbortSignal } = {},
): Promise<BlobRef> {
  const archive = isGzip(image) ? await unpackedArchive(image) : null;
  if (archive === null || archive.length <= limits.wholeSnapshotBytesMax) return await blobs.put(image, room);
  return await blobs.put(archive, { inParts: true, ...room });
}

/** The image in the form in which the environment restores it, however it was stored. @throws BUS_NOT_FOUND */
export async function getImage(blobs: Pick<Bus["blobs"], "get">, ref: BlobRef): Promise<Uint8Array> {
  const stored = await blobs.get(ref);
  return isArchive(stored) ? await pack(stored, { level: 1 }) : stored;
}

/** Null where it is too large for parts, or no archive but something else that was compressed. */
async function unpackedArchive(image: Uint8Array): Promise<Uint8Array | null> {
  try {
    const archive = await unpack(image, { maxOutputLength: limits.sharedBlobBytesMax });
    return isArchive(archive) ? archive : null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** The mark of a tar archive stands in its first header. */
function isArchive(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(257, 262)).toString("latin1") === "ustar";
}
