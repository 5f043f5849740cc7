// Requirements: 3.3.traps, 3.bad.oversized, 3.bad.unknown-version
import { Kvm } from "@nats-io/kv";
import { Objm } from "@nats-io/obj";
import type { BlobRef, DemonstrationId, Sha256, WorkerId } from "@hindcast/shared";
import { limits, streams } from "@hindcast/shared";
import { type Bus, type DemonstrationEntry, sha256Hex } from "@hindcast/shared/node";
import { connect as connectOld } from "nats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { aDemonstration } from "../support/messages.ts";
import { aNatsServer, isSimulated, type TestNats } from "../support/nats-server.ts";
import { type RawNats, rawNats } from "../support/raw-nats.ts";

const Note = z.strictObject({ v: z.literal(1), text: z.string() });
const note = (text: string): z.infer<typeof Note> => ({ v: 1, text });
const noise = (bytes: number): Uint8Array => new Uint8Array(bytes).map((_, position) => (position * 31) % 251);

describe("records, blobs and demonstrations", () => {
  let nats: TestNats;
  let coordinator: Bus;
  let worker: Bus;
  let raw: RawNats;
  const statuses: string[] = [];

  beforeAll(async () => {
    nats = await aNatsServer();
    coordinator = await nats.coordinator({ onStatus: (status) => statuses.push(status) });
    worker = await nats.connect("w-1" as WorkerId);
    raw = await rawNats(nats);
  });
  afterAll(async () => {
    await raw[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  describe("a record", () => {
    it("is created once, updated only from its newest revision, and can be created again once deleted", async () => {
      const records = coordinator.records("CAMPAIGNS", Note);
      const revision = await records.create("c-1", note("a"));
      await expect(records.create("c-1", note("b"))).rejects.toMatchObject({ code: "BUS_CONFLICT" });
      const newer = await records.update("c-1", note("b"), revision);
      await expect(records.update("c-1", note("c"), revision)).rejects.toMatchObject({ code: "BUS_CONFLICT" });
      expect(await records.get("c-1")).toEqual({ value: note("b"), revision: newer });
      await records.delete("c-1");
      expect(await records.get("c-1")).toBeNull();
      expect(await records.create("c-1", note("d"))).toBeGreaterThan(newer);
      await expect(records.delete("c-1", newer)).rejects.toMatchObject({ code: "BUS_CONFLICT" });
      expect((await records.get("c-1"))?.value).toEqual(note("d"));
      await records.delete("c-1");
    });

    it("with a time to live expires by itself, and watchers are told", async () => {
      const records = worker.records("WORKERS", Note);
      const seen: [string, string | null][] = [];
      const stop = new AbortController();
      const watching = (async () => {
        for await (const { key, value } of coordinator.records("WORKERS", Note).watch(stop.signal)) {
          seen.push([key, value?.text ?? null]);
        }
      })();
      await records.put("w-1", note("alive"), 1_000);
      await expect
        .poll(() => seen, { timeout: 5_000 })
        .toEqual([
          ["w-1", "alive"],
          ["w-1", null],
        ]);
      expect(await coordinator.records("WORKERS", Note).entries()).toEqual([]);
      stop.abort();
      await watching;
    });

    it("is listed with the others, however many there are; one that cannot be read hides none", async () => {
      const records = coordinator.records("JOURNAL", Note);
      await Promise.all(Array.from({ length: 1_500 }, (_, n) => records.put(`entry.${n}`, note(String(n)))));
      await raw.jetstream.publish("$KV.JOURNAL.strange", JSON.stringify({ v: 2 }));
      const entries = await records.entries();
      expect(new Set(entries.map(({ key }) => key)).size).toBe(1_500);
      expect(statuses.some((status) => status.includes("unreadable record in JOURNAL"))).toBe(true);
      await expect(records.get("strange")).rejects.toMatchObject({ code: "PROTOCOL_UNKNOWN_VERSION" });
    });

    it("over the size limit, or under a key that NATS cannot hold, is refused by name", async () => {
      const records = coordinator.records("JOURNAL", Note);
      const huge = note("x".repeat(limits.messageBytesMax));
      await expect(records.put("huge", huge)).rejects.toMatchObject({ code: "PROTOCOL_TOO_LARGE" });
      for (const key of ["", "a b", "a..b", "a.*", ">"]) {
        await expect(records.put(key, note("x"))).rejects.toMatchObject({ code: "PROTOCOL_INVALID" });
      }
    });

    it("lies where every NATS client's key-value bucket looks for it", async () => {
      const records = coordinator.records("CAMPAIGNS", Note);
      await records.put("c-kv", note("shared"));
      await records.put("c-gone", note("gone"));
      await records.delete("c-gone");
      const kv = await new Kvm(raw.jetstream).open("CAMPAIGNS");
      expect((await kv.get("c-kv"))?.json()).toEqual(note("shared"));
      expect((await kv.get("c-gone"))?.operation).toBe("PURGE");
      await kv.put("c-kv", JSON.stringify(note("theirs")));
      expect((await records.get("c-kv"))?.value).toEqual(note("theirs"));
      await kv.delete("c-kv");
      expect(await records.get("c-kv")).toBeNull();
    });
  });

  describe("a blob", () => {
    it.each([0, 1, limits.blobChunkBytes, limits.blobChunkBytes + 1, 5_000_000])(
      "of %i bytes comes back whole",
      async (size) => {
        const bytes = noise(size);
        const ref = await worker.blobs.put(bytes);
        expect(ref).toEqual({ sha256: sha256Hex(bytes), bytes: size });
        expect(Buffer.compare(await coordinator.blobs.get(ref), bytes)).toBe(0);
      },
    );

    it("is stored once, however often and from wherever it is put", async () => {
      const bytes = noise(300_000).reverse();
      const refs = await Promise.all([worker.blobs.put(bytes), coordinator.blobs.put(bytes), worker.blobs.put(bytes)]);
      expect(new Set(refs.map((ref) => ref.sha256)).size).toBe(1);
      const before = (await raw.manager.streams.info("OBJ_BLOBS")).state.messages;
      await worker.blobs.put(bytes);
      expect((await raw.manager.streams.info("OBJ_BLOBS")).state.messages).toBe(before);
    });

    it("over the limit is refused, one that was never stored is not found, a damaged one is not returned", async () => {
      const tooLarge = new Uint8Array(limits.blobBytesMax + 1);
      await expect(worker.blobs.put(tooLarge)).rejects.toMatchObject({ code: "PROTOCOL_TOO_LARGE" });
      const nowhere: BlobRef = { sha256: "0".repeat(64) as Sha256, bytes: 1 };
      await expect(worker.blobs.get(nowhere)).rejects.toMatchObject({ code: "BUS_NOT_FOUND" });
      const ref = await worker.blobs.put(noise(10).fill(9));
      const info = await (await new Objm(raw.jetstream).open("BLOBS")).info(ref.sha256);
      await raw.manager.streams.purge("OBJ_BLOBS", { filter: `$O.BLOBS.C.${info?.nuid}` });
      await raw.jetstream.publish(`$O.BLOBS.C.${info?.nuid}`, new Uint8Array(10));
      await expect(worker.blobs.get(ref)).rejects.toMatchObject({ code: "BUS_NOT_FOUND" });
    });

    // The libraries read objects through push consumers, which Hindcast never uses and the simulated server has not.
    it.skipIf(isSimulated)(
      "lies where every NATS client's object store looks for it, the superseded client's too",
      async () => {
        const bytes = noise(400_000);
        const { sha256 } = await worker.blobs.put(bytes);
        const theirs = await (await new Objm(raw.jetstream).open("BLOBS")).getBlob(sha256);
        expect(Buffer.compare(theirs ?? new Uint8Array(), bytes)).toBe(0);
        const { servers, credentials } = nats.options("coordinator");
        const old = await connectOld({
          servers,
          user: credentials.user,
          pass: credentials.password,
          inboxPrefix: "_INBOX_coordinator",
        });
        const older = await (await old.jetstream().views.os("BLOBS")).getBlob(sha256);
        expect(Buffer.compare(older ?? new Uint8Array(), bytes)).toBe(0);
        await old.close();
      },
    );
  });

  describe("the log of demonstrations", () => {
    it("replays from a sequence, replaces, retires, and reports what it cannot read", async () => {
      const index = await nats.connect("index-core");
      const first = await coordinator.demonstrations.put(aDemonstration(1));
      await coordinator.demonstrations.put(aDemonstration(2));
      await coordinator.demonstrations.put(aDemonstration(1, { score: 3 }));
      await coordinator.demonstrations.retire("shell", "demo-2" as DemonstrationId);
      await raw.jetstream.publish("hindcast.demonstration.shell.demo-9", JSON.stringify({ v: 2 }));
      const last = await coordinator.demonstrations.put(aDemonstration(3));
      const entries: DemonstrationEntry[] = [];
      for await (const entry of index.demonstrations.follow(first, AbortSignal.timeout(5_000))) {
        if ("id" in entry) entries.push(entry);
        if (entry.sequence === last) break;
      }
      expect(entries.map(({ id, demonstration }) => [id, demonstration?.score ?? null])).toEqual([
        ["demo-1", 3],
        ["demo-2", null],
        ["demo-9", null],
        ["demo-3", 5],
      ]);
      expect(entries.map(({ problem }) => problem === null)).toEqual([true, true, false, true]);
      expect(await index.demonstrations.lastSequence()).toBe(last);
      expect((await raw.manager.streams.info(streams.demonstrations)).state.messages).toBe(4);
    });

    it("stores what is told of a graph by one only, and only by who has seen what was told before", async () => {
      const [one, other] = [await nats.connect("index-core"), await nats.connect("index-core")];
      const range = { v: 1, group: "1-0-abc", environment: "shell", from: 0, to: 64 } as const;
      const begin = { ...range, kind: "graph.begin", hasGraph: true, after: 0 } as const;
      const applied = await one.demonstrations.lastSequence();
      const told = await Promise.all([one, other].map(async (bus) => await bus.demonstrations.tell(begin, applied)));
      expect(told.filter((stored) => stored)).toHaveLength(1);
      const sequence = applied + 1;
      const ready = { ...range, kind: "graph.ready", begunAt: sequence, fingerprint: "0".repeat(16) } as const;
      expect(await one.demonstrations.tell(ready, sequence)).toBe(true);
      expect(await other.demonstrations.tell(begin, applied)).toBe(false);
      expect(await other.demonstrations.tell(begin, sequence)).toBe(true);
      const graphs: unknown[] = [];
      for await (const entry of other.demonstrations.follow(sequence, AbortSignal.timeout(5_000))) {
        if ("graph" in entry) graphs.push(entry.graph);
        if (entry.sequence === sequence + 2) break;
      }
      expect(graphs, "the first begin was replaced").toEqual([ready, begin]);
    });

    it("refuses an environment that cannot be part of a subject", async () => {
      const odd = aDemonstration(1, { environment: "a.b" });
      await expect(coordinator.demonstrations.put(odd)).rejects.toMatchObject({ code: "PROTOCOL_INVALID" });
    });
  });
});
