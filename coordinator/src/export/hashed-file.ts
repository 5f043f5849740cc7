import { createHash, type Hash } from "node:crypto";
import { mkdir, open, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

/** Text is gathered to this size before it is written; one row may be larger and is then written alone. */
const bufferBytes = 256 * 1024;

export interface FileDigest {
  bytes: number;
  sha256: string;
}

/** A file that is written once from front to back; its digest is known when it is closed. */
export class HashedFile implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash("sha256");
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #bytes = 0;
  #isOpen = true;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Creates the file and its folder. @throws when the file exists. */
  static async create(path: string): Promise<HashedFile> {
    await mkdir(dirname(path), { recursive: true });
    return new HashedFile(await open(path, "wx"));
  }

  async write(content: string | Uint8Array): Promise<void> {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.byteLength;
    if (this.#pendingBytes >= bufferBytes) await this.#flush();
  }

  async close(): Promise<FileDigest> {
    await this.#flush();
    await this[Symbol.asyncDispose]();
    return { bytes: this.#bytes, sha256: this.#hash.digest("hex") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#hash.update(bytes);
    this.#bytes += bytes.byteLength;
    await this.#file.appendFile(bytes);
  }
}
