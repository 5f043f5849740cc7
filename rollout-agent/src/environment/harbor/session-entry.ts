// A sandbox's image is a compressed tar archive whose first entry is the shell's session (guest/src/snapshot.rs): its
// variables, functions, aliases and working directory. The rest are files.
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { limits } from "@hindcast/shared";

const unpack = promisify(gunzip);
const pack = promisify(gzip);
const blockBytes = 512;
/** An image unpacked: as much as a sandbox may have on its disk, within reason. */
const unpackedBytesMax = 16 * limits.snapshotBytesMax;

/** The files of `image` with the session of `other`. */
export async function withSessionOf(other: Uint8Array, image: Uint8Array): Promise<Uint8Array> {
  const [from, to] = await Promise.all(
    [other, image].map((bytes) => unpack(bytes, { maxOutputLength: unpackedBytesMax })),
  );
  if (from === undefined || to === undefined) throw new Error("two images were unpacked");
  return await pack(Buffer.concat([from.subarray(0, sessionBytes(from)), to.subarray(sessionBytes(to))]), { level: 1 });
}

/** Of the first entry: its header, and its content up to a whole block. */
function sessionBytes(archive: Buffer): number {
  const name = archive.toString("latin1", 0, 100).replace(/\0[\s\S]*$/, "");
  const size = Number.parseInt(archive.toString("latin1", 124, 136), 8);
  if (name !== "session" || !Number.isFinite(size))
    throw new Error(`the image begins with "${name}", not with its session`);
  return blockBytes + Math.ceil(size / blockBytes) * blockBytes;
}
