// Requirements: 5.10.index-crash
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Demonstration, type DemonstrationId, limits } from "@hindcast/shared";
import { type DemonstrationEntry, silentLogger } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { aDemonstration } from "../../test/support/messages.ts";
import { CrashGuard } from "./crash-guard.ts";
import { DemonstrationProjection } from "./demonstration-projection.ts";
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

/** One life of a replica: it replays the stream from the start, and is gone for ever once it applies `deadly`. */
async function live(): Promise<Life> {
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
      async *follow(from) {
        yield* entries.filter(({ sequence }) => sequence >= from);
        await new Promise((resolve) => stop.signal.addEventListener("abort", resolve, { once: true }));
      },
    },
    index: {
      sequence: 0,
      upsert: (demonstrations: readonly Demonstration[]): Promise<void> => {
        if (demonstrations.some(({ id }) => id === `demo-${deadly}`)) {
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
  const running = projection.run(stop.signal);
  const end = await Promise.race([crashed.promise, projection.catchUp(stop.signal).then(() => "caught up" as const)]);
  stop.abort();
  if (end === "caught up") await running;
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
