// The channel to the guest: `[u32 header length][u32 payload length][JSON header][payload]`, big-endian.

export interface Frame {
  header: Uint8Array;
  payload: Uint8Array;
}

const prefixBytes = 8;

/** A header holds at most 50 effects of two texts of 4 KiB each, where JSON may need six bytes for one. */
export const headerBytesMax = 4 * 1024 * 1024;
/** The largest payload is a snapshot (`limits.snapshotBytesMax`) or the list of 100,000 entries. */
export const payloadBytesMax = 96 * 1024 * 1024;

export function encodeFrame(header: Uint8Array, payload: Uint8Array): Buffer {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(header.byteLength, 0);
  prefix.writeUInt32BE(payload.byteLength, 4);
  return Buffer.concat([prefix, header, payload]);
}

/** Collects chunks until a frame is whole; holds at most one frame and one chunk. */
export class FrameDecoder {
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #wanted = prefixBytes;

  /**
   * The frames that `chunk` completes.
   * @throws Error when a length exceeds its cap: the peer does not speak this protocol.
   */
  push(chunk: Uint8Array): Frame[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    const frames: Frame[] = [];
    while (this.#bytes >= this.#wanted) {
      // Many small frames come in one chunk: what is whole already is not copied for each of them.
      const [only] = this.#chunks;
      const buffer = this.#chunks.length === 1 && Buffer.isBuffer(only) ? only : Buffer.concat(this.#chunks);
      const headerLength = buffer.readUInt32BE(0);
      const payloadLength = buffer.readUInt32BE(4);
      if (headerLength > headerBytesMax || payloadLength > payloadBytesMax) {
        throw new Error(`a frame of ${headerLength} + ${payloadLength} bytes exceeds what a guest may send`);
      }
      const end = prefixBytes + headerLength + payloadLength;
      if (buffer.byteLength < end) {
        this.#chunks = [buffer];
        this.#wanted = end;
        return frames;
      }
      const payloadAt = prefixBytes + headerLength;
      frames.push({ header: buffer.subarray(prefixBytes, payloadAt), payload: buffer.subarray(payloadAt, end) });
      const rest = buffer.subarray(end);
      this.#chunks = rest.byteLength > 0 ? [rest] : [];
      this.#bytes = rest.byteLength;
      this.#wanted = prefixBytes;
    }
    return frames;
  }
}
