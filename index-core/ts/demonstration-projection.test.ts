// The projection against a scripted log; against a real stream in test/integration/retrieval-service.test.ts.
// Requirements: 3.8.rebuild
import { type Demonstration, type DemonstrationId, HindcastError, limits } from "@hindcast/shared";
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
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  };
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
  const index = new DemonstrationIndex();
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

test("a stream that became shorter than what is indexed ends the projection with INDEX_CORRUPT", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  let last = 5;
  const log = aLog([entry(5, aDemonstrationOf(1))]);
  const { running } = await project({ ...log, lastSequence: async () => await Promise.resolve(last) });
  last = 2;
  vi.advanceTimersByTime(10_000);
  await expect(running).rejects.toMatchObject({ code: "INDEX_CORRUPT" });
});
