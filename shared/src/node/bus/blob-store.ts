// Content-addressed blobs in the layout of the NATS object store (ADR-20), so that `nats object get BLOBS <sha256>`
// works. Written with our own acknowledged publishes: the library's transfers do not survive a restarted server and
// want permissions (purge, consumer creation) that a rollout agent must not have. Content that resembles what is stored
// already may be put in parts (content-parts.ts); such a blob has no chunks but the names of its parts, which are blobs.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import pMap from "p-map";
import { z } from "zod";
import { type BlobRef, Sha256 } from "../../domain/ids.ts";
import { HindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { buckets } from "../../protocol/subjects.ts";
import { sha256Hex } from "../derive-id.ts";
import type { BlobStore, IndexBlobStore, StoredBlob } from "./bus.ts";
import { isBusCode } from "./bus-errors.ts";
import type { Connection } from "./connection.ts";
import { partsOf } from "./content-parts.ts";
import { patiently, retryDelayMs } from "./patience.ts";
import { store } from "./store.ts";
import { lastMessage, readAll } from "./stored.ts";
import { objectStream } from "./stream-names.ts";

/** The object store's own record of an object, as far as it is read; other clients may add to it. */
const ObjectInfo = z.looseObject({
  nuid: z.string(),
  size: z.int().nonnegative().max(limits.blobBytesMax),
  chunks: z.int().nonnegative(),
  /** SHA-256 of each part, in order, as base64url joined by commas. */
  metadata: z.looseObject({ parts: z.string().optional() }).optional(),
});
type ObjectInfo = z.infer<typeof ObjectInfo>;
const NamedObject = ObjectInfo.extend({ name: Sha256 });

/** Tries of a read whose chunks are not all on the replica that answered, and of a put that another client's crosses. */
const triesMax = 5;
/** Parts of one blob that are under way at once. */
const partsInFlightMax = 8;

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

export class ObjectBlobStore implements BlobStore, IndexBlobStore {
  readonly #connection: Connection;
  readonly #bucket: string;
  readonly #stream: string;
  /** Names of parts by the SHA-256 of their content before compression. */
  readonly #knownParts = new Map<string, { name: string; at: number }>();

  constructor(connection: Connection, bucket: string = buckets.blobs) {
    this.#connection = connection;
    this.#bucket = bucket;
    this.#stream = objectStream(bucket);
  }

  async put(
    bytes: Uint8Array,
    { inParts = false, roomUntil }: { inParts?: boolean; roomUntil?: AbortSignal } = {},
  ): Promise<BlobRef> {
    const bytesMax = inParts ? limits.sharedBlobBytesMax : limits.blobBytesMax;
    if (bytes.length > bytesMax) {
      throw new HindcastError({
        code: "PROTOCOL_TOO_LARGE",
        boundary: "protocol",
        message: `a blob of ${bytes.length} bytes exceeds the limit of ${bytesMax}`,
      });
    }
    const sha256 = Sha256.parse(sha256Hex(bytes));
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#ensure(sha256, bytes, { inParts, roomUntil });
        return { sha256, bytes: bytes.length };
      } catch (error) {
        // Somebody else stored, renewed or removed the same content meanwhile: look again.
        if (!isBusCode(error, "BUS_CONFLICT") || attempt === triesMax) throw error;
      }
    }
  }

  /**
   * What is stored already is not stored again, but renewed when it is old: the garbage collection removes only what is
   * old and named by nothing, and the record that names this content is about to be written.
   */
  async #ensure(
    sha256: Sha256,
    bytes: Uint8Array,
    { inParts, roomUntil }: { inParts: boolean; roomUntil: AbortSignal | undefined },
  ): Promise<void> {
    const existing = await lastMessage(this.#connection, this.#stream, this.#metaSubject(sha256));
    const ageMs = existing === null ? null : Date.now() - Date.parse(existing.at);
    if (ageMs !== null && ageMs < limits.blobRenewMs) return;
    const parts = inParts ? [...partsOf(bytes)] : [];
    // Parts are made or renewed before the blob that names them.
    const names = await this.#putParts(parts, roomUntil);
    if (existing !== null) return this.#putMeta(sha256, existing.bytes, { last: existing.sequence, roomUntil });
    const info =
      names.length === 0
        ? await this.#putChunks(bytes, roomUntil)
        : { nuid: randomUUID(), size: bytes.length, chunks: 0, metadata: { parts: names.join(",") } };
    const record = {
      name: sha256,
      bucket: this.#bucket,
      ...info,
      digest: `SHA-256=${Buffer.from(sha256, "hex").toString("base64").replaceAll("+", "-").replaceAll("/", "_")}`,
      mtime: new Date().toISOString(),
      options: { max_chunk_size: limits.blobChunkBytes },
    };
    await this.#putMeta(sha256, Buffer.from(JSON.stringify(record)), { last: 0, roomUntil });
  }

  async #putMeta(
    sha256: Sha256,
    bytes: Uint8Array,
    { last, roomUntil }: { last: number; roomUntil: AbortSignal | undefined },
  ): Promise<void> {
    const place = { stream: this.#stream, subject: this.#metaSubject(sha256), expectedSequence: last };
    const headers = last === 0 ? {} : { "Nats-Rollup": "sub" };
    await store(this.#connection, { ...place, bytes, headers, roomUntil });
  }

  /** @returns the parts' names as base64url, which is shorter than hexadecimal. */
  async #putParts(parts: readonly Uint8Array[], roomUntil: AbortSignal | undefined): Promise<string[]> {
    return await pMap(parts, (part) => this.#putPart(part, roomUntil), { concurrency: partsInFlightMax });
  }

  /** A part that was put a short while ago is neither compressed nor looked for again. */
  async #putPart(part: Uint8Array, roomUntil: AbortSignal | undefined): Promise<string> {
    const content = sha256Hex(part);
    const known = this.#knownParts.get(content);
    if (known !== undefined && Date.now() - known.at < limits.blobRenewMs / 2) return known.name;
    const at = Date.now();
    const { sha256 } = await this.put(await deflate(part), roomUntil === undefined ? {} : { roomUntil });
    const name = Buffer.from(sha256, "hex").toString("base64url");
    const [oldest] = this.#knownParts.keys();
    if (oldest !== undefined && this.#knownParts.size >= limits.knownPartsMax) this.#knownParts.delete(oldest);
    this.#knownParts.set(content, { name, at });
    return name;
  }

  async get(ref: BlobRef): Promise<Uint8Array> {
    const message = await lastMessage(this.#connection, this.#stream, this.#metaSubject(ref.sha256));
    if (message === null) throw missing(ref, "it was never stored, or has been removed");
    const info = ObjectInfo.parse(JSON.parse(new TextDecoder().decode(message.bytes)));
    for (let attempt = 1; attempt <= triesMax; attempt += 1) {
      const bytes = await this.#read(info);
      if (bytes !== null && sha256Hex(bytes) === ref.sha256) return bytes;
      await delay(retryDelayMs(attempt));
    }
    throw missing(ref, "its chunks are incomplete or damaged");
  }

  async list(): Promise<StoredBlob[]> {
    const blobs: StoredBlob[] = [];
    for await (const { sha256, bytes, storedAt } of this.entries()) blobs.push({ sha256, bytes, storedAt });
    return blobs;
  }

  /** Every blob with the sequence of its record, by which its removal can be made conditional, and its parts' names. */
  async *entries(): AsyncGenerator<StoredBlob & { sequence: number; parts: Sha256[] }> {
    for await (const { bytes, at, sequence } of readAll(this.#connection, this.#stream, `$O.${this.#bucket}.M.>`)) {
      const info = NamedObject.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
      if (!info.success) continue;
      const { name: sha256, size } = info.data;
      yield { sha256, bytes: size, storedAt: at, sequence, parts: partNames(info.data) };
    }
  }

  /** @param sequence removes it only as it was there; renewed since, it stays. */
  async remove({ sha256 }: Pick<BlobRef, "sha256">, sequence?: number): Promise<void> {
    const subject = this.#metaSubject(sha256);
    const message = await lastMessage(this.#connection, this.#stream, subject);
    if (message === null || (sequence !== undefined && message.sequence !== sequence)) return;
    const info = ObjectInfo.parse(JSON.parse(new TextDecoder().decode(message.bytes)));
    // The name goes first: chunks without a name are garbage, a name without chunks would be damage.
    await this.#purge(subject, message.sequence + 1);
    if ((await lastMessage(this.#connection, this.#stream, subject)) !== null) return;
    if (info.chunks > 0) await this.#purge(this.#chunkSubject(info.nuid));
  }

  async #purge(filter: string, before?: number): Promise<void> {
    const what = before === undefined ? { filter } : { filter, seq: before };
    await patiently(this.#connection, `remove ${filter} from ${this.#stream}`, () =>
      this.#connection.manager.streams.purge(this.#stream, what),
    );
  }

  #chunkSubject(nuid: string): string {
    return `$O.${this.#bucket}.C.${nuid}`;
  }

  /** Names are base64url with padding. */
  #metaSubject(name: string): string {
    return `$O.${this.#bucket}.M.${Buffer.from(name).toString("base64").replaceAll("+", "-").replaceAll("/", "_")}`;
  }

  /** Each try of a put writes under an id of its own; chunks of a put that died are garbage, not damage. */
  async #putChunks(bytes: Uint8Array, roomUntil: AbortSignal | undefined): Promise<ObjectInfo> {
    const nuid = randomUUID();
    let chunks = 0;
    for (let offset = 0; offset < bytes.length; offset += limits.blobChunkBytes) {
      const chunk = bytes.subarray(offset, offset + limits.blobChunkBytes);
      const subject = this.#chunkSubject(nuid);
      await store(this.#connection, { stream: this.#stream, subject, bytes: chunk, roomUntil });
      chunks += 1;
    }
    return { nuid, size: bytes.length, chunks };
  }

  async #read(info: ObjectInfo): Promise<Uint8Array | null> {
    const parts = partNames(info);
    if (parts.length === 0) return await this.#readChunks(info);
    const read = async (sha256: Sha256): Promise<Uint8Array> =>
      await inflate(await this.get({ sha256, bytes: 0 }), { maxOutputLength: limits.sharedPartBytesMax });
    return Buffer.concat(await pMap(parts, read, { concurrency: partsInFlightMax }));
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

function partNames({ metadata }: ObjectInfo): Sha256[] {
  const names = metadata?.parts?.split(",") ?? [];
  return names.map((name) => Sha256.parse(Buffer.from(name, "base64url").toString("hex")));
}

function missing(ref: BlobRef, why: string): HindcastError {
  return new HindcastError({
    code: "BUS_NOT_FOUND",
    boundary: "bus",
    message: `blob ${ref.sha256} (${ref.bytes} bytes) cannot be read: ${why}`,
  });
}
