// The name in the greeting of a TLS client (RFC 8446 §4.1.2, RFC 6066 §3). A tunnel is for one host by that name; without
// this look anything could be spoken to whatever else the host's address serves.

const serverName = 0;
/** A greeting within the greeting, with another name, that only the server can read (RFC 9849). */
const encryptedHello = 0xfe0d;

/** `incomplete`: more bytes are needed. Without a name it is no greeting, or one that gives none. */
export type Greeting = "incomplete" | { name: string | null };

export function greetingIn(bytes: Uint8Array): Greeting {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength > 0 && view[0] !== 22) return { name: null };
  if (view.byteLength < 5) return "incomplete";
  if (view[1] !== 3) return { name: null };
  const record = view.readUInt16BE(3);
  if (view.byteLength < 5 + record) return "incomplete";
  try {
    return { name: nameInHello(new Reader(view.subarray(5, 5 + record))) };
  } catch (error) {
    if (error instanceof RangeError) return { name: null };
    throw error;
  }
}

function nameInHello(hello: Reader): string | null {
  if (hello.number(1) !== 1) return null;
  const body = new Reader(hello.bytes(hello.number(3)));
  body.bytes(2 + 32);
  for (const width of [1, 2, 1] as const) body.bytes(body.number(width));
  const extensions = new Reader(body.bytes(body.number(2)));
  let found: string | null = null;
  while (!extensions.isAtEnd) {
    const kind = extensions.number(2);
    const content = new Reader(extensions.bytes(extensions.number(2)));
    if (kind === encryptedHello) return null;
    if (kind !== serverName) continue;
    const names = new Reader(content.bytes(content.number(2)));
    // A second name, or a list of them, would leave it to the server which one counts.
    if (found !== null || names.number(1) !== 0) return null;
    found = names.bytes(names.number(2)).toString("latin1").toLowerCase();
    if (!names.isAtEnd) return null;
  }
  return found;
}

/** Reads big-endian fields one after the other. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.byteLength;
  }

  /** @throws RangeError beyond the end */
  number(width: 1 | 2 | 3): number {
    const value = this.#bytes.readUIntBE(this.#at, width);
    this.#at += width;
    return value;
  }

  /** @throws RangeError beyond the end */
  bytes(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.byteLength) throw new RangeError(`${length} bytes at ${this.#at}`);
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
