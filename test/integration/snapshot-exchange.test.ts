// Snapshots of an index travel to a new replica through a real NATS server.
// Requirements: 4.2.bf16, 4.6.shipping
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DemonstrationIndex,
  SnapshotExchange,
  type SnapshotExchangeOptions,
  SnapshotPointer,
} from "@hindcast/index-core";
import { limits } from "@hindcast/shared";
import { type Bus, type Logger, silentLogger } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FolderIndex } from "../support/folder-index.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { rawNats } from "../support/raw-nats.ts";
import { aDemonstrationOf, aRetrievalQuery } from "../support/retrieval.ts";

const never = new AbortController().signal;
let nats: TestNats;
let bus: Bus;
let directory: string;
let events: string[];
let now: Date;

beforeEach(async () => {
  nats = await aNatsServer();
  await nats.coordinator();
  // With the permissions of a replica.
  bus = await nats.connect("index-core");
  directory = await mkdtemp(join(tmpdir(), "hindcast-snapshots-"));
  events = [];
  now = new Date();
});
afterEach(async () => {
  await nats[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

interface TestReplica {
  index: FolderIndex;
  exchange: SnapshotExchange;
  /** Checkpoints and publishes. */
  publish(sequence: number, contents: Record<string, string>): Promise<void>;
  /** Opens the newest index in the folder's place. */
  fetch(streamEnd?: number): Promise<FolderIndex>;
}

async function aReplica(name: string, options: Partial<SnapshotExchangeOptions> = {}): Promise<TestReplica> {
  const folder = join(directory, name);
  const index = await FolderIndex.open(folder);
  const note = (fields: { event?: string; problem?: string }): void => {
    events.push(`${fields.event}${fields.problem === undefined ? "" : ` ${fields.problem}`}`);
  };
  const exchange = new SnapshotExchange({
    pointers: bus.records("INDEXES", SnapshotPointer),
    blobs: bus.indexBlobs,
    folder,
    partition: { index: 0, of: 1 },
    indexVersion: "hash-v1 one",
    logger: { ...silentLogger, info: note, warn: note } as unknown as Logger,
    partBytes: 1_000,
    now: () => now,
    ...options,
  });
  return {
    index,
    exchange,
    publish: async (sequence, contents) => {
      await exchange.offer(await index.checkpoint(sequence, contents), never);
      await exchange.settled();
    },
    fetch: (streamEnd = 1_000) =>
      exchange.openNewest(index, () => FolderIndex.open(folder), { streamEnd, signal: never }),
  };
}

const contentOf = async (index: FolderIndex): Promise<Record<string, string>> => {
  const names = (await readdir(index.folder)).filter((name) => name !== "MANIFEST");
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(index.folder, name), "utf8")])),
  );
};
const large = Array.from({ length: 500 }, (_, n) => `segment ${n}`).join(" ");

describe("a snapshot", () => {
  test("gives an empty replica the newest index of its version", async () => {
    const first = await aReplica("first");
    await first.publish(10, { "1.segment": "old" });
    const contents = { "1.segment": large, "2.segment": "", "3.segment": "two" };
    await first.publish(20, contents);
    const second = await aReplica("second");
    const opened = await second.fetch();
    expect(opened.sequence).toBe(20);
    expect(second.index.isClosed).toBe(true);
    expect(await contentOf(opened)).toEqual(contents);
    expect((await readdir(directory)).toSorted()).toEqual(["first", "second"]);
  });

  test("that was fetched by a process which was killed over it leaves nothing beside its folder", async () => {
    await mkdir(join(directory, "first.previous"));
    await (await aReplica("first")).fetch();
    expect(await readdir(directory)).toEqual(["first"]);
  });

  test("is left alone by a replica that is as far, of another version, or of another partition", async () => {
    await (await aReplica("first")).publish(20, { a: "x" });
    const same = await aReplica("same");
    await same.index.checkpoint(20, { b: "y" });
    const reopened = await aReplica("same");
    expect((await reopened.fetch()) === reopened.index).toBe(true);
    for (const other of [{ indexVersion: "hash-v2" }, { partition: { index: 1, of: 2 } }]) {
      const replica = await aReplica("other", other);
      expect((await replica.fetch()).sequence).toBe(0);
      expect(replica.index.isClosed).toBe(false);
    }
  });

  test("sends parts that did not change only once", async () => {
    const first = await aReplica("first");
    await first.publish(10, { "1.segment": large });
    const before = await bus.indexBlobs.list();
    await first.publish(20, { "1.segment": large, "2.segment": "new" });
    const after = await bus.indexBlobs.list();
    // The new segment and the manifest.
    expect(after.length - before.length).toBe(2);
    expect(after.length).toBeGreaterThan(5);
  });

  test("is published by one replica at a time, and never replaces a newer one", async () => {
    const first = await aReplica("first");
    const second = await aReplica("second");
    await first.publish(20, { a: "of the first" });
    await second.publish(15, { a: "of the second" });
    const claimed = bus.records("INDEXES", SnapshotPointer);
    const [{ key, value } = expect.unreachable()] = await claimed.entries();
    await claimed.put(key, { ...value, claimedUntil: new Date(now.getTime() + 1_000).toISOString() });
    await second.publish(30, { a: "while another publishes" });
    expect((await (await aReplica("third")).fetch()).sequence).toBe(20);
    // The claim of a replica that died runs out.
    now = new Date(now.getTime() + 2_000);
    await second.publish(40, { a: "later" });
    expect((await (await aReplica("fourth")).fetch()).sequence).toBe(40);
  });

  test("is what was checkpointed, whatever becomes of the folder while it is being sent", async () => {
    const first = await aReplica("first");
    await first.exchange.offer(await first.index.checkpoint(10, { a: large }), never);
    await first.index.checkpoint(11, { b: "other" });
    await first.exchange.settled();
    const opened = await (await aReplica("second")).fetch();
    expect([opened.sequence, await contentOf(opened)]).toEqual([10, { a: large }]);
  });

  test("with a missing part is passed over, and the replica stays as it was", async () => {
    await (await aReplica("first")).publish(10, { a: large, b: "small" });
    const [blob] = await bus.indexBlobs.list();
    await bus.indexBlobs.remove(blob!);
    const second = await aReplica("second");
    expect(await second.fetch()).toBe(second.index);
    expect(second.index.isClosed).toBe(false);
    expect(events.join("\n")).toMatch(/snapshot.unavailable blob .* cannot be read/);
    expect((await readdir(directory)).toSorted()).toEqual(["first", "second"]);
  });

  test("with a damaged part is passed over", { timeout: 30_000 }, async () => {
    await (await aReplica("first")).publish(10, { a: "small" });
    await using raw = await rawNats(nats, "coordinator");
    const stream = await raw.manager.streams.info("OBJ_INDEXES", { subjects_filter: "$O.INDEXES.C.>" });
    for (const subject of Object.keys(stream.state.subjects ?? {})) {
      await raw.manager.streams.purge("OBJ_INDEXES", { filter: subject });
      await raw.nats.request(subject, "wrong");
    }
    expect((await (await aReplica("second")).fetch()).sequence).toBe(0);
    expect(events.join("\n")).toMatch(/snapshot.unavailable/);
  });

  test("that the index refuses is thrown away, and what the replica had stays in its place", async () => {
    const first = await aReplica("first");
    const files = await first.index.checkpoint(10, { a: "good" });
    // A manifest that names another checksum than the file has: damage before it was published.
    await first.exchange.offer({ ...files, files: files.files.filter(({ name }) => name === "MANIFEST") }, never);
    await first.exchange.settled();
    const empty = await (await aReplica("second")).fetch();
    expect([empty.sequence, await readdir(empty.folder)]).toEqual([0, []]);
    expect(events.join("\n")).toMatch(/snapshot.refused/);
    const behind = await aReplica("third");
    await behind.index.checkpoint(5, { a: "its own" });
    const kept = await (await aReplica("third")).fetch();
    expect([kept.sequence, await contentOf(kept)]).toEqual([5, { a: "its own" }]);
    expect((await readdir(directory)).toSorted()).toEqual(["first", "second", "third"]);
  });

  test("leaves nothing behind once it is outdated", async () => {
    const first = await aReplica("first");
    await first.publish(10, { a: large, b: "kept" });
    const outdated = new Set((await bus.indexBlobs.list()).map(({ sha256 }) => sha256));
    await (await aReplica("old", { indexVersion: "hash-v0" })).publish(5, { a: "of another version" });
    now = new Date(now.getTime() + limits.snapshotOrphanMs + 60_000);
    await first.publish(20, { b: "kept" });
    const kept = await bus.indexBlobs.list();
    expect(kept.filter(({ sha256 }) => outdated.has(sha256))).toHaveLength(1);
    expect((await (await aReplica("second")).fetch()).sequence).toBe(20);
    expect(await bus.records("INDEXES", SnapshotPointer).entries()).toHaveLength(2);
    now = new Date(now.getTime() + limits.snapshotOtherVersionMs + 60_000);
    await first.publish(30, { b: "kept" });
    expect(await bus.records("INDEXES", SnapshotPointer).entries()).toHaveLength(1);
    // File and manifest.
    expect((await bus.indexBlobs.list()).length).toBeLessThanOrEqual(3);
  });

  test("of a stream that was replaced is dropped, and so is the index", async () => {
    const first = await aReplica("first");
    await first.publish(500, { a: "of the old stream" });
    const restarted = await aReplica("first");
    const empty = await restarted.fetch(20);
    expect([empty.sequence, await readdir(empty.folder)]).toEqual([0, []]);
    expect(events).toContain("snapshot.outdated");
    await first.publish(20, { a: "of the new stream" });
    expect((await (await aReplica("second")).fetch(20)).sequence).toBe(20);
  });

  test("that cannot be sent leaves its place to the next one", async () => {
    const first = await aReplica("first");
    const files = await first.index.checkpoint(10, { a: "good" });
    const longer = files.files.map((file) => ({ ...file, bytes: file.bytes + 1 }));
    await first.exchange.offer({ ...files, files: longer }, never);
    await first.exchange.settled();
    expect(events.join("\n")).toMatch(/snapshot.unpublished .* is shorter than/);
    await (await aReplica("second")).publish(11, { a: "better" });
    expect((await (await aReplica("third")).fetch()).sequence).toBe(11);
  });

  test.each([
    ["f32", "bf16"],
    ["bf16", "f32"],
  ] as const)(
    "of the real index, kept as %s, opens in another folder, with the same answers",
    async (storage, other) => {
      const open = (name: string, as: "f32" | "bf16" = storage): Promise<DemonstrationIndex> =>
        DemonstrationIndex.open({ folder: join(directory, name), storage: as });
      const exchangeOf = (name: string, indexVersion: string): SnapshotExchange =>
        new SnapshotExchange({
          pointers: bus.records("INDEXES", SnapshotPointer),
          blobs: bus.indexBlobs,
          folder: join(directory, name),
          partition: { index: 0, of: 1 },
          indexVersion,
          logger: silentLogger,
          partBytes: 10_000,
        });
      const query = aRetrievalQuery({ query: "tag number 7", observation: "On branch main" });
      await using first = await open("first");
      const exchange = exchangeOf("first", first.version);
      for (const from of [0, 30]) {
        await first.upsert(
          Array.from({ length: 30 }, (_, n) =>
            aDemonstrationOf(from + n, { instruction: `Tag number ${from + n}`, initial: "On branch main" }),
          ),
        );
        await exchange.offer(await first.checkpoint(from + 30), never);
        await exchange.settled();
      }
      const empty = await open("second");
      await using second = await exchangeOf("second", empty.version).openNewest(empty, () => open("second"), {
        streamEnd: 60,
        signal: never,
      });
      expect(second.sequence).toBe(60);
      expect(await second.search([query])).toEqual(await first.search([query]));
      // It is no snapshot for a replica that keeps its rows otherwise.
      await using third = await open("third", other);
      const found = await exchangeOf("third", third.version).openNewest(third, () => open("third", other), {
        streamEnd: 60,
        signal: never,
      });
      expect([found === third, found.sequence]).toEqual([true, 0]);
    },
  );

  test("is not missed: without the bucket a replica opens what it has", async () => {
    await using raw = await rawNats(nats, "coordinator");
    await raw.manager.streams.delete("KV_INDEXES");
    const replica = await aReplica("first");
    const outcome = await replica.fetch();
    expect(outcome.sequence).toBe(0);
  });
});
