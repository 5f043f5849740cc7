// A sandbox's image is a compressed tar archive whose first entry is the shell's session (guest/src/snapshot.rs): its
// variables, functions, aliases and working directory. The rest are files.
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";

const blockBytes = 512;

/** The files of `image` with the session of `other`. What an image unpacks to may be far more than memory has room for. */
export async function withSessionOf(other: Uint8Array, image: Uint8Array): Promise<Uint8Array> {
  const [session, own] = await Promise.all([sessionOf(other), sessionOf(image)]);
  const spliced = async function* (archive: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    yield session;
    let left = own.byteLength;
    for await (const chunk of archive) {
      const rest = chunk.subarray(Math.min(left, chunk.byteLength));
      left -= chunk.byteLength - rest.byteLength;
      if (rest.byteLength > 0) yield rest;
    }
  };
  const packed = createGzip({ level: 1 });
  const whole = pipeline(Readable.from([image]), createGunzip(), spliced, packed);
  const [bytes] = await Promise.all([buffer(packed), whole]);
  return bytes;
}

/** The first entry; no more is unpacked than it needs. */
async function sessionOf(image: Uint8Array): Promise<Buffer> {
  let read = Buffer.alloc(0);
  const unpacked = createGunzip();
  unpacked.end(image);
  for await (const chunk of unpacked) {
    read = Buffer.concat([read, chunk as Buffer]);
    if (read.byteLength >= blockBytes && read.byteLength >= sessionBytes(read)) break;
  }
  return read.subarray(0, sessionBytes(read));
}

/** Of the first entry: its header, and its content up to a whole block. */
function sessionBytes(archive: Buffer): number {
  const name = archive.toString("latin1", 0, 100).replace(/\0[\s\S]*$/, "");
  const size = Number.parseInt(archive.toString("latin1", 124, 136), 8);
  if (name !== "session" || !Number.isFinite(size))
    throw new Error(`the image begins with "${name}", not with its session`);
  return blockBytes + Math.ceil(size / blockBytes) * blockBytes;
}
