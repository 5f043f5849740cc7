// One key-value bucket in the layout of NATS (ADR-8), written with plain publishes: the library's `update` erases a
// key's time to live, and its watchers do not survive a restarted server.
import { HindcastError } from "../../errors.ts";
import { isBusCode } from "./bus-errors.ts";
import type { Connection } from "./connection.ts";
import { follow } from "./follower.ts";
import { store } from "./store.ts";
import { lastMessage, readAll, type StoredMessage } from "./stored.ts";
import { bucketStream } from "./stream-names.ts";

/** `bytes` null: deleted or expired, and the revision is that of the marker. */
export interface BucketEntry {
  key: string;
  bytes: Uint8Array | null;
  revision: number;
}

/** As it stands in the bucket. */
export interface StandingEntry extends BucketEntry {
  /** When the server stored it, in milliseconds since 1970 by its clock. */
  storedAt: number;
  /** Its time to live in milliseconds; null: it has none. */
  ttlMs: number | null;
}

export class Bucket {
  readonly #connection: Connection;
  readonly #name: string;

  constructor(connection: Connection, name: string) {
    this.#connection = connection;
    this.#name = name;
  }

  async get(key: string): Promise<StandingEntry | null> {
    const message = await lastMessage(this.#connection, this.#stream, this.#subject(key));
    return message === null ? null : this.#toStanding(message);
  }

  /** @throws BUS_CONFLICT when the key exists. */
  async create(key: string, bytes: Uint8Array, ttlMs?: number): Promise<number> {
    try {
      return await this.update(key, bytes, 0, ttlMs);
    } catch (error) {
      if (!isBusCode(error, "BUS_CONFLICT")) throw error;
      const existing = await this.get(key);
      // A marker of a deleted or expired value, or nothing any more: the key is free, if nobody else is as quick.
      if (existing !== null && existing.bytes !== null) throw error;
      return await this.update(key, bytes, existing?.revision ?? 0, ttlMs);
    }
  }

  /** @throws BUS_CONFLICT when `revision` is no longer the newest. */
  async update(key: string, bytes: Uint8Array, revision: number, ttlMs?: number): Promise<number> {
    return await this.#write(key, bytes, { expectedSequence: revision, ...(ttlMs === undefined ? {} : { ttlMs }) });
  }

  async put(key: string, bytes: Uint8Array, ttlMs?: number): Promise<number> {
    return await this.#write(key, bytes, ttlMs === undefined ? {} : { ttlMs });
  }

  /** Leaves a marker that watchers see and that expires by itself. @throws BUS_CONFLICT as `update` does. */
  async delete(key: string, revision?: number): Promise<void> {
    await this.#write(key, new Uint8Array(), {
      ttlMs: 1_000,
      headers: { "KV-Operation": "PURGE", "Nats-Rollup": "sub" },
      ...(revision === undefined ? {} : { expectedSequence: revision }),
    });
  }

  async *entries(): AsyncGenerator<StandingEntry> {
    for await (const message of readAll(this.#connection, this.#stream, `$KV.${this.#name}.>`)) {
      const entry = this.#toStanding(message);
      if (entry.bytes !== null) yield entry;
    }
  }

  async *watch(signal: AbortSignal): AsyncGenerator<BucketEntry> {
    const source = { stream: this.#stream, filter: `$KV.${this.#name}.>`, fromSequence: 1, isRepeatable: true };
    for await (const message of follow(this.#connection, source, signal)) yield this.#toEntry(message);
  }

  get #stream(): string {
    return bucketStream(this.#name);
  }

  #subject(key: string): string {
    if (/^[-/_=A-Za-z0-9]+(\.[-/_=A-Za-z0-9]+)*$/.test(key)) return `$KV.${this.#name}.${key}`;
    throw new HindcastError({
      code: "PROTOCOL_INVALID",
      boundary: "protocol",
      message: `${JSON.stringify(key)} cannot be a key of bucket ${this.#name}; use letters, digits, - / _ = and single dots`,
    });
  }

  async #write(
    key: string,
    bytes: Uint8Array,
    options: { expectedSequence?: number; ttlMs?: number; headers?: Record<string, string> },
  ): Promise<number> {
    const receipt = await store(this.#connection, {
      ...options,
      stream: this.#stream,
      subject: this.#subject(key),
      bytes,
    });
    return receipt.sequence;
  }

  /** A marker is an empty message with `KV-Operation` (a deletion) or `Nats-Marker-Reason` (the server's: expired). */
  #toEntry(message: Pick<StoredMessage, "sequence" | "subject" | "bytes" | "header">): BucketEntry {
    const isMarker = message.header("KV-Operation") !== "" || message.header("Nats-Marker-Reason") !== "";
    return {
      key: message.subject.slice(`$KV.${this.#name}.`.length),
      bytes: isMarker ? null : message.bytes,
      revision: message.sequence,
    };
  }

  #toStanding(message: StoredMessage): StandingEntry {
    const ttlMs = ttlOf(message.header("Nats-TTL"));
    return { ...this.#toEntry(message), storedAt: Date.parse(message.at), ttlMs };
  }
}

/** As `store` writes it: whole milliseconds. */
function ttlOf(header: string): number | null {
  const ms = /^(\d+)ms$/.exec(header)?.[1];
  return ms === undefined ? null : Number(ms);
}
