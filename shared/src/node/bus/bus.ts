// The one seam to NATS: what the three processes may do on the bus, in Hindcast's words. `connectBus` (connect.ts)
// implements it; nothing outside this folder knows the client library.
import type { z } from "zod";
import type { CampaignId, DemonstrationId, EpisodeId, TaskId, WorkerId } from "../../domain/ids.ts";
import type { BlobRef } from "../../domain/ids.ts";
import type { Demonstration } from "../../domain/demonstration.ts";
import type { HindcastError } from "../../errors.ts";
import type { AuditRecord } from "../../protocol/audit.ts";
import type { GraphEntry } from "../../protocol/graph-entry.ts";
import type { LeaseName, Pool } from "../../protocol/subjects.ts";
import type { Task } from "../../protocol/task.ts";
import type { TaskResult } from "../../protocol/result.ts";
import type { TrajectoryRecord } from "../../protocol/trajectory-record.ts";
import type { StoredRecord } from "../trajectory-assembly.ts";
import type { PastAttempt } from "./attempt-history.ts";
import type { Retention } from "./retention.ts";

export interface BusOptions {
  servers: string;
  /** Account user; null only where the server asks for none. */
  credentials: { user: string; password: string } | null;
  /** PEM file of the authority whose servers are trusted; given, the connection is encrypted or not made. */
  caFile?: string | null;
  /** Shown by the server's monitoring, e.g. `rollout-agent w-1`. */
  name: string;
  /** Unique reply prefix, so that permissions can confine replies, e.g. `_INBOX_w-1`. */
  inboxPrefix?: string;
  /** Told of connection changes: `disconnected`, `reconnected`, `error <text>`; for logs and metrics. */
  onStatus?: (status: string) => void;
  /** Told once when the connection is gone for good: after two refused logins the library tries no more. */
  onClosed?: (error: HindcastError) => void;
  /** Told of leases; for metrics. */
  onLease?: (event: LeaseEvent) => void;
}

/** `acquired`, `held` and `closed` are what an acquisition came to; `ended` and `lost` are how a held lease went. */
export interface LeaseEvent {
  what: Acquisition["kind"] | "ended" | "lost";
  name: LeaseName;
}

export interface Bus {
  readonly tasks: TaskQueue;
  readonly trajectories: TrajectoryLog;
  readonly results: ResultStore;
  readonly leases: LeaseStore;
  readonly demonstrations: DemonstrationLog;
  readonly blobs: BlobStore;
  /** Files of index snapshots. */
  readonly indexBlobs: IndexBlobStore;
  readonly deadLetters: DeadLetters;
  readonly audit: AuditLog;
  readonly storage: Storage;
  /** A typed bucket. Names come from `buckets`; `limits.messageBytesMax` holds for values. */
  records<S extends z.ZodType>(
    bucket: "JOURNAL" | "VECTORS" | "CAMPAIGNS" | "BATCHES" | "WORKERS" | "INDEXES" | "BUDGETS" | "LANES",
    schema: S,
  ): RecordStore<z.output<S>>;
  /** Creates or updates every stream, consumer and bucket. Idempotent; the coordinator's duty at start. */
  ensureTopology(options: TopologyOptions): Promise<void>;
  request<Q extends z.ZodType, R extends z.ZodType>(exchange: Exchange<Q, R>): Promise<z.output<R>>;
  /** A request whose bytes are its own affair. @throws BUS_UNAVAILABLE, BUS_TIMEOUT, or the peer's own error */
  ask(question: Question): Promise<Uint8Array>;
  /** Answers requests until closed. A handler's HindcastError is answered as a typed error with ADR-32 headers. */
  serve<Q extends z.ZodType, R extends z.ZodType>(endpoint: Endpoint<Q, R>): Promise<AsyncDisposable>;
  /** Registers endpoints as one NATS micro service (ADR-32: PING, INFO, STATS). */
  serveMicro(service: MicroService): Promise<AsyncDisposable>;
  /** Core publish and subscribe for lossy progress. */
  publish<S extends z.ZodType>(subject: string, schema: S, value: z.input<S>): void;
  subscribe<S extends z.ZodType>(subject: string, schema: S, signal: AbortSignal): AsyncIterable<z.output<S>>;
  /** Round trip to the server. @throws BUS_UNAVAILABLE */
  ping(): Promise<number>;
  /** Drains and closes; memoised. */
  close(): Promise<void>;
}

export interface TopologyOptions {
  pools: Pool[];
  /** 1 on a single server, 3 in a cluster. */
  replicas: number;
  /** Bytes after which TASKS refuses new tasks (backpressure). */
  tasksBytesMax: number;
  /** @default `defaultRetention` */
  retention?: Retention;
}

export interface TaskQueue {
  /**
   * Puts a task on its pool's work queue. A full stream makes this wait (doubling to `backpressureDelayMsMax`) until
   * there is room or `signal` aborts; nothing is dropped.
   * @returns `duplicate` when the task is already queued or being worked on.
   */
  publish(task: Task, signal: AbortSignal): Promise<"queued" | "duplicate">;
  /** At most `slots` leased tasks, waiting up to `waitMs` for the first; an empty array when there were none. */
  lease(pool: Pool, slots: number, waitMs: number, signal: AbortSignal): Promise<LeasedTask[]>;
  /** Removes what is still queued of a campaign; tasks being worked on are told by the cancel mark, not by this. */
  purge(campaign: CampaignId): Promise<number>;
  /** `queued` (undelivered) and `working` (delivered, unacknowledged) messages of a pool. */
  backlog(pool: Pool): Promise<Pick<QueueState, "queued" | "working">>;
  /** Beside it, at how many `working` NATS hands out nothing (null: never), and how long the oldest waits (null: none). */
  inspect(pool: Pool): Promise<QueueState>;
}

export type QueueState = Record<"queued" | "working", number> & Record<"workingMax" | "oldestQueuedMs", number | null>;

export interface LeasedTask {
  readonly task: Task;
  /** 1 on first delivery. */
  readonly deliveryCount: number;
  readonly streamSequence: number;
  /** W3C traceparent of its message; null or absent: nobody traced who sent it. */
  readonly traceparent?: string | null;
  /** Extends the lease by ack_wait. */
  working(): void;
  /** Removes the task, confirmed by the server; false when the confirmation did not come (redelivery will find the result). */
  done(): Promise<boolean>;
  /** Gives it back for another worker, at once or after `delayMs` (≤ nakDelayMsMax). */
  handBack(delayMs?: number): void;
  /** Stores message, reason and history under DEAD_LETTERS, then removes it from the queue. */
  deadLetter(reason: string): Promise<void>;
}

export interface TrajectoryLog {
  /**
   * Resolves when the server has stored the record; message id `<episode>:<attempt>:<token>:<n>` makes a retry harmless.
   * Text above `limits.observationInlineBytesMax` is stored beside it, as a blob, and read back with it.
   * @returns the bytes as stored, of which the digest is made.
   */
  append(record: TrajectoryRecord, roomUntil?: AbortSignal): Promise<Uint8Array>;
  /** All records of an episode in the order of storage, with each record's stored bytes for the digest. */
  read(campaign: CampaignId, episode: EpisodeId): Promise<StoredRecord[]>;
  /** All records of a campaign as they lie in the stream, in its order: many times faster than episode by episode. */
  stored(campaign: CampaignId): AsyncIterable<{ episodeId: EpisodeId; bytes: Uint8Array }>;
  /** What `read` gives, of an episode's `stored` records. */
  restore(episode: EpisodeId, stored: readonly Uint8Array[]): Promise<StoredRecord[]>;
  /** Stream sequence of the newest record of any episode of the campaign; 0 if there is none. */
  newest(campaign: CampaignId): Promise<number>;
}

export interface ResultStore {
  /** Write-once. Whose result it may be is decided before, by closing the task's lease (`commit`). */
  put(result: TaskResult): Promise<"stored" | "already">;
  /** Whether the task has its terminal record, readable here or not; asked of the stream's leader. */
  has(campaign: CampaignId, task: TaskId): Promise<boolean>;
  get(campaign: CampaignId, task: TaskId): Promise<TaskResult | null>;
  /** Stream sequence of the campaign's newest result; 0 if it has none. */
  newest(campaign: CampaignId): Promise<number>;
  /** Every result of the campaign that is stored now, in the order of storage. */
  list(campaign: CampaignId): Promise<TaskResult[]>;
  /** The same, one after the other, for campaigns whose results do not fit into memory. */
  each(campaign: CampaignId): AsyncIterable<TaskResult>;
  /** Every result of the campaign: those stored already, then new ones, until `signal` aborts. */
  watch(campaign: CampaignId, signal: AbortSignal): AsyncIterable<TaskResult>;
}

export interface Lease {
  readonly name: LeaseName;
  readonly workerId: WorkerId;
  /** Revision of the newest renewal; only the acquisition's value goes into records as fencing token. */
  readonly token: number;
  /** Aborts when a renewal finds the lease taken or expired: stop writing. */
  readonly lost: AbortSignal;
  /** Renews now; renewing every `leaseRenewMs` happens by itself. @returns false when the lease is lost. */
  renew(): Promise<boolean>;
  /**
   * Decides the result of what is leased, by compare-and-set: only the holder's can be. It stays decided, whoever
   * stores it, for `limits.closedLeaseTtlMs`.
   * @returns null when the lease is lost: the result must go nowhere.
   */
  close(result: TaskResult): Promise<ClosedLease | null>;
  /** Gives it up for the next one; nothing once it is closed. */
  release(): Promise<void>;
}

export interface ClosedLease {
  readonly result: TaskResult;
  /** Once the result is stored. Never rejects: what cannot be removed expires. */
  remove(): Promise<void>;
}

export type Acquisition =
  | { kind: "acquired"; lease: Lease }
  /** By another worker, or in a form that is not known here. */
  | { kind: "held" }
  | { kind: "closed"; closed: ClosedLease };

export interface LeaseStore {
  /** `ttlMs` defaults to `limits.leaseTtlMs`. */
  acquire(name: LeaseName, worker: WorkerId, ttlMs?: number): Promise<Acquisition>;
  /** Null where nobody works on it: free, expired or closed. */
  holder(name: LeaseName): Promise<{ workerId: WorkerId; token: number } | null>;
}

export interface DemonstrationLog {
  /** @returns the stream sequence; publishing the same id again replaces it (one message per subject). */
  put(demonstration: Demonstration): Promise<number>;
  /** Retires a demonstration: an empty message under its subject. */
  retire(environment: string, id: DemonstrationId): Promise<number>;
  /** Replays from `fromSequence`, then follows; `demonstration` is null for a retirement. Ordered, recreated on gaps. */
  follow(fromSequence: number, signal: AbortSignal): AsyncIterable<LogEntry>;
  /**
   * Tells the other replicas of an index of a graph; the entry replaces what was told of the same range before.
   * @returns false, and stores nothing, when something was that is newer than `applied`.
   */
  tell(entry: GraphEntry, applied: number): Promise<boolean>;
  lastSequence(): Promise<number>;
  /** When the stream was made, as the server writes it: one that is made anew counts from the beginning again. */
  born(): Promise<string>;
  /** The sequence of the newest demonstration or retirement; null when there is none. */
  newest(): Promise<number | null>;
  /** What is stored, in stream order from `fromSequence`; no bytes: retired. A later message of an id replaces an earlier one. */
  stored(fromSequence?: number): AsyncIterable<DemonstrationName & { bytes: Uint8Array; sequence: number }>;
  /** Of `stored` bytes; null when they cannot be read, which is reported. */
  restore(id: DemonstrationId, bytes: Uint8Array): Demonstration | null;
  /** Null when it was retired or cannot be read. */
  get(name: DemonstrationName): Promise<Demonstration | null>;
}

export interface DemonstrationName {
  id: DemonstrationId;
  environment: string;
}

export interface DemonstrationEntry {
  sequence: number;
  id: DemonstrationId;
  environment: string;
  demonstration: Demonstration | null;
  /** Set when the stored message could not be read (unknown version, damage): counted and skipped, never fatal. */
  problem: string | null;
}

/** What replicas of an index tell each other, in its place among the demonstrations. */
export interface GraphLogEntry {
  sequence: number;
  demonstration: null;
  /** Null when it could not be read. */
  graph: GraphEntry | null;
  problem: string | null;
}

export type LogEntry = DemonstrationEntry | GraphLogEntry;

export interface BlobStore {
  /**
   * Content-addressed and idempotent. `inParts` stores once what the content shares with others that were put so: for
   * images that differ little from each other.
   * A full store is waited for until `roomUntil` aborts; without it that is an error.
   * @throws PROTOCOL_TOO_LARGE above `limits.blobBytesMax`, in parts above `limits.sharedBlobBytesMax`; BUS_FULL
   */
  put(bytes: Uint8Array, options?: { inParts?: boolean; roomUntil?: AbortSignal }): Promise<BlobRef>;
  /** Checks the digest. @throws BUS_NOT_FOUND */
  get(ref: BlobRef): Promise<Uint8Array>;
}

/** Blobs that come to an end. */
export interface IndexBlobStore extends BlobStore {
  list(): Promise<StoredBlob[]>;
  /** Removing what is not there is no mistake. */
  remove(ref: Pick<BlobRef, "sha256">): Promise<void>;
}

export interface StoredBlob extends BlobRef {
  /** ISO time. */
  storedAt: string;
}

export interface RecordStore<T> {
  get(key: string): Promise<{ value: T; revision: number } | null>;
  /** @throws BUS_CONFLICT when the key exists. */
  create(key: string, value: T): Promise<number>;
  /** @throws BUS_CONFLICT when `revision` is no longer the newest. */
  update(key: string, value: T, revision: number): Promise<number>;
  put(key: string, value: T, ttlMs?: number): Promise<number>;
  /** @throws BUS_CONFLICT when `revision` is given and no longer the newest. */
  delete(key: string, revision?: number): Promise<void>;
  entries(): Promise<{ key: string; value: T; revision: number }[]>;
  /** Current values, then changes (`value` null: deleted or expired), until `signal` aborts. */
  watch(signal: AbortSignal): AsyncIterable<{ key: string; value: T | null }>;
}

export interface DeadLetter {
  sequence: number;
  stream: string;
  subject: string;
  reason: string;
  deliveries: number;
  /** As it was sent, byte for byte. */
  payload: Uint8Array;
  at: string;
  /** What is known of the attempts at it, oldest first; empty in letters of earlier versions. */
  history: PastAttempt[];
}

export interface DeadLetters {
  /** Sequence of the newest; 0: there is none. */
  newest(): Promise<number>;
  /** When their stream was made: sequences of one that was made anew mean other letters. */
  born(): Promise<string>;
  list(): Promise<DeadLetter[]>;
  /** As `list`, one at a time, from a sequence on: a letter may hold a megabyte, and there may be many. */
  read(fromSequence: number): AsyncIterable<DeadLetter>;
  /** @throws BUS_NOT_FOUND */
  get(sequence: number): Promise<DeadLetter>;
  /**
   * Puts the payload back under its subject with a new message id and removes the dead letter.
   * @throws BUS_CONFLICT when its task has a terminal record, which stands for ever (ADR-0025); BUS_NOT_FOUND
   */
  requeue(sequence: number): Promise<void>;
  drop(sequence: number): Promise<void>;
  /** Stores a copy of a message that stays in its own stream but is worked on no more. Idempotent. */
  keepCopy(stream: string, sequence: number, why: { reason: string; deliveries: number }): Promise<void>;
  /**
   * Finds tasks that no consumer will ever deliver again (max_deliver reached by workers that died) and moves them
   * here. @returns how many were moved.
   */
  reconcile(pools: Pool[]): Promise<number>;
}

export interface AuditLog {
  /** @returns its sequence. @throws BUS_FULL, BUS_UNAVAILABLE: what cannot be recorded must not be done. */
  append(record: AuditRecord): Promise<number>;
  /** All that is stored now, in order. */
  read(): AsyncIterable<{ sequence: number; record: AuditRecord }>;
}

/** What everything takes, and how some of it is given back. */
export interface Storage {
  usage(): Promise<StreamUsage[]>;
  /** Removes the steps and terminal records of a campaign. @returns how many messages. Its blobs are garbage then. */
  forget(campaign: CampaignId): Promise<number>;
  /**
   * Removes blobs older than `ageMs` (at least `limits.blobGarbageAgeMsMin`) that nothing on the server names. Safe while
   * campaigns run and beside another collection.
   */
  collectGarbage(options: { ageMs: number; isDryRun: boolean }): Promise<GarbageCollected>;
}

export interface StreamUsage {
  stream: string;
  messages: number;
  bytes: number;
  /** Null: no limit. */
  bytesMax: number | null;
  ageMsMax: number | null;
}

export interface GarbageCollected {
  /** Blobs and their bytes before compression and framing. */
  blobs: number;
  bytes: number;
  /** Unnamed, but too young to be sure. */
  young: number;
  removed: number;
  removedBytes: number;
}

export interface Question {
  subject: string;
  payload: Uint8Array;
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface Exchange<Q extends z.ZodType, R extends z.ZodType> {
  subject: string;
  request: Q;
  reply: R;
  value: z.input<Q>;
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface Endpoint<Q extends z.ZodType, R extends z.ZodType> {
  subject: string;
  queue: string;
  request: Q;
  reply: R;
  /** Requests that are worked on at once; further ones are refused as BUS_FULL. @default limits.requestsInFlightMax */
  inFlightMax?: number;
  /** @param user NATS user of the asking side, by the inbox that it is confined to; null on a server without users. */
  handle: (request: z.output<Q>, signal: AbortSignal, user: string | null) => Promise<z.input<R>>;
}

export interface MicroService {
  name: string;
  version: string;
  description: string;
  metadata: Record<string, string>;
  endpoints: MicroEndpoint[];
}

/** Bytes in, bytes out: the service owns its codec. */
export interface MicroEndpoint {
  name: string;
  subject: string;
  metadata: Record<string, string>;
  handle: (payload: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;
}
