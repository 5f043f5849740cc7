import type { z } from "zod";
import { messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { decode, encode } from "../../protocol/envelope.ts";
import { Bucket, type StandingEntry } from "./bucket.ts";
import type { RecordStore } from "./bus.ts";
import type { Connection } from "./connection.ts";

/** Versioned records of one schema in a bucket; parsed on the way in and out. */
export class BucketRecordStore<S extends z.ZodType> implements RecordStore<z.output<S>> {
  readonly #bucket: Bucket;
  readonly #schema: S;
  readonly #report: (status: string) => void;

  constructor(connection: Connection, bucket: string, schema: S) {
    this.#bucket = new Bucket(connection, bucket);
    this.#schema = schema;
    this.#report = (status) => connection.report(`unreadable record in ${bucket}: ${status}`);
  }

  async get(key: string): Promise<{ value: z.output<S>; revision: number } | null> {
    const entry = await this.#bucket.get(key);
    if (entry === null || entry.bytes === null) return null;
    return { value: decode(this.#schema, entry.bytes), revision: entry.revision };
  }

  async create(key: string, value: z.output<S>): Promise<number> {
    return await this.#bucket.create(key, this.#encode(value));
  }

  async update(key: string, value: z.output<S>, revision: number): Promise<number> {
    return await this.#bucket.update(key, this.#encode(value), revision);
  }

  async put(key: string, value: z.output<S>, ttlMs?: number): Promise<number> {
    return await this.#bucket.put(key, this.#encode(value), ttlMs);
  }

  async delete(key: string, revision?: number): Promise<void> {
    await this.#bucket.delete(key, revision);
  }

  async entries(): Promise<{ key: string; value: z.output<S>; revision: number }[]> {
    const entries: StandingEntry[] = [];
    for await (const entry of this.#bucket.entries()) entries.push(entry);
    return withoutRevenants(entries).flatMap(({ key, bytes, revision }) => {
      const value = this.#read(key, bytes);
      return value === null ? [] : [{ key, value, revision }];
    });
  }

  async *watch(signal: AbortSignal): AsyncGenerator<{ key: string; value: z.output<S> | null }> {
    for await (const { key, bytes } of this.#bucket.watch(signal)) {
      const value = this.#read(key, bytes);
      if (value !== null || bytes === null) yield { key, value };
    }
  }

  /** Records are plain data, for which a schema's output is also its input. */
  #encode(value: z.output<S>): Uint8Array {
    return encode(this.#schema, value as z.input<S>);
  }

  /** One unreadable record must not hide the others; it is reported and stays where it is. */
  #read(key: string, bytes: Uint8Array | null): z.output<S> | null {
    if (bytes === null) return null;
    try {
      return decode(this.#schema, bytes);
    } catch (error) {
      this.#report(`${key}: ${messageOf(error)}`);
      return null;
    }
  }
}

/**
 * Without what has outlived its time by more than a server may be late: one that was killed (nats-server 2.14.5) may bring
 * back what had been replaced, where the successor had expired by then. The server's time is at least that of its newest
 * entry; our own clock is not asked.
 */
export function withoutRevenants(entries: readonly StandingEntry[]): StandingEntry[] {
  const now = entries.reduce((newest, { storedAt }) => Math.max(newest, storedAt), 0);
  return entries.filter(({ ttlMs, storedAt }) => ttlMs === null || now - storedAt <= ttlMs + limits.expiryLagMsMax);
}
