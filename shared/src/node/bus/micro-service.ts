// A NATS micro service (ADR-32) on core NATS: PING, INFO and STATS under `$SRV`, endpoints in queue group `q`. Written
// here because the v3 client's own package has only pre-releases on npm.
import { randomUUID } from "node:crypto";
import type { Msg, Subscription } from "@nats-io/transport-node";
import { HindcastError, messageOf, toHindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { MicroEndpoint, MicroService } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { errorNumber, respondError, Responder } from "./request-reply.ts";
import { headerText } from "./store.ts";
import { inSpan } from "../telemetry/span.ts";

const queueGroup = "q";
const typeOf = (verb: string): string => `io.nats.micro.v1.${verb}_response`;

interface EndpointStatistics {
  num_requests: number;
  num_errors: number;
  last_error: string;
  /** Nanoseconds, as ADR-32 has it. */
  processing_time: number;
  average_processing_time: number;
}

/** @throws PROTOCOL_INVALID for names and versions that ADR-32 does not allow. */
export function serveMicro(connection: Connection, service: MicroService): AsyncDisposable {
  checkNames(service);
  const identity = { name: service.name, id: randomUUID(), version: service.version, metadata: service.metadata };
  const started = new Date().toISOString();
  const endpoints = service.endpoints.map((endpoint) => new ServedEndpoint(connection, endpoint));
  const verbs: Record<string, () => object> = {
    PING: () => ({ ...identity, type: typeOf("ping") }),
    INFO: () => ({
      ...identity,
      type: typeOf("info"),
      description: service.description,
      endpoints: endpoints.map((endpoint) => endpoint.info()),
    }),
    STATS: () => ({
      ...identity,
      type: typeOf("stats"),
      started,
      endpoints: endpoints.map((endpoint) => endpoint.statistics()),
    }),
  };
  const subscriptions = Object.entries(verbs).flatMap(([verb, answer]) =>
    [verb, `${verb}.${service.name}`, `${verb}.${service.name}.${identity.id}`].map((suffix) =>
      discover(connection, `$SRV.${suffix}`, answer),
    ),
  );
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      for (const subscription of subscriptions) if (!subscription.isClosed()) subscription.unsubscribe();
      await Promise.all(endpoints.map((endpoint) => endpoint[Symbol.asyncDispose]()));
    },
  };
}

/** Every instance answers discovery, hence no queue group. */
function discover(connection: Connection, subject: string, answer: () => object): Subscription {
  return connection.nats.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) message.respond(JSON.stringify(answer()));
      else connection.report(`error subscription to ${subject}: ${error.message}`);
    },
  });
}

class ServedEndpoint implements AsyncDisposable {
  readonly #endpoint: MicroEndpoint;
  readonly #responder: Responder;
  readonly #statistics: EndpointStatistics = {
    num_requests: 0,
    num_errors: 0,
    last_error: "",
    processing_time: 0,
    average_processing_time: 0,
  };

  constructor(connection: Connection, endpoint: MicroEndpoint) {
    this.#endpoint = endpoint;
    this.#responder = new Responder(connection, { subject: endpoint.subject, queue: queueGroup }, (message, signal) =>
      this.#answer(message, signal),
    );
  }

  info(): object {
    const { name, subject, metadata } = this.#endpoint;
    return { name, subject, queue_group: queueGroup, metadata };
  }

  statistics(): object {
    const { name, subject } = this.#endpoint;
    return { name, subject, queue_group: queueGroup, ...this.#statistics };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#responder[Symbol.asyncDispose]();
  }

  async #answer(message: Msg, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    try {
      const parent = message.headers?.get("traceparent") || null;
      const reply = await inSpan(`answer ${this.#endpoint.name}`, { kind: "server", parent }, () =>
        this.#endpoint.handle(message.data, signal),
      );
      if (reply.length > limits.replyBytesMax) throw tooLarge(message.subject, reply.length);
      message.respond(reply);
    } catch (error) {
      const classified = toHindcastError(error, "bus");
      respondError(message, classified);
      this.#statistics.num_errors += 1;
      this.#statistics.last_error = headerText(`${errorNumber(classified.code)}:${messageOf(error)}`);
    } finally {
      this.#count(performance.now() - startedAt);
    }
  }

  #count(elapsedMs: number): void {
    const counted = this.#statistics;
    counted.num_requests += 1;
    counted.processing_time += Math.round(elapsedMs * 1_000_000);
    counted.average_processing_time = Math.round(counted.processing_time / counted.num_requests);
  }
}

function tooLarge(subject: string, bytes: number): HindcastError {
  return new HindcastError({
    code: "PROTOCOL_TOO_LARGE",
    boundary: "protocol",
    message: `the answer on ${subject} has ${bytes} bytes, more than the limit of ${limits.replyBytesMax}; ask for less at once`,
  });
}

function checkNames(service: MicroService): void {
  const bad = [service.name, ...service.endpoints.map((endpoint) => endpoint.name)].find(
    (name) => !/^[A-Za-z0-9_-]+$/.test(name),
  );
  const isVersion = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/.test(service.version);
  if (bad === undefined && isVersion) return;
  throw new HindcastError({
    code: "PROTOCOL_INVALID",
    boundary: "protocol",
    message: `micro service ${service.name} ${service.version}: names are letters, digits, - and _, and the version is semantic`,
  });
}
