// Leases: who may write an episode, run a campaign or admit for the fleet, and with which fencing token. A lease is a
// key with a time to live; its revision is the token. Renewal is a compare-and-set that carries the time to live again,
// because the library's `update` would make the lease immortal. Ownership is the outcome of that write, never of a read.
import { z } from "zod";
import { WorkerId } from "../../domain/ids.ts";
import { limits } from "../../limits.ts";
import { decode, encode } from "../../protocol/envelope.ts";
import { buckets, type LeaseName } from "../../protocol/subjects.ts";
import { Bucket } from "./bucket.ts";
import { isBusCode } from "./bus-errors.ts";
import type { Lease, LeaseStore } from "./bus.ts";
import { type Connection, untilAborted } from "./connection.ts";

/** The value of a lease key. */
export const LeaseRecord = z.strictObject({ v: z.literal(1), workerId: WorkerId });

export class BucketLeaseStore implements LeaseStore {
  readonly #connection: Connection;
  readonly #bucket: Bucket;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#bucket = new Bucket(connection, buckets.leases);
  }

  async acquire(name: LeaseName, worker: WorkerId, ttlMs: number = limits.leaseTtlMs): Promise<Lease | null> {
    const startedAt = performance.now();
    try {
      const revision = await this.#write(name, worker, ttlMs);
      const { lost, hold } = { lost: new AbortController(), hold: { name, worker, ttlMs, revision, startedAt } };
      return new BucketLease(this.#bucket, this.#connection, hold, lost);
    } catch (error) {
      if (isBusCode(error, "BUS_CONFLICT")) return null;
      throw error;
    }
  }

  async holder(name: LeaseName): Promise<{ workerId: WorkerId; token: number } | null> {
    const entry = await this.#bucket.get(name);
    if (entry === null || entry.bytes === null) return null;
    return { workerId: decode(LeaseRecord, entry.bytes).workerId, token: entry.revision };
  }

  /** A worker takes over its own lease (it was restarted, or was handed the task again); the older hold is fenced. */
  async #write(name: LeaseName, worker: WorkerId, ttlMs: number): Promise<number> {
    const value = encode(LeaseRecord, { v: 1, workerId: worker });
    try {
      return await this.#bucket.create(name, value, ttlMs);
    } catch (error) {
      const holder = isBusCode(error, "BUS_CONFLICT") ? await this.holder(name) : null;
      if (holder?.workerId !== worker) throw error;
      return await this.#bucket.update(name, value, holder.token, ttlMs);
    }
  }
}

interface Hold {
  name: LeaseName;
  worker: WorkerId;
  ttlMs: number;
  revision: number;
  /** When the newest successful write was begun: the server's clock for the time to live started later. */
  startedAt: number;
}

class BucketLease implements Lease {
  readonly #bucket: Bucket;
  readonly #connection: Connection;
  readonly #hold: Hold;
  readonly #lost: AbortController;
  readonly #renewing: NodeJS.Timeout;
  #expiry: NodeJS.Timeout | undefined;
  #isReleased = false;
  #renewal: Promise<boolean> | undefined;

  constructor(bucket: Bucket, connection: Connection, hold: Hold, lost: AbortController) {
    this.#bucket = bucket;
    this.#connection = connection;
    this.#hold = hold;
    this.#lost = lost;
    this.#renewing = setInterval(() => void this.#renewQuietly(), Math.min(limits.leaseRenewMs, hold.ttlMs / 3));
    this.#renewing.unref();
    this.#expectExpiry();
  }

  get name(): LeaseName {
    return this.#hold.name;
  }

  get workerId(): WorkerId {
    return this.#hold.worker;
  }

  get token(): number {
    return this.#hold.revision;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  renew(): Promise<boolean> {
    this.#renewal ??= this.#renew().finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#stop();
    await this.#renewal?.catch(() => undefined);
    try {
      await this.#bucket.delete(this.#hold.name, this.#hold.revision);
    } catch (error) {
      // Expired or taken over meanwhile: it is not ours to remove.
      if (!isBusCode(error, "BUS_CONFLICT")) throw error;
    }
  }

  async #renew(): Promise<boolean> {
    if (this.#isReleased || this.#lost.signal.aborted) return false;
    const startedAt = performance.now();
    const value = encode(LeaseRecord, { v: 1, workerId: this.#hold.worker });
    const key = this.#hold.name;
    const write = this.#bucket.update(key, value, this.#hold.revision, this.#hold.ttlMs);
    write.catch(() => undefined);
    try {
      this.#hold.revision = await untilAborted(write, this.#lost.signal);
      this.#hold.startedAt = startedAt;
      this.#expectExpiry();
      return true;
    } catch (error) {
      if (this.#lost.signal.aborted) return false;
      if (!isBusCode(error, "BUS_CONFLICT")) throw error;
      this.#lose(`lease on ${this.#hold.name} was taken over or has expired`);
      return false;
    }
  }

  async #renewQuietly(): Promise<void> {
    try {
      await this.renew();
    } catch (error) {
      if (!this.#connection.closing.aborted) this.#connection.report(`error lease renewal: ${String(error)}`);
    }
  }

  /** Without a renewal in time the server has let the lease go, whether or not we can hear it say so. */
  #expectExpiry(): void {
    clearTimeout(this.#expiry);
    if (this.#isReleased || this.#lost.signal.aborted) return;
    const leftMs = this.#hold.startedAt + this.#hold.ttlMs - performance.now();
    this.#expiry = setTimeout(
      () => this.#lose(`lease on ${this.#hold.name} could not be renewed in time`),
      Math.max(0, leftMs),
    );
    this.#expiry.unref();
  }

  #lose(reason: string): void {
    this.#stop();
    this.#lost.abort(new Error(reason));
  }

  #stop(): void {
    clearInterval(this.#renewing);
    clearTimeout(this.#expiry);
  }
}
