// Content-addressed blobs in the layout of the NATS object store (ADR-20), so that `nats object get BLOBS <sha256>`
// works. Written with our own acknowledged publishes: the library's transfers do not survive a restarted server and
// want permissions (purge, consumer creation) that a rollout agent must not have.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { type BlobRef, Sha256 } from "../../domain/ids.ts";
import { HindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { buckets } from "../../protocol/subjects.ts";
import { sha256Hex } from "../derive-id.ts";
import type { BlobStore, IndexBlobStore, StoredBlob } from "./bus.ts";
import { isBusCode } from "./bus-errors.ts";
import type { Connection } from "./connection.ts";
import { patiently, retryDelayMs } from "./patience.ts";
import { store } from "./store.ts";
import { lastMessage, readAll } from "./stored.ts";
import { objectStream } from "./topology.ts";

/** The object store's own record of an object, as far as it is read; other clients may add to it. */
const ObjectInfo = z.looseObject({
  nuid: z.string(),
  size: z.int().nonnegative().max(limits.blobBytesMax),
  chunks: z.int().nonnegative(),
});
type ObjectInfo = z.infer<typeof ObjectInfo>;
const NamedObject = ObjectInfo.extend({ name: Sha256 });

/** Tries of a read whose chunks are not all on the replica that answered. */
const readTriesMax = 5;

export class ObjectBlobStore implements BlobStore, IndexBlobStore {
  readonly #connection: Connection;
  readonly #bucket: string;
  readonly #stream: string;

  constructor(connection: Connection, bucket: string = buckets.blobs) {
    this.#connection = connection;
    this.#bucket = bucket;
    this.#stream = objectStream(bucket);
  }

  async put(bytes: Uint8Array): Promise<BlobRef> {
    if (bytes.length > limits.blobBytesMax) {
      throw new HindcastError({
        code: "PROTOCOL_TOO_LARGE",
        boundary: "protocol",
        message: `a blob of ${bytes.length} bytes exceeds the limit of ${limits.blobBytesMax}`,
      });
    }
    const sha256 = Sha256.parse(sha256Hex(bytes));
    const ref: BlobRef = { sha256, bytes: bytes.length };
    const existing = await lastMessage(this.#connection, this.#stream, this.#metaSubject(sha256));
    if (existing !== null) return ref;
    const info = await this.#putChunks(bytes);
    const record = {
      name: sha256,
      bucket: this.#bucket,
      ...info,
      digest: `SHA-256=${Buffer.from(sha256, "hex").toString("base64").replaceAll("+", "-").replaceAll("/", "_")}`,
      mtime: new Date().toISOString(),
      options: { max_chunk_size: limits.blobChunkBytes },
    };
    try {
      const message = { stream: this.#stream, subject: this.#metaSubject(sha256), expectedSequence: 0 };
      await store(this.#connection, { ...message, bytes: Buffer.from(JSON.stringify(record)) });
    } catch (error) {
      // Somebody else stored the same content meanwhile; their chunks count.
      if (!isBusCode(error, "BUS_CONFLICT")) throw error;
    }
    return ref;
  }

  async get(ref: BlobRef): Promise<Uint8Array> {
    const message = await lastMessage(this.#connection, this.#stream, this.#metaSubject(ref.sha256));
    if (message === null) throw missing(ref, "it was never stored, or has been removed");
    const info = ObjectInfo.parse(JSON.parse(new TextDecoder().decode(message.bytes)));
    for (let attempt = 1; attempt <= readTriesMax; attempt += 1) {
      const bytes = await this.#readChunks(info);
      if (bytes !== null && sha256Hex(bytes) === ref.sha256) return bytes;
      await delay(retryDelayMs(attempt));
    }
    throw missing(ref, "its chunks are incomplete or damaged");
  }

  async list(): Promise<StoredBlob[]> {
    const blobs: StoredBlob[] = [];
    for await (const { bytes, at } of readAll(this.#connection, this.#stream, `$O.${this.#bucket}.M.>`)) {
      const info = NamedObject.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
      if (info.success) blobs.push({ sha256: info.data.name, bytes: info.data.size, storedAt: at });
    }
    return blobs;
  }

  async remove({ sha256 }: Pick<BlobRef, "sha256">): Promise<void> {
    const subject = this.#metaSubject(sha256);
    const message = await lastMessage(this.#connection, this.#stream, subject);
    if (message === null) return;
    const info = ObjectInfo.parse(JSON.parse(new TextDecoder().decode(message.bytes)));
    // The name goes first: chunks without a name are garbage, a name without chunks would be damage.
    for (const filter of [subject, this.#chunkSubject(info.nuid)]) {
      await patiently(this.#connection, `remove ${filter} from ${this.#stream}`, () =>
        this.#connection.manager.streams.purge(this.#stream, { filter }),
      );
    }
  }

  #chunkSubject(nuid: string): string {
    return `$O.${this.#bucket}.C.${nuid}`;
  }

  /** Names are base64url with padding. */
  #metaSubject(name: string): string {
    return `$O.${this.#bucket}.M.${Buffer.from(name).toString("base64").replaceAll("+", "-").replaceAll("/", "_")}`;
  }

  /** Each try of a put writes under an id of its own; chunks of a put that died are garbage, not damage. */
  async #putChunks(bytes: Uint8Array): Promise<ObjectInfo> {
    const nuid = randomUUID();
    let chunks = 0;
    for (let offset = 0; offset < bytes.length; offset += limits.blobChunkBytes) {
      const chunk = bytes.subarray(offset, offset + limits.blobChunkBytes);
      await store(this.#connection, { stream: this.#stream, subject: this.#chunkSubject(nuid), bytes: chunk });
      chunks += 1;
    }
    return { nuid, size: bytes.length, chunks };
  }

  async #readChunks(info: ObjectInfo): Promise<Uint8Array | null> {
    if (info.size === 0) return new Uint8Array();
    const bytes = new Uint8Array(info.size);
    let filled = 0;
    for await (const { bytes: chunk } of readAll(this.#connection, this.#stream, this.#chunkSubject(info.nuid))) {
      if (filled + chunk.length > bytes.length) return null;
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    return filled === bytes.length ? bytes : null;
  }
}

function missing(ref: BlobRef, why: string): HindcastError {
  return new HindcastError({
    code: "BUS_NOT_FOUND",
    boundary: "bus",
    message: `blob ${ref.sha256} (${ref.bytes} bytes) cannot be read: ${why}`,
  });
}
