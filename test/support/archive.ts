// Images of worlds as the sandbox makes them, without a sandbox: tar archives, gzip-compressed, equal for equal files.
import { gzipSync } from "node:zlib";

const block = 512;

export function anImage(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const members = [...files].flatMap(([name, content]) => [
    header(name, content.length),
    content,
    Buffer.alloc((block - (content.length % block)) % block),
  ]);
  return gzipSync(Buffer.concat([...members, Buffer.alloc(2 * block)]), { level: 1 });
}

function header(name: string, size: number): Buffer {
  const bytes = Buffer.alloc(block);
  bytes.write(name, 0);
  bytes.write("0000644", 100);
  bytes.write(size.toString(8).padStart(11, "0"), 124);
  bytes.write("        ", 148);
  bytes.write("0", 156);
  bytes.write("ustar  ", 257);
  bytes.write(
    `${bytes
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  return bytes;
}
