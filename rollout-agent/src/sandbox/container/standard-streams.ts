// Takes apart what a container without a terminal prints: `[stream, 0, 0, 0, u32 length]` before each piece.
import { Transform, type TransformCallback } from "node:stream";

const headerBytes = 8;
const standardOutput = 1;

/** Passes standard output on, and gives the error stream to `onError`. */
export class StandardStreams extends Transform {
  readonly #onError: (chunk: Uint8Array) => void;
  #header = Buffer.alloc(0);
  #stream = 0;
  #left = 0;

  constructor(onError: (chunk: Uint8Array) => void) {
    super();
    this.#onError = onError;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let rest = chunk;
    while (rest.byteLength > 0) {
      if (this.#left === 0) {
        const missing = headerBytes - this.#header.byteLength;
        this.#header = Buffer.concat([this.#header, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (this.#header.byteLength < headerBytes) break;
        this.#stream = this.#header.readUInt8(0);
        this.#left = this.#header.readUInt32BE(4);
        this.#header = Buffer.alloc(0);
        continue;
      }
      const piece = rest.subarray(0, this.#left);
      rest = rest.subarray(piece.byteLength);
      this.#left -= piece.byteLength;
      if (this.#stream === standardOutput) this.push(piece);
      else this.#onError(piece);
    }
    done();
  }
}
