// What each role may publish and subscribe to. Code inside a sandbox gets no credential at all; the rollout agent
// outside of it gets only what its own work needs.
//
// Known gap: an agent may write any task's result and any episode's lease, because their subjects name the task and not
// the worker. Write-once results, and the coordinator's comparison of the fencing token, bound what that can do.
import type { WorkerId } from "../../domain/ids.ts";
import { buckets, type Pool, streams, subjects, taskConsumer } from "../../protocol/subjects.ts";
import { blobStream, bucketStream, indexStream } from "./stream-names.ts";

export type Role = "coordinator" | "rollout-agent" | "index-core" | "client" | "backup";

export interface Permissions {
  publish: string[];
  subscribe: string[];
  /** May answer whoever sent it a request. */
  allowResponses: boolean;
}

export type RoleOptions =
  | { role: "rollout-agent"; workerId: WorkerId; pools: readonly Pool[]; inboxPrefix: string }
  | { role: Exclude<Role, "rollout-agent">; inboxPrefix: string };

const messageGet = (stream: string): string => `$JS.API.STREAM.MSG.GET.${stream}`;
/** Reading ranges: the leader says how far, any replica delivers. */
const readRange = (stream: string): string[] => [messageGet(stream), `$JS.API.DIRECT.GET.${stream}`];
/** Following: an ephemeral consumer of one's own, and whether the stream is still the same. */
const followStream = (stream: string): string[] => [
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.CONSUMER.CREATE.${stream}.>`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.>`,
];
const writeObjects = (bucket: string): string[] => [`$O.${bucket}.C.>`, `$O.${bucket}.M.>`];
const writeBlobs = writeObjects(buckets.blobs);
/** One token more: partitions are asked by the index's own replicas alone, who know how to merge their answers. */
const retrieval = "hindcast.retrieval.*";
const progress = "hindcast.progress.>";
/** What whoever sends requests to a provider says to the one who admits them. */
const admitted = (["reserve", "settle", "renew"] as const).map(subjects.admission);

export function permissionsOf(options: RoleOptions): Permissions {
  const inbox = `${options.inboxPrefix}.>`;
  switch (options.role) {
    case "coordinator":
      return coordinator(inbox);
    case "rollout-agent":
      return rolloutAgent(options.workerId, options.pools, inbox);
    case "index-core":
      return indexCore(inbox);
    case "client":
      return client(inbox);
    case "backup":
      return backup(inbox);
  }
}

function coordinator(inbox: string): Permissions {
  return {
    publish: ["hindcast.>", "$JS.API.>", "$JS.ACK.>", "$KV.>", "$O.>"],
    subscribe: ["hindcast.>", "$JS.EVENT.ADVISORY.>", inbox],
    allowResponses: true,
  };
}

function rolloutAgent(worker: WorkerId, pools: readonly Pool[], inbox: string): Permissions {
  return {
    publish: [
      ...pools.map(taskConsumer).flatMap((consumer) => [
        `$JS.API.CONSUMER.MSG.NEXT.${streams.tasks}.${consumer}`,
        `$JS.ACK.${streams.tasks}.${consumer}.>`,
        // nats-server 2.15 puts domain and account before the stream.
        `$JS.ACK.*.*.${streams.tasks}.${consumer}.>`,
      ]),
      `hindcast.trajectory.${worker}.>`,
      subjects.results,
      `hindcast.dead.${streams.tasks}.*`,
      `$KV.${buckets.leases}.>`,
      `$KV.${buckets.journal}.>`,
      `$KV.${buckets.workers}.${worker}`,
      ...writeBlobs,
      ...[streams.results, streams.deadLetters].map(messageGet),
      ...[buckets.leases, buckets.journal].map(bucketStream).map(messageGet),
      ...[streams.trajectories, blobStream, bucketStream(buckets.campaigns)].flatMap(readRange),
      ...followStream(bucketStream(buckets.campaigns)),
      retrieval,
      progress,
      ...admitted,
      messageGet(bucketStream(buckets.budgets)),
    ],
    subscribe: [subjects.workerControl(worker), inbox],
    allowResponses: true,
  };
}

function indexCore(inbox: string): Permissions {
  return {
    publish: [
      ...readRange(streams.demonstrations),
      ...followStream(streams.demonstrations),
      subjects.graphs,
      subjects.retrievalPartitions,
      // Snapshots for new replicas: pointers, files, and the removal of outdated files.
      `$KV.${buckets.indexes}.>`,
      ...writeObjects(buckets.indexes),
      ...[bucketStream(buckets.indexes), indexStream].flatMap(readRange),
      `$JS.API.STREAM.PURGE.${indexStream}`,
      // What ends the process is set aside; whether it already is.
      `hindcast.dead.${streams.demonstrations}.*`,
      messageGet(streams.deadLetters),
      `$KV.${buckets.vectors}.>`,
      messageGet(bucketStream(buckets.vectors)),
      // Embeddings are bought on the fleet's account.
      ...admitted,
      messageGet(bucketStream(buckets.budgets)),
    ],
    subscribe: [retrieval, subjects.retrievalPartitions, "$SRV.>", inbox],
    allowResponses: true,
  };
}

/** The command line, notebooks, exporters: reads everything, writes blobs, asks the coordinator for the rest. */
function client(inbox: string): Permissions {
  const readable = [
    streams.trajectories,
    streams.results,
    streams.demonstrations,
    streams.deadLetters,
    streams.audit,
    blobStream,
  ].concat([buckets.campaigns, buckets.workers, buckets.journal, buckets.batches].map(bucketStream));
  return {
    publish: [
      subjects.controls,
      subjects.admission("status"),
      retrieval,
      "$SRV.>",
      ...writeBlobs,
      ...readable.flatMap(readRange),
      ...readable.flatMap(followStream),
      // How full they are, as of all others; of the queue nothing else can be read.
      ...[streams.advisories, streams.tasks].map((stream) => `$JS.API.STREAM.INFO.${stream}`),
      `$JS.API.CONSUMER.INFO.${streams.tasks}.*`,
    ],
    subscribe: [progress, inbox],
    allowResponses: false,
  };
}

/** Reads every stream as a whole, and puts one back that is gone; it neither reads single messages nor writes any. */
function backup(inbox: string): Permissions {
  return {
    publish: [
      "$JS.API.INFO",
      "$JS.API.STREAM.NAMES",
      "$JS.API.STREAM.LIST",
      ...["INFO", "SNAPSHOT", "RESTORE"].map((verb) => `$JS.API.STREAM.${verb}.*`),
      "$JS.SNAPSHOT.ACK.>",
      "$JS.SNAPSHOT.RESTORE.>",
    ],
    subscribe: [inbox],
    allowResponses: false,
  };
}
