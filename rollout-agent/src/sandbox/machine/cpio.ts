// The archive that a kernel unpacks into its first file system: cpio, "newc", uncompressed.

export interface CpioEntry {
  /** Without a leading slash; folders before what they hold. */
  path: string;
  /** With the type's bits, e.g. 0o100755. */
  mode: number;
  content?: Uint8Array;
  /** Of a device. */
  device?: readonly [major: number, minor: number];
}

const magic = "070701";
const end = "TRAILER!!!";
const nothing = new Uint8Array(0);

export function cpio(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.map((entry, index) => member(entry, index + 1));
  return Buffer.concat([...parts, member({ path: end, mode: 0 }, 0)]);
}

function member({ path, mode, content = nothing, device = [0, 0] }: CpioEntry, inode: number): Buffer {
  const name = Buffer.from(`${path}\0`);
  // inode, mode, owner, group, links, time, size, the file system's device, its own, name's length, checksum
  const fields = [inode, mode, 0, 0, 1, 0, content.byteLength, 0, 0, ...device, name.byteLength, 0];
  const header = magic + fields.map((field) => field.toString(16).padStart(8, "0")).join("");
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), name])), padded(content)]);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.byteLength % 4)) % 4)]);
}
