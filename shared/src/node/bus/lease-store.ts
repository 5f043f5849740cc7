// Leases: who may write an episode, run a campaign or admit for the fleet, and with which fencing token. A lease is a
// key with a time to live; its revision is the token. Renewal is a compare-and-set that carries the time to live again,
// because the library's `update` would make the lease immortal. Ownership is the outcome of that write, never of a read.
import type { WorkerId } from "../../domain/ids.ts";
import { messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { decode, encode } from "../../protocol/envelope.ts";
import { LeaseRecord } from "../../protocol/lease.ts";
import type { TaskResult } from "../../protocol/result.ts";
import { buckets, type LeaseName } from "../../protocol/subjects.ts";
import { Bucket } from "./bucket.ts";
import { isBusCode } from "./bus-errors.ts";
import type { Acquisition, ClosedLease, Lease, LeaseStore } from "./bus.ts";
import { type Connection, untilAborted } from "./connection.ts";

/** Null for a record in a form that is not known here: somebody holds it, and a newer process knows who. */
interface Standing {
  record: LeaseRecord | null;
  revision: number;
  /** In milliseconds; null: it has none. */
  ttlMs: number | null;
}

export class BucketLeaseStore implements LeaseStore {
  readonly #connection: Connection;
  readonly #bucket: Bucket;
  /** Leases of others, as they were when they were first met so. */
  readonly #seen = new Map<LeaseName, { revision: number; at: number }>();

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#bucket = new Bucket(connection, buckets.leases);
  }

  /** A worker takes over its own lease (it was restarted, or was handed the task again); the older hold is fenced. */
  async acquire(name: LeaseName, worker: WorkerId, ttlMs: number = limits.leaseTtlMs): Promise<Acquisition> {
    const acquisition = await this.#acquire(name, worker, ttlMs);
    this.#connection.onLease({ what: acquisition.kind, name });
    return acquisition;
  }

  async #acquire(name: LeaseName, worker: WorkerId, ttlMs: number): Promise<Acquisition> {
    const startedAt = performance.now();
    const value = valueOf(worker);
    const acquired = (revision: number): Acquisition => {
      const hold = { name, worker, ttlMs, revision, startedAt };
      return { kind: "acquired", lease: new BucketLease(this.#bucket, this.#connection, hold) };
    };
    try {
      return acquired(await this.#bucket.create(name, value, ttlMs));
    } catch (error) {
      if (!isBusCode(error, "BUS_CONFLICT")) throw error;
    }
    const standing = await this.#standing(name);
    if (standing === null) return { kind: "held" };
    const { record, revision } = standing;
    if (record !== null && record.closed !== null) {
      return { kind: "closed", closed: closedLease(this.#bucket, this.#connection, { name, revision }, record.closed) };
    }
    if (record?.workerId !== worker && !this.#isRevenant(name, standing)) return { kind: "held" };
    try {
      return acquired(await this.#bucket.update(name, value, revision, ttlMs));
    } catch (error) {
      if (isBusCode(error, "BUS_CONFLICT")) return { kind: "held" };
      throw error;
    }
  }

  async holder(name: LeaseName): Promise<{ workerId: WorkerId; token: number } | null> {
    const standing = await this.#standing(name);
    if (standing?.record == null || standing.record.closed !== null) return null;
    return { workerId: standing.record.workerId, token: standing.revision };
  }

  async #standing(name: LeaseName): Promise<Standing | null> {
    const entry = await this.#bucket.get(name);
    if (entry === null || entry.bytes === null) return null;
    const { revision, ttlMs } = entry;
    try {
      return { record: decode(LeaseRecord, entry.bytes, limits.leaseBytesMax), revision, ttlMs };
    } catch (error) {
      this.#connection.report(`unreadable lease ${name}: ${messageOf(error)}`);
      return { record: null, revision, ttlMs };
    }
  }

  /**
   * Whether it has been the same for longer than it may live: who holds a lease renews it, and what nobody renews the
   * server removes, unless it was killed and has brought back what had been replaced (nats-server 2.14.5, where the
   * successor had expired by then); it never lets that expire again. Told by our own clock's course and not by its time:
   * a machine whose clock is wrong would take living leases away.
   */
  #isRevenant(name: LeaseName, { revision, ttlMs }: Standing): boolean {
    const now = performance.now();
    const seen = this.#seen.get(name);
    if (seen?.revision === revision) return ttlMs !== null && now - seen.at > ttlMs + limits.expiryLagMsMax;
    this.#seen.delete(name);
    this.#seen.set(name, { revision, at: now });
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= limits.leasesSeenMax) break;
      this.#seen.delete(oldest);
    }
    return false;
  }
}

function valueOf(workerId: WorkerId, closed: TaskResult | null = null): Uint8Array {
  return encode(LeaseRecord, { v: 1, workerId, closed }, limits.leaseBytesMax);
}

function closedLease(
  bucket: Bucket,
  connection: Connection,
  { name, revision }: { name: LeaseName; revision: number },
  result: TaskResult,
): ClosedLease {
  const remove = async (): Promise<void> => {
    try {
      await bucket.delete(name, revision);
    } catch (error) {
      // Removed already, by whoever else stored the result.
      if (!isBusCode(error, "BUS_CONFLICT")) connection.report(`error closed lease ${name} stays: ${messageOf(error)}`);
    }
  };
  return { result, remove };
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
  readonly #lost = new AbortController();
  readonly #renewing: NodeJS.Timeout;
  #expiry: NodeJS.Timeout | undefined;
  #isOver = false;
  #renewal: Promise<boolean> | undefined;

  constructor(bucket: Bucket, connection: Connection, hold: Hold) {
    this.#bucket = bucket;
    this.#connection = connection;
    this.#hold = hold;
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

  /** Also asks the clock: in a process that has slept, the timer may come after what it should have prevented. */
  get lost(): AbortSignal {
    const { name, startedAt, ttlMs } = this.#hold;
    if (!this.#isOver && !this.#lost.signal.aborted && performance.now() >= startedAt + ttlMs) {
      this.#lose(`lease on ${name} could not be renewed in time`);
    }
    return this.#lost.signal;
  }

  renew(): Promise<boolean> {
    this.#renewal ??= this.#renew().finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  async close(result: TaskResult): Promise<ClosedLease | null> {
    const value = valueOf(this.#hold.worker, result);
    if (this.#isOver || this.#lost.signal.aborted) return null;
    await this.#end();
    const { name } = this.#hold;
    try {
      const revision = await this.#bucket.update(name, value, this.#hold.revision, limits.closedLeaseTtlMs);
      return closedLease(this.#bucket, this.#connection, { name, revision }, result);
    } catch (error) {
      if (!isBusCode(error, "BUS_CONFLICT")) throw error;
      this.#lose(`lease on ${name} was taken over or has expired before it could be closed`);
      return null;
    }
  }

  async release(): Promise<void> {
    if (this.#isOver) return;
    await this.#end();
    try {
      await this.#bucket.delete(this.#hold.name, this.#hold.revision);
    } catch (error) {
      // Expired or taken over meanwhile: it is not ours to remove.
      if (!isBusCode(error, "BUS_CONFLICT")) throw error;
    }
  }

  async #renew(): Promise<boolean> {
    if (this.#isOver || this.#lost.signal.aborted) return false;
    const startedAt = performance.now();
    const { name, worker, revision, ttlMs } = this.#hold;
    const write = this.#bucket.update(name, valueOf(worker), revision, ttlMs);
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
    if (this.#isOver || this.#lost.signal.aborted) return;
    const leftMs = this.#hold.startedAt + this.#hold.ttlMs - performance.now();
    this.#expiry = setTimeout(
      () => this.#lose(`lease on ${this.#hold.name} could not be renewed in time`),
      Math.max(0, leftMs),
    );
    this.#expiry.unref();
  }

  #lose(reason: string): void {
    this.#stop();
    if (!this.#isOver && !this.#lost.signal.aborted) this.#connection.onLease({ what: "lost", name: this.#hold.name });
    this.#lost.abort(new Error(reason));
  }

  /** No renewal is under way when it resolves, and none comes. */
  async #end(): Promise<void> {
    if (!this.#lost.signal.aborted) this.#connection.onLease({ what: "ended", name: this.#hold.name });
    this.#isOver = true;
    this.#stop();
    await this.#renewal?.catch(() => undefined);
  }

  #stop(): void {
    clearInterval(this.#renewing);
    clearTimeout(this.#expiry);
  }
}
