// A JetStream stream: messages by sequence, with what Hindcast relies on (limits per subject, write-once, expected
// sequences, message ids, times to live and the markers that they leave).
import type { Timeline } from "../time/scheduler.ts";
import { SubjectIndex, subjectMatches } from "./subjects.ts";
import { headerOf, type Message } from "./wire.ts";

/** The part of a stream's configuration that matters here; the rest is kept and given back. */
export interface StreamConfig {
  name: string;
  subjects: string[];
  retention?: "limits" | "workqueue" | "interest";
  max_bytes?: number;
  max_msg_size?: number;
  max_msgs_per_subject?: number;
  discard?: "old" | "new";
  discard_new_per_subject?: boolean;
  duplicate_window?: number;
  subject_delete_marker_ttl?: number;
  [more: string]: unknown;
}

export interface StoredMessage extends Message {
  sequence: number;
  storedAt: number;
}

export class ApiError extends Error {
  readonly code: number;
  readonly apiCode: number;

  constructor(code: number, apiCode: number, description: string) {
    super(description);
    this.code = code;
    this.apiCode = apiCode;
  }
}

export class Stream {
  config: StreamConfig;
  readonly createdAt: number;
  lastSequence = 0;
  bytes = 0;
  readonly #scheduler: Timeline;
  readonly #messages = new Map<number, StoredMessage>();
  readonly #bySubject = new Map<string, number[]>();
  readonly #index = new SubjectIndex();
  readonly #ids = new Map<string, { sequence: number; at: number }>();
  /** Called after a message was stored. */
  onStored: (message: StoredMessage) => void = () => undefined;
  /** Called after a message went, however it did. */
  onRemoved: (sequence: number) => void = () => undefined;

  constructor(config: StreamConfig, scheduler: Timeline) {
    this.config = config;
    this.#scheduler = scheduler;
    this.createdAt = scheduler.now;
  }

  get size(): number {
    return this.#messages.size;
  }

  get firstSequence(): number {
    for (const sequence of this.#messages.keys()) return sequence;
    return this.lastSequence + 1;
  }

  all(): IterableIterator<StoredMessage> {
    return this.#messages.values();
  }

  takes(subject: string): boolean {
    return this.config.subjects.some((filter) => subjectMatches(filter, subject));
  }

  /** @throws ApiError */
  store(message: Message): { sequence: number; isDuplicate: boolean } {
    const { config } = this;
    const bytes = sizeOf(message);
    if (bytes > (config.max_msg_size ?? -1) && (config.max_msg_size ?? -1) > 0) {
      throw new ApiError(400, 10054, "message size exceeds maximum allowed");
    }
    const last = this.#bySubject.get(message.subject)?.at(-1) ?? 0;
    const expected = headerOf(message, "Nats-Expected-Last-Subject-Sequence");
    if (expected !== null && Number(expected) !== last) {
      throw new ApiError(400, 10071, `wrong last sequence: ${last}`);
    }
    const id = headerOf(message, "Nats-Msg-Id");
    const known = id === null ? undefined : this.#ids.get(id);
    if (known !== undefined && this.#scheduler.now - known.at < (config.duplicate_window ?? 0) / 1e6) {
      return { sequence: known.sequence, isDuplicate: true };
    }
    this.#makeRoom(message, bytes);
    const sequence = ++this.lastSequence;
    if (id !== null) this.#ids.set(id, { sequence, at: this.#scheduler.now });
    const stored: StoredMessage = { ...message, reply: null, sequence, storedAt: this.#scheduler.now };
    this.#put(stored, bytes);
    this.onStored(stored);
    return { sequence, isDuplicate: false };
  }

  at(sequence: number): StoredMessage | null {
    return this.#messages.get(sequence) ?? null;
  }

  remove(sequence: number): boolean {
    const stored = this.#messages.get(sequence);
    if (stored === undefined) return false;
    this.#messages.delete(sequence);
    this.bytes -= sizeOf(stored);
    const sequences = this.#bySubject.get(stored.subject)!;
    sequences.splice(sequences.indexOf(sequence), 1);
    if (sequences.length === 0) {
      this.#bySubject.delete(stored.subject);
      this.#index.delete(stored.subject);
    }
    this.onRemoved(sequence);
    return true;
  }

  last(filter: string): StoredMessage | null {
    const sequences = this.#subjectsOf(filter).map((subject) => this.#bySubject.get(subject)!.at(-1)!);
    return sequences.length === 0 ? null : this.at(Math.max(...sequences));
  }

  /** At most `max` matching messages from a sequence on, in order. */
  range(filter: string, from: number, max: number): StoredMessage[] {
    const subjects = this.#index.matching(filter);
    if (subjects === null) {
      const found: StoredMessage[] = [];
      for (let sequence = from; sequence <= this.lastSequence && found.length < max; sequence++) {
        const stored = this.#messages.get(sequence);
        if (stored !== undefined && subjectMatches(filter, stored.subject)) found.push(stored);
      }
      return found;
    }
    const sequences = subjects.flatMap((subject) => this.#bySubject.get(subject)!.filter((each) => each >= from));
    sequences.sort((a, b) => a - b);
    return sequences.slice(0, max).map((sequence) => this.#messages.get(sequence)!);
  }

  count(filter: string, from: number): number {
    return this.range(filter, from, Number.MAX_SAFE_INTEGER).length;
  }

  purge(filter: string | undefined): number {
    const doomed = [...this.#messages.values()].filter(
      ({ subject }) => filter === undefined || subjectMatches(filter, subject),
    );
    for (const { sequence } of doomed) this.remove(sequence);
    return doomed.length;
  }

  #subjectsOf(filter: string): string[] {
    return this.#index.matching(filter) ?? [...this.#bySubject.keys()].filter((each) => subjectMatches(filter, each));
  }

  #makeRoom(message: Message, bytes: number): void {
    const { config } = this;
    if (headerOf(message, "Nats-Rollup") === "sub") this.purge(message.subject);
    const present = this.#bySubject.get(message.subject) ?? [];
    const max = config.max_msgs_per_subject ?? -1;
    if (max > 0 && present.length >= max) {
      if (config.discard === "new" && config.discard_new_per_subject === true) {
        throw new ApiError(503, 10077, "maximum messages per subject exceeded");
      }
      this.remove(present[0]!);
    }
    if ((config.max_bytes ?? -1) > 0 && this.bytes + bytes > config.max_bytes!) {
      if (config.discard === "new") throw new ApiError(503, 10077, "maximum bytes exceeded");
      while (this.size > 0 && this.bytes + bytes > config.max_bytes!) this.remove(this.firstSequence);
    }
  }

  #put(stored: StoredMessage, bytes: number): void {
    this.#messages.set(stored.sequence, stored);
    this.bytes += bytes;
    const sequences = this.#bySubject.get(stored.subject);
    if (sequences === undefined) {
      this.#bySubject.set(stored.subject, [stored.sequence]);
      this.#index.add(stored.subject);
    } else sequences.push(stored.sequence);
    const ttlMs = durationMs(headerOf(stored, "Nats-TTL"));
    if (ttlMs !== null) this.#scheduler.after(ttlMs, null, () => this.#expire(stored));
  }

  /** What expires leaves a marker, unless it is one itself. */
  #expire(stored: StoredMessage): void {
    if (this.#messages.get(stored.sequence) !== stored) return;
    this.remove(stored.sequence);
    const markerTtl = this.config.subject_delete_marker_ttl ?? 0;
    const isMarker = headerOf(stored, "Nats-Marker-Reason") !== null || headerOf(stored, "KV-Operation") !== null;
    if (markerTtl === 0 || isMarker || this.#bySubject.has(stored.subject)) return;
    const headers: Message["headers"] = [
      ["Nats-Marker-Reason", "MaxAge"],
      ["Nats-TTL", `${markerTtl / 1e9}s`],
    ];
    this.store({ subject: stored.subject, reply: null, headers, status: "", data: new Uint8Array() });
  }
}

/** As the server counts: subject, headers and payload. */
function sizeOf({ subject, headers, data }: Message): number {
  return headers.reduce(
    (sum, [name, value]) => sum + name.length + value.length + 4,
    subject.length + data.length + 22,
  );
}

function durationMs(text: string | null): number | null {
  const [, count, unit = "s"] = /^(\d+)(ms|s)?$/.exec(text ?? "") ?? [];
  return count === undefined ? null : Number(count) * (unit === "ms" ? 1 : 1_000);
}
