// Reads the whole of what a server holds, with the server's own times: what the checker judges.
import { jetstream, type JetStreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import {
  decode,
  type EpisodeEnded,
  type LeaseName,
  LeaseRecord,
  limits,
  streams,
  TaskResult,
  TrajectoryRecord,
} from "@hindcast/shared";
import { JournaledCompletion } from "@hindcast/shared/node";
import type { z } from "zod";

/** A lease that is older than its time by so much was not expired by the server, which is on this machine. */
const revenantMs = 60_000;

/** A stored message that could be read. */
export interface Stored<T> {
  subject: string;
  sequence: number;
  /** Epoch milliseconds, by the server. */
  at: number;
  value: T;
  bytes: Uint8Array;
}

export interface History {
  results: Stored<TaskResult>[];
  records: Stored<TrajectoryRecord>[];
  journal: Stored<JournaledCompletion>[];
  openLeases: LeaseName[];
  tasksLeft: number;
  tasksPending: number;
  deadLetters: number;
}

export interface ServerAccess {
  servers: string;
  user: string;
  password: string;
  inboxPrefix: string;
  caFile?: string;
}

export function readHistory(access: ServerAccess): Promise<History> {
  return managing(access, async (manager) => {
    const leases = await manager.streams.info("KV_LEASES", { subjects_filter: ">" });
    return {
      results: await readStream(manager, streams.results, TaskResult),
      records: await readStream(manager, streams.trajectories, TrajectoryRecord),
      journal: await readStream(manager, "KV_JOURNAL", JournaledCompletion),
      openLeases: await openLeases(manager, Object.keys(leases.state.subjects ?? {})),
      tasksLeft: (await manager.streams.info(streams.tasks)).state.messages,
      tasksPending: await pending(manager),
      deadLetters: (await manager.streams.info(streams.deadLetters)).state.messages,
    };
  });
}

/** Of all streams: one that somebody forgot would stay for ever. */
export function countConsumers(access: ServerAccess): Promise<number> {
  return managing(access, async (manager) => {
    let count = 0;
    for await (const { state } of manager.streams.list()) count += state.consumer_count;
    return count;
  });
}

async function managing<T>(
  { servers, user, password, inboxPrefix, caFile }: ServerAccess,
  work: (manager: JetStreamManager) => Promise<T>,
): Promise<T> {
  const nats = await connect({
    servers: servers.split(","),
    user,
    pass: password,
    inboxPrefix,
    ...(caFile === undefined ? {} : { tls: { caFile } }),
    maxReconnectAttempts: -1,
  });
  try {
    return await work(await jetstream(nats).jetstreamManager());
  } finally {
    await nats.close();
  }
}

async function readStream<S extends z.ZodType>(
  manager: JetStreamManager,
  stream: string,
  schema: S,
): Promise<Stored<z.output<S>>[]> {
  const { state } = await manager.streams.info(stream);
  const read: Stored<z.output<S>>[] = [];
  for (let sequence = state.first_seq; sequence <= state.last_seq && state.messages > 0; sequence += 1) {
    const message = await manager.direct.getMessage(stream, { seq: sequence });
    if (message === null || message.data.length === 0) continue;
    const { subject, data, time } = message;
    read.push({ subject, sequence, at: time.getTime(), value: decode(schema, data), bytes: data });
  }
  return read;
}

async function openLeases(manager: JetStreamManager, keys: string[]): Promise<LeaseName[]> {
  const open: LeaseName[] = [];
  for (const key of keys) {
    const message = await manager.streams.getMessage("KV_LEASES", { last_by_subj: key });
    const name = key.replace("$KV.LEASES.", "") as LeaseName;
    if (message === null || message.data.length === 0 || name === "admission") continue;
    const ttlMs = Number.parseInt(message.header?.get("Nats-TTL") ?? "", 10);
    // Brought back by a server that was killed; whoever wants it takes it over.
    if (Date.now() - message.time.getTime() > ttlMs + revenantMs) continue;
    // A closed one holds nothing but a result, until whoever finds it has seen that it is stored.
    if (decode(LeaseRecord, message.data, limits.leaseBytesMax).closed === null) open.push(name);
  }
  return open;
}

async function pending(manager: JetStreamManager): Promise<number> {
  let count = 0;
  for await (const consumer of manager.consumers.list(streams.tasks)) count += consumer.num_ack_pending;
  return count;
}

export const episodeResults = (history: History): Stored<EpisodeEnded>[] =>
  history.results.filter((result): result is Stored<EpisodeEnded> => result.value.kind === "episode.ended");
