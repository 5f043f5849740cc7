import type { z } from "zod";
import { HindcastError } from "../../errors.ts";
import { encode } from "../../protocol/envelope.ts";
import { buckets } from "../../protocol/subjects.ts";
import { JetStreamAuditLog } from "./audit-log.ts";
import { ObjectBlobStore } from "./blob-store.ts";
import type {
  Bus,
  BusOptions,
  Endpoint,
  Exchange,
  MicroService,
  Question,
  RecordStore,
  TopologyOptions,
} from "./bus.ts";
import { toBusError } from "./bus-errors.ts";
import { Connection } from "./connection.ts";
import { JetStreamDeadLetters } from "./dead-letters.ts";
import { JetStreamDemonstrationLog } from "./demonstration-log.ts";
import { BucketLeaseStore } from "./lease-store.ts";
import { serveMicro } from "./micro-service.ts";
import { BucketRecordStore } from "./record-store.ts";
import { ask, request, serve, subscribe } from "./request-reply.ts";
import { JetStreamResultStore } from "./result-store.ts";
import { JetStreamTaskQueue } from "./task-queue.ts";
import { StorageKeeper } from "./storage-keeper.ts";
import { ensureTopology, keepTopology } from "./topology.ts";
import { JetStreamTrajectoryLog } from "./trajectory-log.ts";

/**
 * Connects to NATS. The connection reconnects until its credentials are refused (`onClosed`); operations outlast outages
 * up to `limits.busOutageMsMax`.
 * @throws BUS_UNAVAILABLE when no server answers, BUS_FORBIDDEN when it refuses the credentials
 */
export async function connectBus(options: BusOptions): Promise<Bus> {
  return new NatsBus(await Connection.open(options));
}

class NatsBus implements Bus {
  readonly tasks: JetStreamTaskQueue;
  readonly trajectories: JetStreamTrajectoryLog;
  readonly results: JetStreamResultStore;
  readonly leases: BucketLeaseStore;
  readonly demonstrations: JetStreamDemonstrationLog;
  readonly blobs: ObjectBlobStore;
  readonly indexBlobs: ObjectBlobStore;
  readonly deadLetters: JetStreamDeadLetters;
  readonly audit: JetStreamAuditLog;
  readonly storage: StorageKeeper;
  readonly #connection: Connection;
  #topology: TopologyOptions | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.tasks = new JetStreamTaskQueue(connection);
    this.trajectories = new JetStreamTrajectoryLog(connection);
    this.results = new JetStreamResultStore(connection);
    this.leases = new BucketLeaseStore(connection);
    this.demonstrations = new JetStreamDemonstrationLog(connection);
    this.blobs = new ObjectBlobStore(connection);
    this.indexBlobs = new ObjectBlobStore(connection, buckets.indexes);
    this.deadLetters = new JetStreamDeadLetters(connection);
    this.audit = new JetStreamAuditLog(connection);
    this.storage = new StorageKeeper(connection, this.blobs);
  }

  records<S extends z.ZodType>(
    bucket: "JOURNAL" | "VECTORS" | "CAMPAIGNS" | "BATCHES" | "WORKERS" | "INDEXES" | "BUDGETS" | "LANES",
    schema: S,
  ): RecordStore<z.output<S>> {
    return new BucketRecordStore(this.#connection, bucket, schema);
  }

  async ensureTopology(options: TopologyOptions): Promise<void> {
    await ensureTopology(this.#connection, options);
    if (this.#topology === undefined) keepTopology(this.#connection, () => this.#topology ?? options);
    this.#topology = options;
  }

  async request<Q extends z.ZodType, R extends z.ZodType>(exchange: Exchange<Q, R>): Promise<z.output<R>> {
    return await request(this.#connection, exchange);
  }

  async ask(question: Question): Promise<Uint8Array> {
    return await ask(this.#connection, question);
  }

  async serve<Q extends z.ZodType, R extends z.ZodType>(endpoint: Endpoint<Q, R>): Promise<AsyncDisposable> {
    return await this.#taken(serve(this.#connection, endpoint));
  }

  async serveMicro(service: MicroService): Promise<AsyncDisposable> {
    return await this.#taken(serveMicro(this.#connection, service));
  }

  /** Once the server knows of it. What is not handed out must not go on answering: nobody could ever end it. */
  async #taken<T extends AsyncDisposable>(served: T): Promise<T> {
    try {
      await this.#flush();
      return served;
    } catch (error) {
      await served[Symbol.asyncDispose]();
      throw error;
    }
  }

  publish<S extends z.ZodType>(subject: string, schema: S, value: z.input<S>): void {
    const bytes = encode(schema, value);
    if (this.#connection.nats.isClosed() || this.#connection.closing.aborted) {
      throw new HindcastError({ code: "BUS_UNAVAILABLE", boundary: "bus", message: "the bus is closed" });
    }
    this.#connection.nats.publish(subject, bytes);
  }

  subscribe<S extends z.ZodType>(subject: string, schema: S, signal: AbortSignal): AsyncIterable<z.output<S>> {
    return subscribe(this.#connection, subject, schema, signal);
  }

  async ping(): Promise<number> {
    try {
      return await this.#connection.attempt(() => this.#connection.nats.rtt());
    } catch (error) {
      throw toBusError(error, "reach the NATS server");
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** When it resolves the server knows the subscriptions. */
  async #flush(): Promise<void> {
    await this.#connection.whenUp();
    try {
      await this.#connection.attempt(() => this.#connection.nats.flush());
    } catch (error) {
      throw toBusError(error, "tell the NATS server of a subscription");
    }
  }
}
