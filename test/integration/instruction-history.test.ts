// What earlier campaigns learned from, read once for all campaigns of a coordinator, from a real server.
// Requirements: 3.2.duplicates, 5.9.bounded
import { type CampaignId, type DemonstrationId, streams, type TaskId } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InstructionHistory } from "../../coordinator/src/instruction-history.ts";
import { aDemonstration } from "../support/messages.ts";
import { aNatsServer, type TestNats, testPool } from "../support/nats-server.ts";
import { rawNats } from "../support/raw-nats.ts";

const never = new AbortController().signal;
const [earlier, later] = ["c-0001", "c-0002"] as [CampaignId, CampaignId];
const [tag, branch] = ["Create the annotated tag v1.0", "Delete the branch topic"];

describe("what earlier campaigns learned from", () => {
  let nats: TestNats;
  let bus: Bus;
  /** Demonstrations that were read, by their ids. */
  let read: string[];
  let history: InstructionHistory;

  beforeEach(async () => {
    nats = await aNatsServer();
    bus = await nats.coordinator();
    read = [];
    const log = bus.demonstrations;
    history = new InstructionHistory({
      demonstrations: {
        born: () => log.born(),
        newest: () => log.newest(),
        stored: (from) => log.stored(from),
        restore: (id, bytes) => (read.push(id), log.restore(id, bytes)),
      },
    });
  });
  afterEach(() => nats[Symbol.asyncDispose]());

  const learn = async (n: number, task: string, taskInstruction: string, campaignId = earlier): Promise<void> => {
    const { lineage } = aDemonstration(n);
    const learned = { ...lineage, taskId: task as TaskId, taskInstruction };
    await bus.demonstrations.put(aDemonstration(n, { campaignId, lineage: learned }));
  };

  it("is read once while a campaign needs it, and anew when none did", async () => {
    await learn(1, "task-1", tag);
    await learn(2, "task-1", tag);
    using first = await history.open(later, never);
    expect(read).toEqual(["demo-1", "demo-2"]);
    expect(first.instructions.isDuplicate(tag)).toBe("task-1");
    await learn(3, "task-3", branch);
    {
      using second = await history.open("c-0003" as CampaignId, never);
      expect(read.slice(2)).toEqual(["demo-3"]);
      expect(second.instructions.isDuplicate(branch)).toBe("task-3");
      expect(second.instructions.isDuplicate(tag)).toBe("task-1");
    }
    // As when it began, whoever has read on since.
    expect(first.instructions.isDuplicate(branch)).toBeNull();
    first[Symbol.dispose]();
    read.length = 0;
    using _anew = await history.open(later, never);
    expect(read).toHaveLength(3);
    // Whoever closes twice closes nobody else's.
    first[Symbol.dispose]();
    using _another = await history.open(earlier, never);
    expect(read).toHaveLength(3);
  });

  it("is nothing that the campaign itself learned, nor what another adds to its own", async () => {
    await learn(1, "task-1", tag, later);
    using own = await history.open(later, never);
    using other = await history.open(earlier, never);
    expect(own.instructions.isDuplicate(tag)).toBeNull();
    expect(other.instructions.isDuplicate(tag)).toBe("task-1");
    own.instructions.add("ins-1", branch);
    expect(own.instructions.isDuplicate(branch)).toBe("ins-1");
    expect(other.instructions.isDuplicate(branch)).toBeNull();
  });

  it("forgets a task when the last of its demonstrations is retired, and not before", async () => {
    await learn(1, "task-1", tag);
    await learn(2, "task-1", tag);
    using _keeps = await history.open(later, never);
    await bus.demonstrations.retire("shell", "demo-1" as DemonstrationId);
    using still = await history.open(later, never);
    expect(still.instructions.isDuplicate(tag)).toBe("task-1");
    await bus.demonstrations.retire("shell", "demo-2" as DemonstrationId);
    using gone = await history.open(later, never);
    expect(gone.instructions.isDuplicate(tag)).toBeNull();
  });

  it("is nothing of a log that was emptied or made anew", async () => {
    await learn(1, "task-1", tag);
    using _keeps = await history.open(later, never);
    await using raw = await rawNats(nats);
    await raw.manager.streams.purge(streams.demonstrations);
    using emptied = await history.open(later, never);
    expect(emptied.instructions.isDuplicate(tag)).toBeNull();
    await learn(2, "task-1", tag);
    using again = await history.open(later, never);
    expect(again.instructions.isDuplicate(tag)).toBe("task-1");
    await raw.manager.streams.delete(streams.demonstrations);
    await bus.ensureTopology({ pools: [testPool], replicas: 1, tasksBytesMax: 64 * 1024 * 1024 });
    await learn(3, "task-3", branch);
    using anew = await history.open(later, never);
    expect(anew.instructions.isDuplicate(tag)).toBeNull();
    expect(anew.instructions.isDuplicate(branch)).toBe("task-3");
  });

  it("is read on by the others when the campaign that was reading is cancelled", async () => {
    for (let n = 1; n <= 20; n += 1) await learn(n, `task-${n}`, `${tag} of app-${n}`);
    const stop = new AbortController();
    const cancelled = history.open(later, stop.signal);
    const waiting = history.open(later, never);
    stop.abort(new Error("cancelled"));
    await expect(cancelled).rejects.toThrow("cancelled");
    using patient = await waiting;
    expect(patient.instructions.isDuplicate(`${tag} of app-20`)).toBe("task-20");
    expect(new Set(read)).toEqual(new Set(Array.from({ length: 20 }, (_, at) => `demo-${at + 1}`)));
  });
});
