// JetStream of the simulated server: its streams and consumers, and the part of the `$JS.API` that Hindcast uses. An
// unknown request fails loudly, so that a new use of the API cannot pass unnoticed.
import type { Timeline } from "../time/scheduler.ts";
import { Consumer, type ConsumerConfig, type ConsumerHost } from "./consumer.ts";
import { ApiError, Stream, type StreamConfig, type StoredMessage } from "./stream.ts";
import { type Message, message } from "./wire.ts";

type Json = Record<string, unknown>;

/** What JetStream needs of the server around it. */
export interface JetStreamHost {
  scheduler: Timeline;
  send(message: Message, to?: string): void;
  hasInterest(subject: string): boolean;
  /** A message of the server's own, stored and published like a client's. */
  publish(message: Message): void;
}

export class JetStream {
  readonly streams = new Map<string, Stream>();
  readonly consumers = new Map<string, Map<string, Consumer>>();
  readonly #host: JetStreamHost;

  constructor(host: JetStreamHost) {
    this.#host = host;
  }

  /** Takes a message that is for JetStream. @returns false when it is not. */
  take(received: Message): boolean {
    const { subject, reply } = received;
    if (subject.startsWith("$JS.ACK.")) return this.#acknowledge(received);
    if (subject.startsWith("$JS.API.")) {
      this.#api(received);
      return true;
    }
    const stream = [...this.streams.values()].find((each) => each.takes(subject));
    if (stream === undefined) return false;
    try {
      const { sequence, isDuplicate } = stream.store(received);
      const ack = { stream: stream.config.name, seq: sequence, ...(isDuplicate ? { duplicate: true } : {}) };
      if (reply !== null) this.#answer(reply, ack);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (reply !== null) this.#answer(reply, { stream: stream.config.name, seq: 0, error: errorBody(error) });
    }
    return true;
  }

  consumer(stream: string, name: string): Consumer {
    const consumer = this.consumers.get(stream)?.get(name);
    if (consumer === undefined) throw new ApiError(404, 10014, "consumer not found");
    return consumer;
  }

  stream(name: string): Stream {
    const stream = this.streams.get(name);
    if (stream === undefined) throw new ApiError(404, 10059, "stream not found");
    return stream;
  }

  /** What is in memory only is gone after a restart: consumers that were never meant to last, and waiting pulls. */
  restart(): void {
    for (const consumers of this.consumers.values()) {
      for (const [name, consumer] of consumers) {
        consumer.dropPulls();
        if (consumer.config.durable_name === undefined) consumers.delete(name);
      }
    }
  }

  #acknowledge({ subject, reply, data }: Message): boolean {
    const [, , stream = "", consumer = "", , sequence] = subject.split(".");
    const found = this.consumers.get(stream)?.get(consumer);
    if (found === undefined) return false;
    found.acknowledge(Number(sequence), Buffer.from(data).toString());
    if (reply !== null) this.#host.send(message(reply, ""));
    return true;
  }

  #api({ subject, reply, data }: Message): void {
    const [verb = "", ...rest] = subject.slice("$JS.API.".length).split(".");
    const body = data.length === 0 ? {} : (JSON.parse(Buffer.from(data).toString()) as Json);
    if (verb === "DIRECT") return this.#directGet(rest.slice(1), reply!, body);
    if (verb === "CONSUMER" && rest[0] === "MSG") return this.#pull(rest[2]!, rest[3]!, reply!, body);
    if (reply === null) return;
    if (verb === "INFO")
      return this.#answer(reply, { memory: 0, storage: 0, streams: this.streams.size, limits: {}, api: {} });
    try {
      this.#answer(reply, verb === "STREAM" ? this.#streamApi(rest, body) : this.#consumerApi(rest, body));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#answer(reply, { type: "io.nats.jetstream.api.v1.error", error: errorBody(error) });
    }
  }

  #streamApi([verb = "", ...rest]: string[], body: Json): Json {
    if (verb === "MSG") return this.#messageApi(rest[0]!, this.stream(rest[1]!), body);
    const name = rest[0]!;
    switch (verb) {
      case "CREATE":
        return this.#createStream(body as StreamConfig);
      case "UPDATE":
        this.stream(name).config = body as StreamConfig;
        return this.#streamInfo(this.stream(name));
      case "INFO":
        return this.#streamInfo(this.stream(name));
      case "DELETE":
        for (const consumer of this.consumers.get(this.stream(name).config.name)?.values() ?? []) consumer.close();
        this.streams.delete(name);
        this.consumers.delete(name);
        this.#event("STREAM.DELETED", name, { stream: name, action: "delete" });
        return { success: true };
      case "PURGE":
        return { success: true, purged: this.stream(name).purge(body["filter"] as string | undefined) };
      default:
        throw unknownApi(`STREAM.${verb}`);
    }
  }

  #createStream(config: StreamConfig): Json {
    const existing = this.streams.get(config.name);
    if (existing !== undefined) {
      if (JSON.stringify(existing.config) === JSON.stringify(config)) return this.#streamInfo(existing);
      throw new ApiError(400, 10058, "stream name already in use with a different configuration");
    }
    const stream = new Stream(config, this.#host.scheduler);
    const consumers = new Map<string, Consumer>();
    stream.onStored = () => {
      for (const consumer of consumers.values()) consumer.pump();
    };
    stream.onRemoved = (sequence) => {
      for (const consumer of consumers.values()) consumer.forget(sequence);
    };
    this.streams.set(config.name, stream);
    this.consumers.set(config.name, consumers);
    return this.#streamInfo(stream);
  }

  #messageApi(verb: string, stream: Stream, body: Json): Json {
    const sequence = body["seq"] as number | undefined;
    if (verb === "DELETE") {
      if (!stream.remove(sequence!)) throw new ApiError(400, 10057, "no message found");
      return { success: true };
    }
    const stored = sequence === undefined ? stream.last(body["last_by_subj"] as string) : stream.at(sequence);
    if (stored === null) throw new ApiError(404, 10037, "no message found");
    const { subject, headers, data, storedAt } = stored;
    const head = `NATS/1.0\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
    return {
      message: {
        subject,
        seq: stored.sequence,
        ...(headers.length === 0 ? {} : { hdrs: Buffer.from(head).toString("base64") }),
        data: Buffer.from(data).toString("base64"),
        time: timestamp(storedAt),
      },
    };
  }

  #consumerApi([verb = "", streamName = "", name = ""]: string[], body: Json): Json {
    const stream = this.stream(streamName);
    const consumers = this.consumers.get(streamName)!;
    switch (verb) {
      case "CREATE":
        return this.#createConsumer(stream, name, body);
      case "INFO":
        return consumerInfo(this.consumer(streamName, name));
      case "LIST": {
        const list = [...consumers.values()].map(consumerInfo);
        const type = "io.nats.jetstream.api.v1.consumer_list_response";
        return { type, total: list.length, offset: 0, limit: 256, consumers: list };
      }
      case "DELETE":
        this.consumer(streamName, name).close();
        consumers.delete(name);
        this.#event(`CONSUMER.DELETED.${streamName}`, name, { stream: streamName, consumer: name, action: "delete" });
        return { success: true };
      default:
        throw unknownApi(`CONSUMER.${verb}`);
    }
  }

  #createConsumer(stream: Stream, name: string, body: Json): Json {
    const config = { ...(body["config"] as ConsumerConfig), name };
    const consumers = this.consumers.get(stream.config.name)!;
    const existing = consumers.get(name);
    if (existing !== undefined) {
      const isSame = JSON.stringify(existing.config) === JSON.stringify(config);
      if (!isSame && body["action"] === "create") throw new ApiError(400, 10148, "consumer already exists");
      existing.config = config;
      return consumerInfo(existing);
    }
    const host: ConsumerHost = {
      scheduler: this.#host.scheduler,
      send: (sent, to) => this.#host.send(sent, to),
      hasInterest: (subject) => this.#host.hasInterest(subject),
      advise: (kind, streamName, consumer, more) =>
        this.#event(`CONSUMER.${kind}.${streamName}`, consumer, { stream: streamName, consumer, ...more }),
    };
    const consumer = new Consumer(config, stream, host);
    consumers.set(name, consumer);
    if (config.inactive_threshold !== undefined) this.#retireInactive(consumer, config.inactive_threshold / 1e6);
    return consumerInfo(consumer);
  }

  #retireInactive(consumer: Consumer, thresholdMs: number): void {
    this.#host.scheduler.after(thresholdMs, null, () => {
      const consumers = this.consumers.get(consumer.stream.config.name);
      if (consumers?.get(consumer.name) !== consumer) return;
      consumer.pump();
      const isIdle = this.#host.scheduler.now - consumer.lastActiveAt >= thresholdMs;
      if (isIdle && consumer.waitingCount === 0) consumers.delete(consumer.name);
      else this.#retireInactive(consumer, thresholdMs);
    });
  }

  #pull(stream: string, name: string, reply: string, body: Json): void {
    const consumer = this.consumers.get(stream)?.get(name);
    if (consumer === undefined) return this.#host.send(message(reply, "", { status: "503" }));
    consumer.pull(reply, body);
  }

  /** By a query of any kind, or the newest message of a subject that is part of the request's subject. */
  #directGet([name = "", ...subject]: string[], reply: string, body: Json): void {
    const stream = this.streams.get(name);
    if (stream === undefined) return this.#host.send(message(reply, "", { status: "503" }));
    const wanted = subject.length > 0 ? subject.join(".") : (body["last_by_subj"] as string | undefined);
    if (wanted !== undefined) {
      const last = stream.last(wanted);
      const none = message(reply, "", { status: "404 Message Not Found" });
      return this.#host.send(last === null ? none : directReply(reply, last, name, 0));
    }
    const filter = (body["next_by_subj"] as string | undefined) ?? ">";
    const batch = (body["batch"] as number | undefined) ?? 1;
    const bytesMax = (body["max_bytes"] as number | undefined) ?? Number.MAX_SAFE_INTEGER;
    const found = stream.range(filter, (body["seq"] as number | undefined) ?? 1, batch);
    if (found.length === 0) return this.#host.send(message(reply, "", { status: "404 Message Not Found" }));
    let bytes = 0;
    let previous = 0;
    for (const stored of found) {
      bytes += stored.data.length;
      if (bytes > bytesMax && previous > 0) break;
      this.#host.send(directReply(reply, stored, name, previous));
      previous = stored.sequence;
    }
    const headers: Message["headers"] = [["Nats-Last-Sequence", String(previous)]];
    this.#host.send(message(reply, "", { status: "204 EOB", headers }));
  }

  #streamInfo({ config, size, bytes, firstSequence, lastSequence, createdAt }: Stream): Json {
    const consumers = this.consumers.get(config.name)?.size ?? 0;
    const state = {
      messages: size,
      bytes,
      first_seq: firstSequence,
      last_seq: lastSequence,
      consumer_count: consumers,
    };
    return { config, state, created: timestamp(createdAt) };
  }

  #event(kind: string, name: string, body: Json): void {
    this.#host.publish(message(`$JS.EVENT.ADVISORY.${kind}.${name}`, JSON.stringify(body)));
  }

  #answer(reply: string, body: Json): void {
    this.#host.send(message(reply, JSON.stringify(body)));
  }
}

function directReply(reply: string, stored: StoredMessage, stream: string, previous: number): Message {
  return message(reply, stored.data, {
    headers: [
      ...stored.headers,
      ["Nats-Stream", stream],
      ["Nats-Subject", stored.subject],
      ["Nats-Sequence", String(stored.sequence)],
      ["Nats-Time-Stamp", timestamp(stored.storedAt)],
      ["Nats-Last-Sequence", String(previous)],
    ],
  });
}

function consumerInfo(consumer: Consumer): Json {
  return {
    stream_name: consumer.stream.config.name,
    name: consumer.name,
    config: consumer.config,
    delivered: { consumer_seq: 0, stream_seq: consumer.lastDelivered },
    ack_floor: { consumer_seq: 0, stream_seq: consumer.ackFloor },
    num_ack_pending: consumer.pending.size,
    num_pending: consumer.undelivered,
    num_waiting: consumer.waitingCount,
  };
}

const timestamp = (ms: number): string => new Date(ms).toISOString();

const errorBody = ({ code, apiCode, message: description }: ApiError): Json => ({
  code,
  err_code: apiCode,
  description,
});

const unknownApi = (what: string): Error => new Error(`the simulated server does not know the JetStream API ${what}`);
