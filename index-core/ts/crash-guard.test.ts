// Requirements: 5.10.index-crash
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Demonstration, type DemonstrationId, type HindcastError, limits } from "@hindcast/shared";
import { type DemonstrationEntry, silentLogger } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { aDemonstration } from "../../test/support/messages.ts";
import { CrashGuard } from "./crash-guard.ts";
import { DemonstrationProjection } from "./demonstration-projection.ts";
import { indexError } from "./index-error.ts";
import type { RejectionReason } from "./retrieval-metrics.ts";

const deadly = 7;
const last = 12;
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hindcast-guard-"));
  file = join(folder, "demonstrations.applying.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Life {
  isCrashed: boolean;
  applied: number[];
  rejected: RejectionReason[];
  quarantined: number[];
}

/**
 * One life of a replica: it replays the stream from the start, and is over once it applies `deadly`.
 * @param error with which the index refuses that; null: nobody sees what ends the process
 */
async function live(error: HindcastError | null = null): Promise<Life> {
  const applied = new Map<string, number>();
  const [rejected, quarantined]: [RejectionReason[], number[]] = [[], []];
  const crashed = Promise.withResolvers<"crashed">();
  const entries = Array.from({ length: last }, (_, at): DemonstrationEntry => {
    const demonstration = aDemonstration(at + 1);
    return { sequence: at + 1, id: demonstration.id, environment: "shell", demonstration, problem: null };
  });
  const stop = new AbortController();
  const projection = new DemonstrationProjection({
    log: {
      lastSequence: () => Promise.resolve(last),
      async *follow(from, signal) {
        yield* entries.filter(({ sequence }) => sequence >= from);
        if (signal.aborted) return;
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      },
    },
    index: {
      sequence: 0,
      upsert: (demonstrations: readonly Demonstration[]): Promise<void> => {
        if (demonstrations.some(({ id }) => id === `demo-${deadly}`)) {
          if (error !== null) return Promise.reject(error);
          crashed.resolve("crashed");
          // Nothing comes after the end of a process.
          return new Promise(() => undefined);
        }
        for (const { id } of demonstrations) applied.set(id, Number(id.slice("demo-".length)));
        return Promise.resolve();
      },
      remove: (ids: readonly DemonstrationId[]) => {
        for (const id of ids) applied.delete(id);
        return Promise.resolve(ids.length);
      },
    },
    logger: silentLogger,
    guard: new CrashGuard(file),
    onRejected: (reason) => rejected.push(reason),
    quarantine: (sequence) => (quarantined.push(sequence), Promise.resolve()),
  });
  const running = projection.run(stop.signal).catch(() => crashed.resolve("crashed"));
  const caughtUp = projection.catchUp(stop.signal).then(
    () => "caught up" as const,
    () => crashed.promise,
  );
  const end = await Promise.race([crashed.promise, caughtUp]);
  stop.abort();
  if (end === "caught up" || error !== null) await running;
  return {
    isCrashed: end === "crashed",
    applied: [...applied.values()].toSorted((a, b) => a - b),
    rejected,
    quarantined,
  };
}

describe("a demonstration whose application ends the process", () => {
  it("is found among its neighbours, and passed over after a bounded number of crashes, with all others indexed", async () => {
    let crashes = 0;
    let life = await live();
    while (life.isCrashed && crashes < 20) {
      crashes += 1;
      life = await live();
    }
    // Once in a batch, then alone.
    expect(crashes).toBeLessThanOrEqual(1 + limits.crashesMax);
    const others = Array.from({ length: last }, (_, at) => at + 1).filter((sequence) => sequence !== deadly);
    expect(life).toEqual({ isCrashed: false, applied: others, rejected: ["crashed"], quarantined: [deadly] });
    // Also at every later start, as the message is still in its stream.
    expect(await live()).toEqual(life);
  });

  it("is passed over also where the index says that it is at fault, and the process ends for that", async () => {
    const fault = indexError("INDEX_CORRUPT", "the native index panicked");
    let crashes = 0;
    let life = await live(fault);
    while (life.isCrashed && crashes < 20) {
      crashes += 1;
      life = await live(fault);
    }
    expect(crashes).toBeLessThanOrEqual(1 + limits.crashesMax);
    expect(life).toMatchObject({ isCrashed: false, rejected: ["crashed"], quarantined: [deadly] });
  });

  it("is not suspected for errors that another time may not bring, however often they come", async () => {
    for (let lives = 0; lives < limits.crashesMax + 2; lives += 1) {
      expect(await live(indexError("INDEX_IO", "the disk is full"))).toMatchObject({ isCrashed: true, rejected: [] });
    }
    expect(new CrashGuard(file).batchMax(deadly)).toBeGreaterThan(1);
  });

  it("is not suspected because the process was killed while it was applied once", async () => {
    for (let killed = 1; killed < limits.crashesMax; killed += 1) new CrashGuard(file).begin(3, 3);
    const guard = new CrashGuard(file);
    expect(guard.isSkipped(3)).toBe(false);
    guard.begin(3, 3);
    guard.end();
    expect(new CrashGuard(file).isSkipped(3)).toBe(false);
    for (let killed = 1; killed <= limits.crashesMax; killed += 1) new CrashGuard(file).begin(3, 3);
    expect(new CrashGuard(file).isSkipped(3)).toBe(true);
  });

  it("is not found where the note is damaged, which is no reason not to start", () => {
    writeFileSync(file, '{"v":1,"appl');
    expect(new CrashGuard(file).isSkipped(3)).toBe(false);
  });
});
