// The log of accepted demonstrations: what every index is rebuilt from. One message per demonstration; publishing it
// again replaces it, an empty message retires it.
import type { DemonstrationId } from "../../domain/ids.ts";
import { Demonstration } from "../../domain/demonstration.ts";
import { HindcastError, messageOf } from "../../errors.ts";
import { decode, encode } from "../../protocol/envelope.ts";
import { GraphEntry } from "../../protocol/graph-entry.ts";
import { streams, subjects } from "../../protocol/subjects.ts";
import type { DemonstrationEntry, DemonstrationLog, DemonstrationName, GraphLogEntry, LogEntry } from "./bus.ts";
import { isBusCode } from "./bus-errors.ts";
import type { Connection } from "./connection.ts";
import { follow, type FollowedMessage } from "./follower.ts";
import { store } from "./store.ts";
import { lastMessage, newestMessage, readAll, streamBorn, streamInfo } from "./stored.ts";

/** All that `subjects.graphs` covers begins so. */
const graphPrefix = subjects.graphs.replace(">", "");

export class JetStreamDemonstrationLog implements DemonstrationLog {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async put(demonstration: Demonstration): Promise<number> {
    return await this.#store(demonstration.environment, demonstration.id, encode(Demonstration, demonstration));
  }

  async retire(environment: string, id: DemonstrationId): Promise<number> {
    return await this.#store(environment, id, new Uint8Array());
  }

  async *follow(fromSequence: number, signal: AbortSignal): AsyncGenerator<LogEntry> {
    const source = { stream: streams.demonstrations, fromSequence };
    for await (const message of follow(this.#connection, source, signal)) {
      yield message.subject.startsWith(graphPrefix) ? toGraphEntry(message) : toEntry(message);
    }
  }

  async tell(entry: GraphEntry, applied: number): Promise<boolean> {
    const { group, environment, from, to, kind } = entry;
    const phase = kind === "graph.begin" ? "begin" : "ready";
    const [stream, subject] = [streams.demonstrations, subjects.graph(group, environment, `${from}-${to}`, phase)];
    const bytes = encode(GraphEntry, entry);
    const last = await lastMessage(this.#connection, stream, subject);
    const expectedSequence = last?.sequence ?? 0;
    if (expectedSequence > applied) return false;
    try {
      await store(this.#connection, { stream, subject, bytes, expectedSequence });
      return true;
    } catch (error) {
      if (isBusCode(error, "BUS_CONFLICT")) return false;
      throw error;
    }
  }

  async newest(): Promise<number | null> {
    const last = await lastMessage(this.#connection, streams.demonstrations, subjects.demonstrations);
    return last?.sequence ?? null;
  }

  async *stored(fromSequence = 1): AsyncGenerator<DemonstrationName & { bytes: Uint8Array; sequence: number }> {
    const [stream, filter] = [streams.demonstrations, subjects.demonstrations];
    for await (const { subject, bytes, sequence } of readAll(this.#connection, stream, filter, fromSequence)) {
      yield { ...nameOf(subject), bytes, sequence };
    }
  }

  restore(id: DemonstrationId, bytes: Uint8Array): Demonstration | null {
    try {
      return decode(Demonstration, bytes);
    } catch (error) {
      this.#connection.report(`unreadable demonstration ${id}: ${messageOf(error)}`);
      return null;
    }
  }

  async get({ environment, id }: DemonstrationName): Promise<Demonstration | null> {
    const subject = subjects.demonstration(environment, id);
    const message = await newestMessage(this.#connection, streams.demonstrations, subject);
    return message === null ? null : toEntry(message).demonstration;
  }

  async lastSequence(): Promise<number> {
    return (await streamInfo(this.#connection, streams.demonstrations)).state.last_seq;
  }

  async born(): Promise<string> {
    return await streamBorn(this.#connection, streams.demonstrations);
  }

  async #store(environment: string, id: DemonstrationId, bytes: Uint8Array): Promise<number> {
    if (!/^[a-z0-9][a-z0-9-]*$/.test(environment)) {
      throw new HindcastError({
        code: "PROTOCOL_INVALID",
        boundary: "protocol",
        message: `environment ${JSON.stringify(environment)} cannot be part of a subject; use lower-case letters, digits and hyphens`,
      });
    }
    const subject = subjects.demonstration(environment, id);
    const receipt = await store(this.#connection, { stream: streams.demonstrations, subject, bytes });
    return receipt.sequence;
  }
}

function nameOf(subject: string): DemonstrationName {
  const [environment = "", id = ""] = subject.split(".").slice(2);
  return { id: id as DemonstrationId, environment };
}

function toGraphEntry({ sequence, bytes }: FollowedMessage): GraphLogEntry {
  try {
    return { sequence, demonstration: null, graph: decode(GraphEntry, bytes), problem: null };
  } catch (error) {
    return { sequence, demonstration: null, graph: null, problem: messageOf(error) };
  }
}

function toEntry(message: FollowedMessage): DemonstrationEntry {
  const entry = { sequence: message.sequence, ...nameOf(message.subject) };
  if (message.bytes.length === 0) return { ...entry, demonstration: null, problem: null };
  try {
    return { ...entry, demonstration: decode(Demonstration, message.bytes), problem: null };
  } catch (error) {
    return { ...entry, demonstration: null, problem: messageOf(error) };
  }
}
