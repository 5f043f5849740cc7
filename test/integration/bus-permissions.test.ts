// Requirements: 3.3.fencing, 3.3.traps, 4.7.partitions, 4.6.shipping
import type { DemonstrationId, EpisodeId, WorkerId } from "@hindcast/shared";
import { HindcastError, limits } from "@hindcast/shared";
import { type Bus, connectBus } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { acquire } from "../support/leases.ts";
import { aDemonstration, anEpisodeEnded, anEpisodeStarted, task } from "../support/messages.ts";
import { aNatsServer, type TestNats, testPool } from "../support/nats-server.ts";
import { type RawNats, rawNats } from "../support/raw-nats.ts";

const never = new AbortController().signal;
const [w1, w2] = ["w-1" as WorkerId, "w-2" as WorkerId];
const Note = z.strictObject({ v: z.literal(1), n: z.int() });

describe("permissions", () => {
  let nats: TestNats;
  let coordinator: Bus;
  let agent: Bus;
  let rawAgent: RawNats;

  beforeAll(async () => {
    nats = await aNatsServer();
    coordinator = await nats.coordinator();
    agent = await nats.connect(w1);
    rawAgent = await rawNats(nats, w1);
  });
  afterAll(async () => {
    await rawAgent[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  it("let an agent do all of its work", async () => {
    const statuses: string[] = [];
    const worker = await nats.connect(w2, { onStatus: (status) => statuses.push(status) });
    await coordinator.tasks.publish(task(1), never);
    await coordinator.tasks.publish(task(2), never);
    const [done, dead] = await worker.tasks.lease(testPool, 2, 10_000, never);
    const lease = await acquire(worker, "episode.ep-1", w2);
    await worker.trajectories.append(anEpisodeStarted({ workerId: w2 }));
    await worker.trajectories.read(task(1).campaignId, "ep-1" as EpisodeId);
    await worker.blobs.get(await worker.blobs.put(Buffer.from("state")));
    await worker.results.get(task(1).campaignId, task(1).taskId);
    expect(await worker.results.has(task(1).campaignId, task(1).taskId)).toBe(false);
    await worker.results.put(anEpisodeEnded({ workerId: w2 }));
    await worker.records("JOURNAL", Note).create("k", { v: 1, n: 1 });
    await worker.records("JOURNAL", Note).get("k");
    await worker.records("WORKERS", Note).put(w2, { v: 1, n: 1 }, 30_000);
    await worker.records("CAMPAIGNS", Note).get("c-0001");
    await worker.records("CAMPAIGNS", Note).entries();
    const stop = new AbortController();
    const watching = worker.records("CAMPAIGNS", Note).watch(stop.signal)[Symbol.asyncIterator]();
    const change = watching.next();
    await coordinator.records("CAMPAIGNS", Note).put("c-0001", { v: 1, n: 2 });
    expect(await change).toEqual({ done: false, value: { key: "c-0001", value: { v: 1, n: 2 } } });
    stop.abort();
    worker.publish("hindcast.progress.c-0001", Note, { v: 1, n: 1 });
    done?.working();
    expect(await done?.done()).toBe(true);
    await dead?.deadLetter("cannot");
    await lease?.release();
    await worker.ping();
    expect(statuses).toEqual([]);
  });

  it("let the index follow its stream and answer, and a client read and ask", async () => {
    const statuses: string[] = [];
    const onStatus = (status: string): unknown => statuses.push(status);
    const index = await nats.connect("index-core", { onStatus });
    const client = await nats.connect("client", { onStatus });
    const sequence = await coordinator.demonstrations.put(aDemonstration(1));
    const following = index.demonstrations.follow(1, AbortSignal.timeout(5_000))[Symbol.asyncIterator]();
    expect((await following.next()).value?.sequence).toBe(sequence);
    expect(await index.demonstrations.lastSequence()).toBe(sequence);
    const exchange = { subject: "hindcast.retrieval.search", request: Note, reply: Note };
    await using _ = await index.serve({
      ...exchange,
      queue: "q",
      handle: ({ n }) => Promise.resolve({ v: 1, n: n + 1 }),
    });
    for (const asking of [client, agent]) {
      expect(await asking.request({ ...exchange, value: { v: 1, n: 1 } })).toEqual({ v: 1, n: 2 });
    }
    expect(await client.results.get(task(1).campaignId, task(1).taskId)).not.toBeNull();
    expect(await client.demonstrations.lastSequence()).toBe(sequence);
    expect(await client.tasks.backlog(testPool)).toEqual({ queued: 0, working: 0 });
    expect(await client.deadLetters.list()).toHaveLength(1);
    await client.blobs.get(await client.blobs.put(Buffer.from("documents")));
    expect(statuses).toEqual([]);
  });

  it("let replicas of the index ask each other's partitions and exchange snapshots, and nobody else", async () => {
    const statuses: string[] = [];
    const onStatus = (status: string): unknown => statuses.push(status);
    const [index, other] = [await nats.connect("index-core", { onStatus }), await nats.connect("index-core")];
    const exchange = { subject: "hindcast.retrieval.partition.3.search", request: Note, reply: Note };
    await using _ = await other.serve({ ...exchange, queue: "q", handle: ({ n }) => Promise.resolve({ v: 1, n: -n }) });
    expect(await index.request({ ...exchange, value: { v: 1, n: 1 } })).toEqual({ v: 1, n: -1 });
    const payload = Buffer.from('{"v":1,"n":2}');
    expect(Buffer.from(await index.ask({ subject: exchange.subject, payload })).toString()).toBe('{"v":1,"n":-2}');

    const blob = await index.indexBlobs.put(Buffer.from("segment"));
    expect(Buffer.from(await other.indexBlobs.get(blob)).toString()).toBe("segment");
    expect(await index.indexBlobs.list()).toMatchObject([blob]);
    await index.indexBlobs.remove(blob);
    await index.indexBlobs.remove(blob);
    expect(await index.indexBlobs.list()).toEqual([]);
    await expect(index.indexBlobs.get(blob)).rejects.toMatchObject({ code: "BUS_NOT_FOUND" });
    const pointers = index.records("INDEXES", Note);
    const revision = await pointers.create("1.0.abc", { v: 1, n: 1 });
    await pointers.update("1.0.abc", { v: 1, n: 2 }, revision);
    expect(await pointers.entries()).toMatchObject([{ key: "1.0.abc", value: { n: 2 } }]);
    await pointers.delete("1.0.abc");
    expect(statuses).toEqual([]);

    const client = await nats.connect("client");
    for (const asking of [client, agent]) {
      const refused = asking.request({ ...exchange, value: { v: 1, n: 1 } });
      await expect(refused).rejects.toMatchObject({ code: "BUS_FORBIDDEN" });
      await expect(asking.records("INDEXES", Note).put("k", { v: 1, n: 1 })).rejects.toMatchObject({
        code: "BUS_FORBIDDEN",
      });
    }
    await expect(index.blobs.put(Buffer.from("no blob of its own"))).rejects.toMatchObject({ code: "BUS_FORBIDDEN" });
  });

  const forbidden: [string, (bus: Bus, raw: RawNats) => Promise<unknown>][] = [
    ["publish a task", (bus) => bus.tasks.publish(task(9), never)],
    ["write another worker's trajectory", (bus) => bus.trajectories.append(anEpisodeStarted({ workerId: w2 }))],
    ["report as another worker", (bus) => bus.records("WORKERS", Note).put(w2, { v: 1, n: 1 })],
    ["write a demonstration", (bus) => bus.demonstrations.put(aDemonstration(9))],
    ["retire a demonstration", (bus) => bus.demonstrations.retire("shell", "demo-1" as DemonstrationId)],
    ["change a campaign", (bus) => bus.records("CAMPAIGNS", Note).put("c-0001", { v: 1, n: 9 })],
    [
      "command the coordinator",
      (bus) => bus.request({ subject: "hindcast.control.campaign", request: Note, reply: Note, value: { v: 1, n: 1 } }),
    ],
    ["change the topology", (bus) => bus.ensureTopology({ pools: [testPool], replicas: 1, tasksBytesMax: 1 })],
    ["remove dead letters", async (bus) => bus.deadLetters.drop((await bus.deadLetters.list())[0]?.sequence ?? 1)],
    ["delete a stream", (_, raw) => raw.manager.streams.delete("RESULTS")],
    ["purge a stream", (_, raw) => raw.manager.streams.purge("OBJ_BLOBS")],
    ["lease from another pool", (_, raw) => raw.nats.request("$JS.API.CONSUMER.MSG.NEXT.TASKS.workers-web", "1")],
  ];

  it.each(forbidden)("do not let an agent %s, and say so at once", async (_, attempt) => {
    const startedAt = performance.now();
    const error: unknown = await attempt(agent, rawAgent).then(
      () => expect.unreachable("it was allowed"),
      (reason: unknown) => reason,
    );
    if (error instanceof HindcastError) expect(error.code).toBe("BUS_FORBIDDEN");
    else expect(String(error)).toContain("Permissions Violation");
    expect(performance.now() - startedAt).toBeLessThan(limits.busTryTimeoutMs);
  });

  it("do not let an agent read another's replies", async () => {
    const subscription = rawAgent.nats.subscribe("_INBOX_w-2.>");
    await expect(
      (async () => {
        for await (const _ of subscription) break;
      })(),
    ).rejects.toThrow(/[Pp]ermission/);
  });

  it("refuse a wrong password and an absent server by different names", async () => {
    const options = nats.options("client");
    const wrong = { ...options, credentials: { user: "client", password: "wrong" } };
    await expect(connectBus(wrong)).rejects.toMatchObject({
      code: "BUS_FORBIDDEN",
      message: expect.stringMatching(
        /refuses the user client or its password.*restart it where that was changed/,
      ) as string,
    });
    await expect(connectBus({ ...options, servers: "nats://127.0.0.1:1" })).rejects.toMatchObject({
      code: "BUS_UNAVAILABLE",
      retryable: true,
    });
  });
});
