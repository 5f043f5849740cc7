// Looks at a server from one user's side and changes nothing there: whether JetStream takes requests, how full its streams
// are, and which of its role's subjects the user may not use. Rights are tried by messages that the server traces and
// does not deliver (message tracing, nats-server ≥ 2.11): it checks permissions first, so a refusal comes and nothing else
// does. The server's log names each refusal.
import { DiscardPolicy } from "@nats-io/jetstream";
import { headers, type NatsConnection, PermissionViolationError } from "@nats-io/transport-node";
import { messageOf } from "../../errors.ts";
import { isBusCode, toBusError } from "./bus-errors.ts";
import type { BusOptions } from "./bus.ts";
import { Connection } from "./connection.ts";
import { permissionsOf, type Role, type RoleOptions } from "./permissions.ts";

export interface StreamFill {
  name: string;
  bytes: number;
  /** Null: as much as the server has. */
  bytesMax: number | null;
  replicas: number;
  /** Else the oldest messages go. */
  refusesWhenFull: boolean;
}

export type JetStreamState =
  | { kind: "enabled"; bytes: number; bytesMax: number | null; streams: StreamFill[] }
  /** This user may not ask. */
  | { kind: "untold" }
  | { kind: "failing"; why: string };

export interface BusExamination {
  /** Servers that a client may be told of, itself among them. */
  servers: number;
  jetStream: JetStreamState;
  /** `publish hindcast.…`: what the role needs and the user may not. */
  refused: string[];
  /** The same for what only a coordinator may. */
  excess: string[];
}

/** What no role but the coordinator's may do: hand out work, decide what was learned, remove what is stored. */
const coordinatorsOwn = [
  "hindcast.task.preflight",
  "hindcast.demonstration.preflight",
  "$JS.API.STREAM.DELETE.PREFLIGHT",
  "$JS.API.STREAM.UPDATE.PREFLIGHT",
];

/** Where each role may send the trace of a message, and nobody listens. */
const traceTo: Record<Role, string> = {
  coordinator: "hindcast.preflight",
  "rollout-agent": "hindcast.retrieval.preflight",
  "index-core": "hindcast.retrieval.partition.preflight",
  client: "hindcast.retrieval.preflight",
  backup: "$JS.SNAPSHOT.ACK.preflight",
};

/** @throws BUS_UNAVAILABLE, BUS_FORBIDDEN */
export async function examineBus(options: BusOptions, role: RoleOptions): Promise<BusExamination> {
  const connection = await Connection.open(options);
  const { nats } = connection;
  try {
    const needed = permissionsOf(role);
    const publish = needed.publish.map(instanceOf);
    const others = role.role === "coordinator" ? [] : coordinatorsOwn;
    const refused = await refusedOf(nats, [...publish, ...others], needed.subscribe.map(instanceOf), role.role);
    return {
      servers: 1 + (nats.info?.connect_urls ?? []).filter((url) => url !== nats.getServer()).length,
      jetStream: await jetStreamOf(connection),
      refused: [...refused].filter((each) => !others.some((subject) => each === `publish ${subject}`)),
      excess: others.map((subject) => `publish ${subject}`).filter((each) => !refused.has(each)),
    };
  } finally {
    await connection.close();
  }
}

/** `hindcast.task.*.>` → `hindcast.task.preflight.preflight`: one subject of those that a pattern stands for. */
function instanceOf(pattern: string): string {
  return pattern.replaceAll(/(?<=^|\.)[*>](?=\.|$)/g, "preflight");
}

async function refusedOf(
  nats: NatsConnection,
  publish: readonly string[],
  subscribe: readonly string[],
  role: Role,
): Promise<Set<string>> {
  const refused = new Set<string>();
  void collectRefusals(nats, refused);
  const dryRun = headers();
  dryRun.set("Nats-Trace-Dest", traceTo[role]);
  dryRun.set("Nats-Trace-Only", "true");
  for (const subject of publish) nats.publish(subject, "", { headers: dryRun });
  const subscriptions = subscribe.map((subject) => nats.subscribe(subject, { callback: () => undefined }));
  // Refusals come in the order of the messages, so all of them are before the answer to a ping.
  await nats.flush();
  for (const subscription of subscriptions) subscription.unsubscribe();
  await nats.flush();
  return new Set(refused);
}

/** Until the connection is closed. */
async function collectRefusals(nats: NatsConnection, refused: Set<string>): Promise<void> {
  for await (const status of nats.status()) {
    if (status.type !== "error" || !(status.error instanceof PermissionViolationError)) continue;
    refused.add(`${status.error.operation === "publish" ? "publish" : "subscribe"} ${status.error.subject}`);
  }
}

async function jetStreamOf({ manager }: Connection): Promise<JetStreamState> {
  try {
    const { storage, limits } = await manager.getAccountInfo();
    const streams: StreamFill[] = [];
    for await (const { config, state } of manager.streams.list()) {
      const bytesMax = config.max_bytes > 0 ? config.max_bytes : null;
      const refusesWhenFull = config.discard === DiscardPolicy.New;
      streams.push({ name: config.name, bytes: state.bytes, bytesMax, replicas: config.num_replicas, refusesWhenFull });
    }
    return { kind: "enabled", bytes: storage, bytesMax: limits.max_storage > 0 ? limits.max_storage : null, streams };
  } catch (error) {
    const refusal = toBusError(error, "ask JetStream for its state");
    return isBusCode(refusal, "BUS_FORBIDDEN") ? { kind: "untold" } : { kind: "failing", why: messageOf(error) };
  }
}
