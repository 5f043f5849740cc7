// Archives by hand: what a careful archiver would never write.

export interface TarEntry {
  name: string;
  content?: string | Uint8Array;
  /** "0" file, "1" hard link, "2" link, "3" character device, "5" folder. @default "0" */
  type?: "0" | "1" | "2" | "3" | "5";
  link?: string;
  mode?: number;
  device?: [major: number, minor: number];
}

/** What the guest wants of every snapshot. */
const usual: TarEntry[] = [
  { name: "session", content: "hindcast-session-1 0 10\n/workspaceumask 0022\n" },
  { name: "workspace", type: "5", mode: 0o755 },
];

export function tarOf(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...[...usual, ...entries].map(entryOf), Buffer.alloc(1024)]);
}

function entryOf({ name, content = "", type = "0", link = "", mode = 0o644, device }: TarEntry): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(512);
  const octal = (value: number, length: number): string => value.toString(8).padStart(length, "0");
  header.write(name, 0);
  header.write(`${octal(mode, 7)}\0`, 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${octal(bytes.byteLength, 11)}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(link, 157);
  header.write("ustar\u000000", 257);
  if (device !== undefined) {
    header.write(`${octal(device[0], 7)}\0`, 329);
    header.write(`${octal(device[1], 7)}\0`, 337);
  }
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.byteLength % 512)) % 512)]);
}
