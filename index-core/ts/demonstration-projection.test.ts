// The projection against a scripted log; against a real stream in test/integration/retrieval-service.test.ts.
// Requirements: 3.8.rebuild, 4.6.shipping, 4.7.partitions
import { PassThrough } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Demonstration, type DemonstrationId, HindcastError, limits, partitionOf } from "@hindcast/shared";
import { type DemonstrationEntry, type DemonstrationLog, silentLogger } from "@hindcast/shared/node";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { aDemonstrationOf } from "../../test/support/retrieval.ts";
import { DemonstrationIndex } from "./demonstration-index.ts";
import { DemonstrationProjection } from "./demonstration-projection.ts";

afterEach(() => vi.useRealTimers());

/** Yields the entries, then stays silent. */
function aLog(
  entries: DemonstrationEntry[],
  last = entries.at(-1)?.sequence ?? 0,
): Pick<DemonstrationLog, "follow" | "lastSequence"> {
  return {
    lastSequence: async () => await Promise.resolve(last),
    async *follow(from, signal) {
      yield* entries.filter((entry) => entry.sequence >= from);
      await untilAborted(signal);
    },
  };
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
}

function entry(sequence: number, demonstration: Demonstration): DemonstrationEntry {
  return { sequence, id: demonstration.id, environment: demonstration.environment, demonstration, problem: null };
}

function gone(sequence: number, id: string, problem: string | null = null): DemonstrationEntry {
  return { sequence, id: id as DemonstrationId, environment: "shell", demonstration: null, problem };
}

async function project(log: Pick<DemonstrationLog, "follow" | "lastSequence">): Promise<{
  index: DemonstrationIndex;
  projection: DemonstrationProjection;
  rejected: () => number;
  running: Promise<void>;
}> {
  const index = await DemonstrationIndex.open();
  const stop = new AbortController();
  let count = 0;
  const projection = new DemonstrationProjection({ log, index, logger: silentLogger, onRejected: () => (count += 1) });
  const running = projection.run(stop.signal);
  running.catch(() => undefined);
  onTestFinished(async () => {
    stop.abort();
    await running.catch(() => undefined);
    await index.close();
  });
  await projection.catchUp(stop.signal);
  return { index, projection, rejected: () => count, running };
}

test("of several entries of one id in a batch the last one counts", async () => {
  const one = aDemonstrationOf(1, { instruction: "First" });
  const again = aDemonstrationOf(1, { instruction: "Second" });
  const log = aLog([
    entry(1, one),
    entry(2, again),
    entry(3, aDemonstrationOf(2)),
    gone(4, "demo-2"),
    gone(5, "demo-3"),
    entry(6, aDemonstrationOf(3)),
  ]);
  const { index, projection } = await project(log);
  expect(await index.get([one.id, "demo-2" as DemonstrationId])).toEqual([again, null]);
  expect((await index.stats()).demonstrations).toBe(2);
  expect(projection.appliedSequence).toBe(6);
});

test("far more entries than are read ahead arrive all", async () => {
  const many = limits.projectionBatchMax * 3 + 7;
  const { index } = await project(aLog(Array.from({ length: many }, (_, n) => entry(n + 1, aDemonstrationOf(n)))));
  expect((await index.stats()).demonstrations).toBe(many);
});

test("what cannot be indexed is counted, keeps nobody else out, and takes its older version with it", async () => {
  const refused = aDemonstrationOf(2, { models: { act: "m".repeat(300) } });
  const log = aLog([
    entry(1, aDemonstrationOf(1)),
    entry(2, refused),
    entry(3, aDemonstrationOf(3)),
    gone(4, "demo-1", "unknown version"),
  ]);
  const { index, rejected } = await project(log);
  expect((await index.stats()).demonstrations).toBe(1);
  expect(rejected()).toBe(2);
});

test("a replica waits for a stream that does not exist yet", async () => {
  const log = aLog([entry(1, aDemonstrationOf(1))]);
  let asked = 0;
  const missing = new HindcastError({ code: "BUS_NOT_FOUND", boundary: "bus", message: "no stream DEMONSTRATIONS" });
  const lastSequence = async (): Promise<number> => {
    asked += 1;
    if (asked < 3) throw missing;
    return await log.lastSequence();
  };
  const { index } = await project({ ...log, lastSequence });
  expect((await index.stats()).demonstrations).toBe(1);
});

test("a stream is not shorter for what comes while its end is being told", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const [second, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let asked = 0;
  const { projection, running } = await project({
    lastSequence: async () => {
      asked += 1;
      if (asked > 1) await answer.promise;
      return 1;
    },
    async *follow(_from, signal) {
      yield entry(1, aDemonstrationOf(1));
      await second.promise;
      yield entry(2, aDemonstrationOf(2));
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  });
  let failure: unknown = null;
  running.catch((error: unknown) => (failure = error));
  vi.advanceTimersByTime(10_000);
  expect(asked).toBe(2);
  second.resolve();
  await projection.reached(2, new AbortController().signal);
  answer.resolve();
  for (let turn = 0; turn < 5; turn += 1) await nextTurn();
  expect(failure).toBeNull();
});

test("a stream that became shorter than what is indexed ends the projection with INDEX_CORRUPT", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  let last = 5;
  const log = aLog([entry(5, aDemonstrationOf(1))]);
  const { running } = await project({ ...log, lastSequence: async () => await Promise.resolve(last) });
  last = 2;
  vi.advanceTimersByTime(10_000);
  await expect(running).rejects.toMatchObject({ code: "INDEX_CORRUPT" });
});

/** An index that only remembers what it was given. */
function aNotingIndex(sequence = 0): {
  sequence: number;
  live: Map<string, Float32Array | null>;
  upsert: (demonstrations: readonly Demonstration[], vectors?: Float32Array) => Promise<void>;
  remove: (ids: readonly DemonstrationId[]) => Promise<number>;
} {
  const live = new Map<string, Float32Array | null>();
  return {
    sequence,
    live,
    upsert: async (demonstrations, vectors) => {
      const size = (vectors?.length ?? 0) / demonstrations.length;
      for (const [at, { id }] of demonstrations.entries()) {
        live.set(id, vectors?.slice(at * size, at * size + size) ?? null);
      }
      await Promise.resolve();
    },
    remove: async (ids) => {
      for (const id of ids) live.delete(id);
      return await Promise.resolve(ids.length);
    },
  };
}

type Options = ConstructorParameters<typeof DemonstrationProjection>[0];

/** Stopping also waits for the projection's end. */
async function follow(
  options: Partial<Options> & Pick<Options, "log" | "index">,
): Promise<{ projection: DemonstrationProjection; stop: () => Promise<void> }> {
  const abort = new AbortController();
  const projection = new DemonstrationProjection({ logger: silentLogger, ...options });
  const running = projection.run(abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await running;
  };
  onTestFinished(stop);
  await projection.catchUp(abort.signal);
  return { projection, stop };
}

const several = (count: number): DemonstrationEntry[] =>
  Array.from({ length: count }, (_, n) => entry(n + 1, aDemonstrationOf(n)));

test("entries that come one by one are applied together, unless somebody waits for one or the batch is full", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const stream = new PassThrough({ objectMode: true });
  const index = aNotingIndex();
  const batches: number[] = [];
  const upsert = async (demonstrations: readonly Demonstration[]): Promise<void> => {
    batches.push(demonstrations.length);
    await index.upsert(demonstrations);
  };
  const log: Options["log"] = {
    lastSequence: async () => await Promise.resolve(0),
    follow: (_, signal) => {
      signal.addEventListener("abort", () => stream.end(), { once: true });
      return stream[Symbol.asyncIterator]() as AsyncGenerator<DemonstrationEntry>;
    },
  };
  const { projection } = await follow({ log, index: { ...index, upsert } });
  let sequence = 0;
  const come = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) stream.write(entry((sequence += 1), aDemonstrationOf(sequence)));
    for (let turn = 0; turn < 50; turn += 1) await nextTurn();
  };
  await come(1);
  expect(batches).toEqual([1]);
  await come(1);
  await come(2);
  expect([batches, projection.appliedSequence]).toEqual([[1], 1]);
  vi.advanceTimersByTime(limits.projectionGatherMs);
  await come(1);
  expect([batches, projection.appliedSequence]).toEqual([[1, 3], 4]);
  await projection.reached(5, new AbortController().signal);
  expect(batches).toEqual([1, 3, 1]);
  await come(limits.projectionBatchMax + 1);
  expect(batches).toEqual([1, 3, 1, limits.projectionBatchMax]);
});

test("an index that was opened from a checkpoint is told only what came after it", async () => {
  const index = aNotingIndex(3);
  const { projection } = await follow({ log: aLog(several(5)), index });
  expect([...index.live.keys()]).toEqual(["demo-3", "demo-4"]);
  expect(projection.appliedSequence).toBe(5);
  const whole = aNotingIndex(5);
  const { projection: atEnd } = await follow({ log: aLog(several(5)), index: whole });
  expect([whole.live.size, atEnd.appliedSequence]).toEqual([0, 5]);
});

test("an index that is beyond the stream's end belongs to another stream", async () => {
  const ahead = follow({ log: aLog(several(5)), index: aNotingIndex(9) });
  await expect(ahead).rejects.toMatchObject({ code: "INDEX_CORRUPT" });
});

test("what an embedder refuses is counted and keeps nobody else out", async () => {
  const index = aNotingIndex();
  const reasons: string[] = [];
  const refusal = new HindcastError({ code: "MODEL_CONTEXT_OVERFLOW", boundary: "model", message: "too long" });
  const embedder: Options["embedder"] = {
    name: "scripted",
    dimensions: 1,
    embed: (texts) =>
      texts.some((text) => text.startsWith("Long"))
        ? Promise.reject(refusal)
        : Promise.resolve(texts.map(() => Float32Array.of(1))),
  };
  const words = ["Short", "Long and longer", " ", "Brief"];
  const log = aLog(words.map((instruction, n) => entry(n + 1, aDemonstrationOf(n, { instruction }))));
  await follow({ log, index, embedder, onRejected: (reason) => reasons.push(reason) });
  expect([...index.live]).toEqual([
    ["demo-0", Float32Array.of(1)],
    ["demo-2", Float32Array.of(0)],
    ["demo-3", Float32Array.of(1)],
  ]);
  expect(reasons).toEqual(["refused"]);
});

test("an embedder that is away does not keep a replica from stopping", async () => {
  const away = new HindcastError({ code: "MODEL_OVERLOADED", boundary: "model", message: "busy", retryable: true });
  const index = aNotingIndex();
  const asked = Promise.withResolvers<void>();
  const embedder: Options["embedder"] = {
    name: "scripted",
    dimensions: 2,
    embed: () => {
      asked.resolve();
      return Promise.reject(away);
    },
  };
  const abort = new AbortController();
  const projection = new DemonstrationProjection({ log: aLog(several(1)), index, embedder, logger: silentLogger });
  const running = projection.run(abort.signal);
  await asked.promise;
  abort.abort();
  await running;
  expect([index.live.size, projection.appliedSequence]).toEqual([0, 0]);
});

test("a partition holds its own demonstrations and still knows how far the stream is", async () => {
  const log = aLog([...several(40), gone(41, "demo-0"), gone(42, "demo-1")]);
  const indexes = [aNotingIndex(), aNotingIndex(), aNotingIndex()];
  for (const [index, own] of indexes.entries()) {
    const { projection } = await follow({ log, index: own, partition: { index, of: 3 } });
    expect(projection.appliedSequence).toBe(42);
    expect([...own.live.keys()].every((id) => partitionOf(id, 3) === index)).toBe(true);
  }
  expect(indexes.reduce((sum, { live }) => sum + live.size, 0)).toBe(38);
});

test("checkpoints are written after so many messages, and at the end, each only when something came", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  const written: number[] = [];
  const checkpoint = async (sequence: number): Promise<void> => {
    written.push(sequence);
    await Promise.resolve();
  };
  const { stop } = await follow({ log: aLog(several(600)), index: aNotingIndex(), checkpoint });
  expect(written).toEqual([]);
  vi.advanceTimersByTime(limits.checkpointEveryMs + 20_000);
  await vi.waitFor(() => expect(written).toEqual([600]));
  vi.advanceTimersByTime(limits.checkpointEveryMs + 20_000);
  await stop();
  expect(written).toEqual([600]);
  const { stop: stopOther } = await follow({ log: aLog(several(9)), index: aNotingIndex(), checkpoint });
  await stopOther();
  expect(written).toEqual([600, 9]);
  const far = entry(limits.checkpointMessagesMax + 5, aDemonstrationOf("far"));
  await follow({ log: aLog([entry(1, aDemonstrationOf("near")), far]), index: aNotingIndex(), checkpoint });
  expect(written).toEqual([600, 9, limits.checkpointMessagesMax + 5]);
});

test("a checkpoint that fails costs a longer replay, not the projection", async () => {
  const checkpoint = (): Promise<void> => Promise.reject(new Error("the disk is full"));
  const { stop, projection } = await follow({ log: aLog(several(3)), index: aNotingIndex(), checkpoint });
  await stop();
  expect(projection.appliedSequence).toBe(3);
});

test("an external embedder makes the vectors of what is indexed, and is waited for while it is away", async () => {
  const index = aNotingIndex();
  const asked: string[][] = [];
  const away = new HindcastError({ code: "MODEL_OVERLOADED", boundary: "model", message: "busy", retryable: true });
  const embedder: Options["embedder"] = {
    name: "scripted",
    dimensions: 2,
    embed: async (texts, purpose) => {
      asked.push([purpose, ...texts]);
      if (asked.length === 1) throw away;
      return await Promise.resolve(texts.map((text) => Float32Array.of(text.length, 1)));
    },
  };
  const one = aDemonstrationOf(1, { instruction: "Tag it", steps: [{ summary: "tagged" }] });
  await follow({ log: aLog([entry(1, one)]), index, embedder });
  expect(asked).toEqual([
    ["document", "Tag it\ntagged"],
    ["document", "Tag it\ntagged"],
  ]);
  expect(index.live.get(one.id)).toEqual(Float32Array.of(13, 1));
});

test("what is given up in the middle of a batch is in no checkpoint", async () => {
  const [more, hangs, abort] = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), new AbortController()];
  const index = aNotingIndex();
  const written: number[] = [];
  let calls = 0;
  const embed = async (texts: readonly string[], _: unknown, signal: AbortSignal): Promise<Float32Array[]> => {
    if ((calls += 1) < 3) return texts.map(() => Float32Array.of(1));
    hangs.resolve();
    await untilAborted(signal);
    throw signal.reason as Error;
  };
  const embedder: Options["embedder"] = { name: "scripted", dimensions: 1, embed };
  const log: Options["log"] = {
    lastSequence: () => Promise.resolve(4),
    async *follow(_from, signal) {
      yield entry(1, aDemonstrationOf(1));
      await more.promise;
      yield entry(2, aDemonstrationOf(2));
      yield gone(3, "demo-9");
      yield entry(4, aDemonstrationOf(4));
      await untilAborted(signal);
    },
  };
  const checkpoint = (sequence: number): Promise<void> => Promise.resolve(void written.push(sequence));
  const projection = new DemonstrationProjection({ log, index, embedder, logger: silentLogger, checkpoint });
  const running = projection.run(abort.signal);
  await projection.reached(1, abort.signal);
  more.resolve();
  await hangs.promise.then(() => abort.abort());
  await running;
  expect(index.live.size).toBe(2);
  expect(written).toEqual([]);
});

test("a stream that was made anew and has grown as far as the old one ends the projection", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  let isSame = true;
  const [log, index] = [aLog([entry(1, aDemonstrationOf(1))]), aNotingIndex()];
  const isSameStream = (): Promise<boolean> => Promise.resolve(isSame);
  const projection = new DemonstrationProjection({ log, index, logger: silentLogger, isSameStream });
  const running = projection.run(new AbortController().signal);
  running.catch(() => undefined);
  await projection.reached(1, new AbortController().signal);
  vi.advanceTimersByTime(10_000);
  await nextTurn();
  isSame = false;
  vi.advanceTimersByTime(10_000);
  await expect(running).rejects.toThrow("is not the one that was indexed");
});
