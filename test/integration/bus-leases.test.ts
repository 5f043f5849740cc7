// Requirements: 3.3.fencing, 3.3.traps, 5.1.revenant
import { setTimeout as delay } from "node:timers/promises";
import { Kvm } from "@nats-io/kv";
import type { EpisodeId, LeaseName, WorkerId } from "@hindcast/shared";
import { buckets, leaseOf, limits } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { acquire } from "../support/leases.ts";
import { aNatsServer, isSimulated, type TestNats } from "../support/nats-server.ts";
import { type RawNats, rawNats } from "../support/raw-nats.ts";

const [w1, w2] = ["w-1" as WorkerId, "w-2" as WorkerId];
const episode = (name: string): LeaseName => leaseOf.episode(`ep-${name}` as EpisodeId);

describe("leases", () => {
  let nats: TestNats;
  let coordinator: Bus;
  let one: Bus;
  let two: Bus;
  let raw: RawNats;

  beforeAll(async () => {
    nats = await aNatsServer();
    coordinator = await nats.coordinator();
    one = await nats.connect(w1);
    two = await nats.connect(w2);
    raw = await rawNats(nats);
  });
  afterAll(async () => {
    await raw[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  it("are held by one worker at a time, under a token that only grows", async () => {
    const first = await acquire(one, episode("a"), w1);
    expect(await acquire(two, episode("a"), w2)).toBeNull();
    expect(await coordinator.leases.holder(episode("a"))).toEqual({ workerId: w1, token: first?.token });
    await first?.release();
    expect(await coordinator.leases.holder(episode("a"))).toBeNull();
    const second = await acquire(two, episode("a"), w2);
    expect(second?.token).toBeGreaterThan(first?.token ?? Infinity);
    await second?.release();
  });

  it("are won by exactly one of many who ask at once", async () => {
    const asking = Array.from({ length: 10 }, (_, n) =>
      n % 2 === 0
        ? acquire(one, episode("race"), `w-r${n}` as WorkerId)
        : acquire(two, episode("race"), `w-r${n}` as WorkerId),
    );
    const won = (await Promise.all(asking)).filter((lease) => lease !== null);
    expect(won).toHaveLength(1);
    await won[0]?.release();
  });

  it("that outlive their time to live, as a killed server may bring them back, are nobody's", async () => {
    const name = episode("revenant");
    const before = await acquire(one, name, w1);
    expect(await acquire(two, name, w2)).toBeNull();
    const now = performance.now.bind(performance);
    vi.spyOn(performance, "now").mockImplementation(() => now() + limits.leaseTtlMs + limits.expiryLagMsMax + 1_000);
    onTestFinished(() => void vi.restoreAllMocks());
    // Renewed, as a living one is: it is another.
    expect(await before?.renew()).toBe(true);
    expect(await acquire(two, name, w2)).toBeNull();
    vi.restoreAllMocks();
    vi.spyOn(performance, "now").mockImplementation(
      () => now() + 2 * (limits.leaseTtlMs + limits.expiryLagMsMax + 1_000),
    );
    const after = await acquire(two, name, w2);
    expect(after?.token).toBeGreaterThan(before?.token ?? Infinity);
    // Were it alive after all, it is fenced like any other.
    expect(await before?.renew()).toBe(false);
    await after?.release();
  });

  it("that nobody here can read are taken over like others, when nobody has renewed them for as long", async () => {
    const name = episode("unreadable-revenant");
    await raw.jetstream.publish(`$KV.LEASES.${name}`, JSON.stringify({ v: 99 }), { ttl: "3600000ms" });
    expect(await acquire(two, name, w2)).toBeNull();
    const now = performance.now.bind(performance);
    vi.spyOn(performance, "now").mockImplementation(() => now() + 3_600_000 + limits.expiryLagMsMax + 1_000);
    onTestFinished(() => void vi.restoreAllMocks());
    const lease = await acquire(two, name, w2);
    expect(lease?.workerId).toBe(w2);
    await lease?.release();
  });

  it("expire when they are not renewed, and then belong to who takes them", async () => {
    await using crashed = await rawNats(nats, w1);
    // A worker that acquired and died: the key with its time to live, and nobody to renew it.
    await crashed.jetstream.publish("$KV.LEASES.episode.ep-expire", JSON.stringify({ v: 1, workerId: w1 }), {
      ttl: "1s",
    });
    expect(await acquire(two, episode("expire"), w2)).toBeNull();
    await expect.poll(() => two.leases.holder(episode("expire")), { timeout: 5_000 }).toBeNull();
    const lease = await acquire(two, episode("expire"), w2);
    expect(lease?.workerId).toBe(w2);
    await lease?.release();
  });

  // Nine seconds of waiting, once: against the real server.
  it.skipIf(isSimulated)(
    "live on past their time to live while they are renewed, and end within it when their worker dies",
    async () => {
      const dying = await nats.connect(w1);
      const lease = await acquire(dying, episode("renew"), w1, 3_000);
      await delay(6_500);
      expect(lease?.lost.aborted).toBe(false);
      expect(await acquire(two, episode("renew"), w2)).toBeNull();
      const holder = async () => (await two.leases.holder(episode("renew")))?.token === lease?.token;
      await expect.poll(holder).toBe(true);
      await dying.close();
      await expect.poll(() => two.leases.holder(episode("renew")), { timeout: 15_000 }).toBeNull();
      await expect.poll(() => lease?.lost.aborted).toBe(true);
    },
  );

  it("would never end if they were renewed by the library's own bucket, which erases the time to live", async () => {
    const kv = await new Kvm(raw.jetstream).open(buckets.leases, { allow_direct: true });
    const put = await raw.jetstream.publish("$KV.LEASES.episode.trap", "x", { ttl: "1s" });
    await kv.update("episode.trap", "x", put.seq);
    await delay(2_500);
    expect((await kv.get("episode.trap"))?.operation).toBe("PUT");
    await kv.purge("episode.trap", { ttl: "1s" });
  });

  it("tell their holder when somebody else has them", async () => {
    const lease = await acquire(one, episode("taken"), w1);
    // Expiry on the server and acquisition by another, as the holder would find it after a long pause.
    await raw.jetstream.publish("$KV.LEASES.episode.ep-taken", JSON.stringify({ v: 1, workerId: w2 }));
    expect(await lease?.renew()).toBe(false);
    expect(lease?.lost.aborted).toBe(true);
    await lease?.release();
    expect((await coordinator.leases.holder(episode("taken")))?.workerId).toBe(w2);
  });

  it("can be taken over by the same worker, which fences its older self", async () => {
    const older = await acquire(one, episode("self"), w1);
    const newer = await acquire(one, episode("self"), w1);
    expect(newer?.token).toBeGreaterThan(older?.token ?? Infinity);
    expect(await older?.renew()).toBe(false);
    expect(older?.lost.aborted).toBe(true);
    expect(await newer?.renew()).toBe(true);
    await newer?.release();
  });

  it("leave nothing in their bucket once released or expired", async () => {
    const lease = await acquire(one, episode("clean"), w1);
    await lease?.release();
    await raw.manager.streams.purge("KV_LEASES", { filter: "$KV.LEASES.episode.ep-taken" });
    await expect
      .poll(async () => (await raw.manager.streams.info("KV_LEASES")).state.messages, { timeout: 10_000 })
      .toBe(0);
  });
});
