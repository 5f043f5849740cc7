// A stream is read fast from front to back and slowly by key: the server loads a block of megabytes for each message. So
// whoever wants an order of its own reads the stream once, lays it down here and takes it up by key.
import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";

/** Gathered to this size before it is written. */
const bufferBytes = 256 * 1024;
/** Of an entry: its length, then the offset of the key's entry before it, or -1. */
const headerBytes = 4 + 8;

/**
 * Entries of bytes under keys, in a file that has no name: it is gone with its process, however that ends. What is held in
 * memory is each key and one offset.
 */
export class Spool<K extends string> implements AsyncDisposable {
  readonly #file: FileHandle;
  /** Offset of each key's newest entry. */
  readonly #newest = new Map<K, number>();
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #writtenBytes = 0;
  /** Writes follow one another; whoever reads waits for those that were begun. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @param folder where there is room for all entries; it is made where it is missing */
  static async create<K extends string>(folder: string): Promise<Spool<K>> {
    await mkdir(folder, { recursive: true });
    const path = join(folder, `.spool-${randomUUID()}`);
    const file = await open(path, "wx+", 0o600);
    await rm(path);
    return new Spool<K>(file);
  }

  get keys(): IterableIterator<K> {
    return this.#newest.keys();
  }

  /** Adds an entry to those of its key. */
  async append(key: K, bytes: Uint8Array): Promise<void> {
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32LE(bytes.byteLength, 0);
    header.writeDoubleLE(this.#newest.get(key) ?? -1, 4);
    this.#newest.set(key, this.#writtenBytes + this.#pendingBytes);
    this.#pending.push(header, bytes);
    this.#pendingBytes += headerBytes + bytes.byteLength;
    if (this.#pendingBytes >= bufferBytes) await this.#flush();
  }

  /** Forgets the key's entries. */
  delete(key: K): void {
    this.#newest.delete(key);
  }

  /** The key's entries in the order in which they were appended; none for a key that is not here. */
  async read(key: K): Promise<Uint8Array[]> {
    await this.#flush();
    const entries: Uint8Array[] = [];
    for (let offset = this.#newest.get(key) ?? -1; offset !== -1;) {
      const header = await this.#bytesAt(offset, headerBytes);
      entries.push(await this.#bytesAt(offset + headerBytes, header.readUInt32LE(0)));
      offset = header.readDoubleLE(4);
    }
    return entries.reverse();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  async #bytesAt(offset: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await this.#file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) throw new Error(`the spool ends at ${offset + done}, in the middle of an entry`);
      done += bytesRead;
    }
    return bytes;
  }

  async #flush(): Promise<void> {
    if (this.#pendingBytes > 0) {
      const bytes = Buffer.concat(this.#pending);
      this.#pending = [];
      this.#pendingBytes = 0;
      this.#writtenBytes += bytes.byteLength;
      this.#writing = this.#writing.then(() => this.#file.appendFile(bytes));
    }
    await this.#writing;
  }
}
