// Requirements: 3.3.queue, 3.3.fencing, 3.3.traps, 3.bad.nats-restart
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, readlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { CampaignId, DemonstrationId, EpisodeId, TaskId, WorkerId } from "@hindcast/shared";
import { subjects } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { acquire } from "../support/leases.ts";
import { aDemonstration, anEpisodeEnded, aStepRecorded, task } from "../support/messages.ts";
import { aNatsServer, type TestNats, testPool } from "../support/nats-server.ts";
import { rawNats } from "../support/raw-nats.ts";

const never = new AbortController().signal;
const w1 = "w-1" as WorkerId;
const campaignId = "c-0001" as CampaignId;
const Note = z.strictObject({ v: z.literal(1), n: z.int() });

describe("the bus across kill -9 and restart of the server", () => {
  let nats: TestNats;
  let coordinator: Bus;
  let worker: Bus;
  const statuses: string[] = [];

  beforeAll(async () => {
    nats = await aNatsServer();
    coordinator = await nats.coordinator();
    worker = await nats.connect(w1, { onStatus: (status) => statuses.push(status) });
  });
  afterAll(async () => {
    await nats[Symbol.asyncDispose]();
  });

  async function crash(downMs = 300): Promise<void> {
    await nats.server.kill();
    await delay(downMs);
    await nats.server.restart();
  }

  it("loses nothing that a publisher was told is stored, and stores everything once", async () => {
    const total = 400;
    const episodeId = "ep-crash" as EpisodeId;
    const publishing = Promise.all([
      (async () => {
        for (let n = 1; n <= total; n += 1) await worker.trajectories.append(aStepRecorded(n, { episodeId }));
      })(),
      ...Array.from({ length: 100 }, (_, n) =>
        worker.results.put(anEpisodeEnded({ taskId: `task-crash${n}` as TaskId })),
      ),
      (async () => {
        for (let n = 1; n <= 100; n += 1) await coordinator.tasks.publish(task(`crash${n}`), never);
      })(),
    ]);
    await delay(50);
    await crash();
    await delay(100);
    await crash();
    const outcomes = await publishing;
    expect(outcomes.filter((outcome) => outcome === "already")).toEqual([]);
    const read = await coordinator.trajectories.read(campaignId, episodeId);
    expect(read.map(({ record }) => (record.kind === "step.recorded" ? record.step.index : 0))).toEqual(
      Array.from({ length: total }, (_, position) => position + 1),
    );
    expect(await coordinator.tasks.backlog(testPool)).toEqual({ queued: 100, working: 0 });
    expect(statuses).toContain("disconnected");
    expect(statuses).toContain("reconnected");
  });

  it("does not forget who waits for the connection when a reconnection fails half-way", async () => {
    const port = Number(new URL(nats.server.url).port);
    await nats.server.kill();
    const appending = worker.trajectories.append(aStepRecorded(1, { episodeId: "ep-half" as EpisodeId }));
    // A server that dies while it welcomes the client, again and again.
    const dropped = { count: 0 };
    const dropper = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.write('INFO {"server_id":"x","version":"2.14.5","max_payload":1048576,"headers":true}\r\n');
      socket.once("data", () => {
        dropped.count += 1;
        socket.destroy();
      });
    });
    dropper.listen(port, "127.0.0.1");
    await expect.poll(() => dropped.count, { timeout: 10_000 }).toBeGreaterThan(2);
    await new Promise((resolve) => dropper.close(resolve));
    await nats.server.restart();
    await appending;
    expect(await coordinator.trajectories.read(campaignId, "ep-half" as EpisodeId)).toHaveLength(1);
  });

  it("goes on leasing: a wait under way survives, and a lease taken before is still good", async () => {
    await coordinator.tasks.purge(campaignId);
    await coordinator.tasks.publish(task("before"), never);
    const [before] = await worker.tasks.lease(testPool, 1, 10_000, never);
    const leased: string[] = [];
    const stop = new AbortController();
    const leasing = (async () => {
      while (!stop.signal.aborted) {
        for (const each of await worker.tasks.lease(testPool, 2, 5_000, stop.signal)) {
          leased.push(each.task.taskId);
          expect(await each.done()).toBe(true);
        }
      }
    })();
    await delay(100);
    await crash();
    await coordinator.tasks.publish(task("after"), never);
    await expect.poll(() => leased, { timeout: 20_000 }).toEqual(["task-after"]);
    expect(await before?.done()).toBe(true);
    expect(await coordinator.tasks.backlog(testPool)).toEqual({ queued: 0, working: 0 });
    stop.abort();
    await leasing;
  });

  it("follows demonstrations, results and records without a gap, a repetition or a second start", async () => {
    const index = await nats.connect("index-core");
    const stop = new AbortController();
    const seen = { demonstrations: [] as string[], results: [] as string[], notes: [] as number[] };
    const notes = coordinator.records("CAMPAIGNS", Note);
    const following = Promise.all([
      (async () => {
        for await (const entry of index.demonstrations.follow(1, stop.signal)) {
          if ("id" in entry) seen.demonstrations.push(entry.id);
        }
      })(),
      (async () => {
        const of = "c-follow" as CampaignId;
        for await (const result of coordinator.results.watch(of, stop.signal)) seen.results.push(result.taskId);
      })(),
      (async () => {
        for await (const { value } of notes.watch(stop.signal)) seen.notes.push(value?.n ?? -1);
      })(),
    ]);
    const write = async (n: number): Promise<void> => {
      await coordinator.demonstrations.put(aDemonstration(n));
      await worker.results.put(anEpisodeEnded({ campaignId: "c-follow" as CampaignId, taskId: `task-${n}` as TaskId }));
      await notes.put(`note-${n}`, { v: 1, n });
    };
    for (let n = 1; n <= 20; n += 1) await write(n);
    await expect.poll(() => seen.demonstrations.length).toBe(20);
    await crash();
    for (let n = 21; n <= 40; n += 1) await write(n);
    const numbers = Array.from({ length: 40 }, (_, position) => position + 1);
    const expected = {
      demonstrations: numbers.map((n) => `demo-${n}`),
      results: numbers.map((n) => `task-${n}`),
      notes: numbers,
    };
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual(expected);
    stop.abort();
    await following;
    expect(await index.demonstrations.lastSequence()).toBe(40);
    expect(await coordinator.demonstrations.retire("shell", "demo-1" as DemonstrationId)).toBe(41);
  });

  it("answers requests again, and blobs written across the crash are whole", async () => {
    const Echo = z.strictObject({ v: z.literal(1), text: z.string() });
    await using _ = await coordinator.serve({
      subject: subjects.control("echo"),
      queue: "coordinator",
      request: Echo,
      reply: Echo,
      handle: (request) => Promise.resolve(request),
    });
    const bytes = new Uint8Array(4_000_000).map((_, position) => (position * 7) % 253);
    const putting = worker.blobs.put(bytes);
    await delay(20);
    await crash();
    expect(Buffer.compare(await coordinator.blobs.get(await putting), bytes)).toBe(0);
    const client = await nats.connect("client");
    const value = { v: 1 as const, text: "hello" };
    const ask = () => client.request({ subject: subjects.control("echo"), request: Echo, reply: Echo, value });
    await expect.poll(() => ask().catch(() => null)).toEqual(value);
  });

  it("tells a worker that its lease is lost when the server stays away longer than the lease lasts", async () => {
    const lease = await acquire(worker, "episode.ep-outage", w1, 1_500);
    const other = await acquire(worker, "episode.ep-short-outage", w1, 10_000);
    await nats.server.kill();
    await expect.poll(() => lease?.lost.aborted, { timeout: 5_000 }).toBe(true);
    await nats.server.restart();
    expect(await other?.renew()).toBe(true);
    expect(other?.lost.aborted).toBe(false);
    await other?.release();
    expect(await lease?.renew()).toBe(false);
  });
});

describe("what follows a bucket", () => {
  it.each([
    ["not as far as", 1],
    ["beyond", 9],
  ])("goes on where the bucket was deleted and made anew, and has come %s where it was", async (_, count) => {
    await using nats = await aNatsServer();
    const coordinator = await nats.coordinator();
    const worker = await nats.connect(w1);
    await using raw = await rawNats(nats);
    const notes = coordinator.records("CAMPAIGNS", Note);
    const seen: number[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      for await (const { value } of worker.records("CAMPAIGNS", Note).watch(stop.signal)) seen.push(value?.n ?? -1);
    })();
    for (let n = 1; n <= 5; n += 1) await notes.put(`note-${n}`, { v: 1, n });
    await expect.poll(() => seen).toEqual([1, 2, 3, 4, 5]);
    const { config } = await raw.manager.streams.info("KV_CAMPAIGNS");
    const after = Array.from({ length: count }, (__, n) => 6 + n);
    // Within the pause after which who follows looks what happened.
    await raw.manager.streams.delete("KV_CAMPAIGNS");
    await raw.manager.streams.add(config);
    const put = (n: number): Promise<unknown> =>
      raw.nats.request(`$KV.CAMPAIGNS.note-${n}`, JSON.stringify({ v: 1, n }));
    await Promise.all(after.map(put));
    // Repeating what was seen does no harm; leaving something out does.
    await expect.poll(() => [...new Set(seen)], { timeout: 15_000 }).toEqual([1, 2, 3, 4, 5, ...after]);
    stop.abort();
    await watching;
  });
});

describe("a connection whose server does not come back as it was", () => {
  it("lets nobody wait for an answer longer than was asked for", async () => {
    await using nats = await aNatsServer();
    const client = await nats.connect("client");
    await nats.server.kill();
    const exchange = { subject: subjects.control("echo"), request: Note, reply: Note, value: { v: 1 as const, n: 1 } };
    // The first may still be sent before the loss is noticed.
    for (const _ of [1, 2]) {
      const startedAt = performance.now();
      await expect(client.request({ ...exchange, timeoutMs: 300 })).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    }
  });

  it("says that it is gone for good where its password is refused, because nothing tries again", async () => {
    await using nats = await aNatsServer();
    // Its configuration names the ports only once it was started again on them.
    await nats.server.restart();
    const statuses: string[] = [];
    const closed = Promise.withResolvers<Error>();
    const client = await nats.connect("client", {
      onStatus: (status) => statuses.push(status),
      onClosed: closed.resolve,
    });
    const { credentials } = nats.options("client");
    const binary = await readlink(`/proc/${nats.server.pid}/exe`);
    await nats.server.kill();
    const configFile = join(nats.directory, "nats-server.conf");
    const config = await readFile(configFile, "utf8");
    await writeFile(configFile, config.replace(credentials.password, "another"));
    const changed = spawn(binary, ["--config", configFile], { stdio: "ignore" });
    try {
      expect(await closed.promise).toMatchObject({
        code: "BUS_FORBIDDEN",
        message: expect.stringContaining("the user client or its password") as string,
      });
      expect(statuses.some((status) => status.startsWith("error the connection was closed"))).toBe(true);
      await expect(client.blobs.put(new Uint8Array(1))).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
    } finally {
      changed.kill("SIGKILL");
      await once(changed, "exit");
    }
  });

  it("says nothing of the kind where it was closed on purpose", async () => {
    await using nats = await aNatsServer();
    const told: Error[] = [];
    const client = await nats.connect("client", { onClosed: (error) => told.push(error) });
    await client.close();
    await delay(100);
    expect(told).toEqual([]);
  });
});
