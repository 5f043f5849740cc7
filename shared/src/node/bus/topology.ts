// The streams, buckets and consumers of Hindcast as data, and the one function that makes a server have them.
// `shared/docs/protocol.md` shows the same tables; a test keeps the two equal.
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import { limits } from "../../limits.ts";
import {
  batchedStagePool,
  buckets,
  type Pool,
  stagePool,
  streams,
  subjects,
  taskConsumer,
} from "../../protocol/subjects.ts";
import { apiCodes, toBusError } from "./bus-errors.ts";
import type { TopologyOptions } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { patiently } from "./patience.ts";
import { defaultRetention, keptStreams, limitsOf, streamOf } from "./retention.ts";
import { bucketStream, objectStream } from "./stream-names.ts";

export type StreamDefinition = Partial<StreamConfig> & { name: string };

/** Publishing again within this window under the same message id is answered `duplicate`; the server's default. */
const duplicateWindowMs = 120_000;
/** The server counts headers too. */
const streamMessageBytesMax = limits.messageBytesMax + 8 * 1024;
/** Smallest marker lifetime the server takes; a marker tells watchers that a key expired. */
const markerTtlMs = 1_000;

export const advisorySubjects = ["MAX_DELIVERIES", "MSG_TERMINATED"].map(
  (event) => `$JS.EVENT.ADVISORY.CONSUMER.${event}.${streams.tasks}.*`,
);

const base = {
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: DiscardPolicy.New,
  max_msg_size: streamMessageBytesMax,
  duplicate_window: nanos(duplicateWindowMs),
  allow_direct: true,
} as const;

/** One message per subject for ever: the second is refused (10077), with no time window. */
const writeOnce = { max_msgs_per_subject: 1, discard_new_per_subject: true } as const;

export function streamDefinitions(options: TopologyOptions): StreamDefinition[] {
  const messageStreams: StreamDefinition[] = [
    {
      ...base,
      ...writeOnce,
      name: streams.tasks,
      subjects: [subjects.tasks],
      retention: RetentionPolicy.Workqueue,
      max_bytes: options.tasksBytesMax,
    },
    {
      ...base,
      name: streams.trajectories,
      subjects: [subjects.trajectories],
      compression: StoreCompression.S2,
    },
    { ...base, ...writeOnce, name: streams.results, subjects: [subjects.results] },
    {
      ...base,
      name: streams.demonstrations,
      subjects: [subjects.demonstrations, subjects.graphs],
      max_msgs_per_subject: 1,
      compression: StoreCompression.S2,
    },
    {
      ...base,
      name: streams.advisories,
      subjects: advisorySubjects,
      discard: DiscardPolicy.Old,
    },
    { ...base, name: streams.deadLetters, subjects: [subjects.deadLetters] },
    { ...base, name: streams.audit, subjects: [subjects.audits], max_age: nanos(limits.auditAgeMsMax) },
  ];
  const bucketStreams = [
    buckets.leases,
    buckets.workers,
    buckets.journal,
    buckets.vectors,
    buckets.campaigns,
    buckets.batches,
    buckets.indexes,
    buckets.budgets,
    buckets.lanes,
  ].map(bucketDefinition);
  const objectStreams = [buckets.blobs, buckets.indexes].map(objectDefinition);
  return [...messageStreams, ...bucketStreams, ...objectStreams].map((definition) => ({
    ...definition,
    ...retentionOf(definition.name, options),
    num_replicas: options.replicas,
  }));
}

/**
 * A full stream refuses, so that nothing is lost silently. Of advisories the oldest give way, and of the journal: an
 * answer that was paid for and could not be kept would be bought again at once, an old one perhaps never.
 */
function retentionOf(name: string, { retention = defaultRetention }: TopologyOptions): Partial<StreamConfig> {
  const kept = keptStreams.find((candidate) => streamOf[candidate] === name);
  if (kept === undefined) return {};
  const { ageMs, bytes } = limitsOf(retention[kept]);
  const discard = kept === "journal" ? { discard: DiscardPolicy.Old } : {};
  return { ...discard, max_age: nanos(ageMs), max_bytes: bytes };
}

/** The layout of a NATS key-value bucket (ADR-8) with history 1, without which a marker's TTL is a floor for all. */
function bucketDefinition(bucket: string): StreamDefinition {
  return {
    ...base,
    name: bucketStream(bucket),
    subjects: [`$KV.${bucket}.>`],
    max_msgs_per_subject: 1,
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_msg_ttl: true,
    subject_delete_marker_ttl: nanos(markerTtlMs),
  };
}

/** The layout of a NATS object store (ADR-20). */
function objectDefinition(bucket: string): StreamDefinition {
  return {
    ...base,
    name: objectStream(bucket),
    subjects: [`$O.${bucket}.C.>`, `$O.${bucket}.M.>`],
    allow_rollup_hdrs: true,
  };
}

/** The durable pull consumer through which a pool's workers lease tasks. */
export function consumerDefinition(
  pool: Pool,
): Partial<ConsumerConfig> & { durable_name: string; max_waiting: number } {
  return {
    durable_name: taskConsumer(pool),
    filter_subject: subjects.tasksOfPool(pool),
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: nanos(pool === stagePool ? limits.stageAckWaitMs : limits.ackWaitMs),
    max_deliver: pool === batchedStagePool ? limits.batchedStageDeliveriesMax : limits.deliveriesMax,
    // A delayed nak holds a slot, so there are twice as many slots as tasks that can be worked on.
    max_ack_pending: 2 * limits.workersMax * limits.slotsPerWorkerMax,
    // Parked pulls; not editable later, and a pull beyond it is refused.
    max_waiting: 2 * limits.workersMax,
    max_batch: limits.readBatchMax,
  };
}

/** Creates what is missing and updates what differs. Idempotent. @throws BUS_FORBIDDEN, BUS_UNAVAILABLE */
export async function ensureTopology(connection: Connection, options: TopologyOptions): Promise<void> {
  for (const definition of streamDefinitions(options)) {
    await patiently(connection, `create stream ${definition.name}`, () => ensureStream(connection, definition));
  }
  for (const pool of options.pools) await ensureConsumer(connection, pool);
}

/** Creates the pool's consumer or updates it. Idempotent. */
export async function ensureConsumer(connection: Connection, pool: Pool): Promise<void> {
  const { consumers } = connection.manager;
  // Parked pulls cannot be changed in a consumer that exists; the server refuses the whole update for it.
  const { max_waiting, durable_name, ...changeable } = consumerDefinition(pool);
  await patiently(connection, `create consumer ${durable_name}`, async () => {
    try {
      await consumers.add(streams.tasks, { ...changeable, max_waiting, durable_name });
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || error.code !== apiCodes.consumerNameInUse) throw error;
      await consumers.update(streams.tasks, durable_name, changeable);
    }
  });
}

async function ensureStream(connection: Connection, definition: StreamDefinition): Promise<void> {
  const { streams: api } = connection.manager;
  try {
    await api.add(definition);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== apiCodes.streamNameInUse) throw error;
    await api.update(definition.name, definition);
  }
}

/**
 * Keeps the topology in being: restores it when somebody deletes a stream or consumer, and after every reconnect
 * (a server may have come back without its disk). Consumers are never recreated by the library itself.
 */
export function keepTopology(connection: Connection, options: () => TopologyOptions): void {
  const restore = (): void => {
    ensureTopology(connection, options()).catch((error: unknown) => {
      if (!connection.closing.aborted) connection.report(`error ${toBusError(error, "restore the topology").message}`);
    });
  };
  connection.onReconnect(restore);
  for (const kind of ["CONSUMER.DELETED", "STREAM.DELETED"]) {
    connection.nats.subscribe(`$JS.EVENT.ADVISORY.${kind}.>`, {
      callback: (error, message) => {
        if (error === null && concernsTopology(message.subject, options())) restore();
      },
    });
  }
}

/** Followers' ephemeral consumers come and go; only durable task consumers and streams matter. */
function concernsTopology(subject: string, options: TopologyOptions): boolean {
  const [kind, , stream, consumer] = subject.split(".").slice(3);
  if (kind === "STREAM") return true;
  return stream === streams.tasks && options.pools.some((pool) => taskConsumer(pool) === consumer);
}
