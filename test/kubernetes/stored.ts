// What streams hold, message by message, to compare before with after.
import { createHash } from "node:crypto";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { CampaignRecord, isOver, streams } from "@hindcast/shared";
import { connectBus } from "@hindcast/shared/node";
import type { Installation } from "./installation.ts";

type Access = Awaited<ReturnType<Installation["access"]>>;

/** What was learned, and what it was learned from: nothing but these is changed by nobody once all is at rest. */
export const kept: readonly string[] = [streams.results, streams.trajectories, streams.demonstrations, "OBJ_BLOBS"];

/** @returns by stream: how many messages, and a hash of all of them */
export async function storedIn(access: Access, names: readonly string[] = kept): Promise<Map<string, string>> {
  const stored = new Map<string, string>();
  await using connection = await connected(access);
  for (const name of names) {
    const { state } = await connection.manager.streams.info(name);
    const hash = createHash("sha256");
    for (let seq = state.first_seq; state.messages > 0 && seq <= state.last_seq; seq += 1) {
      const message = await connection.manager.direct.getMessage(name, { seq });
      if (message !== null)
        hash.update(`${message.seq} ${message.subject} ${message.data.length} `).update(message.data);
    }
    stored.set(name, `${state.messages} messages, ${hash.digest("hex").slice(0, 12)}`);
  }
  return stored;
}

/** @throws Error that names what is not as it was */
export function assertSame(before: Map<string, string>, after: Map<string, string>): void {
  const changed = [...before].filter(([name, value]) => after.get(name) !== value);
  if (changed.length === 0) return;
  throw new Error(changed.map(([name, value]) => `${name} had ${value}, has ${after.get(name) ?? "gone"}`).join("; "));
}

export async function streamNames(access: Access): Promise<string[]> {
  await using connection = await connected(access);
  return await connection.manager.streams.names().next();
}

export async function deleteStream(access: Access, name: string): Promise<void> {
  await using connection = await connected(access);
  await connection.manager.streams.delete(name);
}

/** A record as a version writes it that is not known yet. */
export async function putLaterRecord(access: Access, bucket: string, key: string): Promise<void> {
  await using connection = await connected(access);
  await jetstream(connection.nats).publish(`$KV.${bucket}.${key}`, '{"v":99,"kind":"of a later version"}');
}

export async function deleteRecord(access: Access, bucket: string, key: string): Promise<void> {
  await using connection = await connected(access);
  await connection.manager.streams.purge(`KV_${bucket}`, { filter: `$KV.${bucket}.${key}` });
}

/** Of campaigns that somebody has still to do something for. */
export async function unfinished(access: Access): Promise<string[]> {
  const { servers, user, password, inboxPrefix, caFile } = access;
  const bus = await connectBus({ servers, credentials: { user, password }, name: "proof", inboxPrefix, caFile });
  try {
    const records = await bus.records("CAMPAIGNS", CampaignRecord).entries();
    return records.flatMap(({ key, value }) => (isOver(value.state) ? [] : [key]));
  } finally {
    await bus.close();
  }
}

async function connected({ servers, user, password, inboxPrefix, caFile }: Access): Promise<
  AsyncDisposable & {
    nats: Awaited<ReturnType<typeof connect>>;
    manager: Awaited<ReturnType<typeof jetstreamManager>>;
  }
> {
  const nats = await connect({ servers, user, pass: password, inboxPrefix, tls: { caFile } });
  const manager = await jetstreamManager(nats);
  return { nats, manager, [Symbol.asyncDispose]: () => nats.close() };
}
