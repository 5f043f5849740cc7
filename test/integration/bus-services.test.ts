// Requirements: 3.3.traps, 3.8.service, 3.bad.oversized, 3.bad.unknown-version
import { setTimeout as delay } from "node:timers/promises";
import type { WorkerId } from "@hindcast/shared";
import { HindcastError, limits, streams, WireError } from "@hindcast/shared";
import type { Bus, MicroService } from "@hindcast/shared/node";
import { AckPolicy, connect as connectOld, DeliverPolicy, type NatsConnection, RequestStrategy } from "nats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { aDemonstration } from "../support/messages.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";

const Question = z.strictObject({ v: z.literal(1), text: z.string() });
const Answer = z.strictObject({ v: z.literal(1), length: z.int() });
const echo = "hindcast.retrieval.search";
/** Requests for something slow that have arrived. */
let slowOnes = 0;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A micro service that upper-cases text, and fails on demand. */
const upperCaser = (): MicroService => ({
  name: "hindcast-retrieval",
  version: "1.2.3",
  description: "answers loudly",
  metadata: { region: "here" },
  endpoints: [
    {
      name: "search",
      subject: echo,
      metadata: { format: "text" },
      handle: async (payload, signal) => {
        const text = decoder.decode(payload);
        if (text === "fail")
          throw new HindcastError({ code: "INDEX_NOT_READY", boundary: "index", message: "not\nyet", retryable: true });
        if (text === "crash") throw new Error("oops");
        if (text === "flood") return new Uint8Array(limits.replyBytesMax + 1);
        if (text === "slow") {
          slowOnes += 1;
          await delay(300, undefined, { signal });
        }
        return encoder.encode(text.toUpperCase());
      },
    },
  ],
});

describe("request/reply", () => {
  let nats: TestNats;
  let coordinator: Bus;
  let index: Bus;
  let client: Bus;
  let old: NatsConnection;

  beforeAll(async () => {
    nats = await aNatsServer();
    coordinator = await nats.coordinator();
    index = await nats.connect("index-core");
    client = await nats.connect("client");
    const { servers, credentials, inboxPrefix } = nats.options("client");
    old = await connectOld({ servers, user: credentials.user, pass: credentials.password, inboxPrefix });
  });
  afterAll(async () => {
    await old.close();
    await nats[Symbol.asyncDispose]();
  });

  const serveLengths = (
    bus: Bus,
    handle: (text: string, signal: AbortSignal) => Promise<number>,
  ): Promise<AsyncDisposable> =>
    bus.serve({
      subject: echo,
      queue: "q",
      request: Question,
      reply: Answer,
      handle: async ({ text }, signal) => ({ v: 1 as const, length: await handle(text, signal) }),
    });
  const ask = (text: string, more: object = {}): Promise<z.output<typeof Answer>> =>
    client.request({ subject: echo, request: Question, reply: Answer, value: { v: 1, text }, ...more });

  it("carries typed questions and answers, shared between the instances that serve", async () => {
    const served = { one: 0, two: 0 };
    const count = (by: "one" | "two", text: string): Promise<number> => {
      served[by] += 1;
      return Promise.resolve(text.length);
    };
    const other = await nats.connect("index-core");
    await using _one = await serveLengths(index, (text) => count("one", text));
    await using _two = await serveLengths(other, (text) => count("two", text));
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => ask("x".repeat(n))));
    expect(answers.map(({ length }) => length)).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(served.one + served.two).toBe(50);
    expect(Math.min(served.one, served.two)).toBeGreaterThan(0);
  });

  it("carries an error with code, boundary and whether to retry, and ADR-32 headers for everybody else", async () => {
    await using _ = await serveLengths(index, () =>
      Promise.reject(
        new HindcastError({ code: "INDEX_NOT_READY", boundary: "index", message: "still loading", retryable: true }),
      ),
    );
    await expect(ask("x")).rejects.toMatchObject({
      code: "INDEX_NOT_READY",
      boundary: "index",
      message: "still loading",
      retryable: true,
    });
    const reply = await old.request(echo, JSON.stringify({ v: 1, text: "x" }));
    expect(reply.headers?.get("Nats-Service-Error")).toBe("still loading");
    expect(reply.headers?.get("Nats-Service-Error-Code")).toBe("503");
    expect(WireError.parse(reply.json())).toMatchObject({ code: "INDEX_NOT_READY" });
  });

  it("answers a question it cannot read with an error that names the reason", async () => {
    await using _ = await serveLengths(index, () => Promise.resolve(0));
    for (const [payload, code] of [
      ['{"v":2}', "PROTOCOL_UNKNOWN_VERSION"],
      ["nonsense", "PROTOCOL_INVALID"],
      ['{"v":1}', "PROTOCOL_INVALID"],
    ] as const) {
      expect(WireError.parse((await old.request(echo, payload)).json()).code).toBe(code);
    }
  });

  it("tells apart nobody there, no answer in time, and a caller that gave up", async () => {
    await expect(ask("x")).rejects.toMatchObject({ code: "BUS_UNAVAILABLE", retryable: true });
    const gate = Promise.withResolvers<void>();
    await using _ = await serveLengths(index, () => gate.promise.then(() => 0));
    await expect(ask("x", { timeoutMs: 200 })).rejects.toMatchObject({ code: "BUS_TIMEOUT", retryable: true });
    const stop = new AbortController();
    const asking = ask("x", { signal: stop.signal });
    stop.abort(new Error("never mind"));
    await expect(asking).rejects.toThrow("never mind");
    gate.resolve();
  });

  it("refuses a question over the size limit before it is sent", async () => {
    await expect(ask("x".repeat(limits.messageBytesMax))).rejects.toMatchObject({ code: "PROTOCOL_TOO_LARGE" });
  });

  it("works on a bounded number of requests at once and refuses the rest as busy", async () => {
    const gate = Promise.withResolvers<void>();
    await using _ = await serveLengths(index, () => gate.promise.then(() => 1));
    const refused: unknown[] = [];
    const asked = Array.from({ length: limits.requestsInFlightMax + 10 }, () =>
      ask("x").then(
        () => "answered",
        (error: unknown) => void refused.push(error),
      ),
    );
    await expect.poll(() => refused.length).toBe(10);
    gate.resolve();
    const outcomes = await Promise.all(asked);
    expect(outcomes.filter((outcome) => outcome === "answered")).toHaveLength(limits.requestsInFlightMax);
    expect(refused[0]).toMatchObject({ code: "BUS_FULL", retryable: true });
  });

  it("passes lossy progress to who listens, skipping what cannot be read", async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    const listening = (async () => {
      for await (const { text } of client.subscribe("hindcast.progress.c-1", Question, stop.signal)) seen.push(text);
    })();
    await client.ping();
    coordinator.publish("hindcast.progress.c-1", Question, { v: 1, text: "a" });
    coordinator.publish("hindcast.progress.c-1", Answer, { v: 1, length: 1 });
    coordinator.publish("hindcast.progress.c-1", Question, { v: 1, text: "b" });
    await expect.poll(() => seen).toEqual(["a", "b"]);
    stop.abort();
    await listening;
  });

  describe("as a micro service", () => {
    it("is found, described and measured by the superseded client, which can use it", async () => {
      await using _ = await index.serveMicro(upperCaser());
      const finder = old.services.client({ strategy: RequestStrategy.Timer, maxWait: 300 });
      const all = async <T>(found: Promise<AsyncIterable<T>>): Promise<T[]> => {
        const items: T[] = [];
        for await (const item of await found) items.push(item);
        return items;
      };
      const [ping, ...others] = await all(finder.ping("hindcast-retrieval"));
      expect(others).toEqual([]);
      expect(ping).toMatchObject({
        name: "hindcast-retrieval",
        version: "1.2.3",
        metadata: { region: "here" },
        type: "io.nats.micro.v1.ping_response",
      });
      const [info] = await all(finder.info("hindcast-retrieval", ping?.id));
      expect(info).toMatchObject({
        description: "answers loudly",
        type: "io.nats.micro.v1.info_response",
        endpoints: [{ name: "search", subject: echo, queue_group: "q", metadata: { format: "text" } }],
      });
      const [found] = info?.endpoints ?? [];
      expect((await old.request(found?.subject ?? "", "hello")).string()).toBe("HELLO");
      const failed = await old.request(echo, "fail");
      expect([failed.headers?.get("Nats-Service-Error-Code"), failed.headers?.get("Nats-Service-Error")]).toEqual([
        "503",
        "not yet",
      ]);
      const crashed = await old.request(echo, "crash");
      expect([crashed.headers?.get("Nats-Service-Error-Code"), crashed.headers?.get("Nats-Service-Error")]).toEqual([
        "500",
        "oops",
      ]);
      expect((await old.request(echo, "flood")).headers?.get("Nats-Service-Error-Code")).toBe("413");
      const [stats] = await all(finder.stats("hindcast-retrieval"));
      expect(stats?.endpoints?.[0]).toMatchObject({ name: "search", subject: echo, num_requests: 4, num_errors: 3 });
      expect(stats?.endpoints?.[0]?.last_error).toContain("413:");
      expect(stats?.endpoints?.[0]?.average_processing_time).toBeGreaterThan(0);
      expect(Date.parse(stats?.started ?? "")).toBeLessThanOrEqual(Date.now());
      await expect(all(finder.ping("another-name"))).rejects.toMatchObject({ code: "503" });
    });

    it("finishes the requests under way when it is closed, and takes no more", async () => {
      const service = await index.serveMicro(upperCaser());
      const slow = old.request(echo, "slow");
      await expect.poll(() => slowOnes).toBe(1);
      await service[Symbol.asyncDispose]();
      expect((await slow).string()).toBe("SLOW");
      await expect(old.request(echo, "late")).rejects.toMatchObject({ code: "503" });
    });

    it("refuses names and versions that ADR-32 does not allow", async () => {
      await expect(index.serveMicro({ ...upperCaser(), name: "a b" })).rejects.toMatchObject({
        code: "PROTOCOL_INVALID",
      });
      await expect(index.serveMicro({ ...upperCaser(), version: "1" })).rejects.toMatchObject({
        code: "PROTOCOL_INVALID",
      });
    });
  });

  it("lets the superseded client read a stream", async () => {
    await coordinator.demonstrations.put(aDemonstration(1));
    const { servers, credentials, inboxPrefix } = nats.options("coordinator");
    const reader = await connectOld({ servers, user: credentials.user, pass: credentials.password, inboxPrefix });
    const manager = await reader.jetstreamManager();
    await manager.consumers.add(streams.demonstrations, {
      durable_name: "old",
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
    });
    const message = await (
      await reader.jetstream().consumers.get(streams.demonstrations, "old")
    ).next({ expires: 5_000 });
    expect(message?.json()).toEqual(aDemonstration(1));
    message?.ack();
    await reader.close();
  });

  it("would show the superseded client an expired lease as one that is held, which is why it must not read leases", async () => {
    const { servers, credentials, inboxPrefix } = nats.options("coordinator");
    const reader = await connectOld({ servers, user: credentials.user, pass: credentials.password, inboxPrefix });
    const manager = await reader.jetstreamManager();
    // A marker that stays long enough to be looked at.
    const { config } = await manager.streams.info("KV_WORKERS");
    await manager.streams.update("KV_WORKERS", {
      ...config,
      subject_delete_marker_ttl: 60_000_000_000,
    } as typeof config);
    const worker = await nats.connect("w-1" as WorkerId);
    await worker.records("WORKERS", Question).put("w-1", { v: 1, text: "alive" }, 1_000);
    const kv = await reader.jetstream().views.kv("WORKERS");
    await expect.poll(async () => (await kv.get("w-1"))?.length, { timeout: 5_000 }).toBe(0);
    expect((await kv.get("w-1"))?.operation).toBe("PUT");
    expect(await coordinator.records("WORKERS", Question).get("w-1")).toBeNull();
    await reader.close();
  });
});
