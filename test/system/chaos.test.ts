// Requirements: 5.chaos.cluster, 5.chaos.checked
import { describe, expect, it } from "vitest";
import { judge } from "../chaos/checker.ts";
import type { History } from "../chaos/history.ts";
import { leftovers, runChaos } from "../chaos/run.ts";
import { aFolder } from "../support/hindcast.ts";
import { recoveryOf } from "../chaos/recovery.ts";
import { anEpisodeEnded, aStepRecorded } from "../support/messages.ts";

describe("a whole cluster that is harmed at random", () => {
  it("loses, doubles and buys twice nothing, on three servers that are harmed too", async () => {
    using folder = aFolder();
    const report = await runChaos({
      folder: folder.path,
      seed: 7,
      faults: 6,
      everyMs: 2_000,
      servers: 3,
      coordinators: 2,
      agents: 2,
      slots: 2,
      campaignsAtOnce: 1,
      show: () => undefined,
    });
    expect(report).toMatchObject({ violations: [], lost: 0, doubled: 0, paidTwice: 0 });
    expect(report.tasks).toBeGreaterThan(0);
    expect(report.levels.after.sandboxed).toBe(0);
  }, 240_000);

  it("is judged by a checker that sees what is wrong", async () => {
    const { step } = aStepRecorded(1);
    const bought = { ...step, turn: { ...step.turn, reason: "one more line, purchase 0" } };
    const ended = { subject: "hindcast.result.c-1.task-1", sequence: 1, at: 10, bytes: new Uint8Array() };
    const history: History = {
      results: [
        { ...ended, value: anEpisodeEnded({ steps: 3 }) },
        { ...ended, value: anEpisodeEnded({ steps: 3, reason: "time-limit" }) },
        { ...ended, value: anEpisodeEnded({ reason: "infrastructure" }) },
      ],
      records: [{ ...ended, value: aStepRecorded(1, { step: bought }) }],
      journal: [],
      openLeases: ["episode.ep-1"],
      tasksLeft: 1,
      tasksPending: 1,
      deadLetters: 0,
    };
    const policy = {
      stepsPerEpisode: 5,
      purchases: [],
      emulator: undefined as never,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const judged = await judge(undefined as never, { campaigns: [], history, policy });
    const { violations, doubled, infrastructure } = judged;
    expect([doubled, infrastructure]).toEqual([2, 1]);
    expect(violations).toContainEqual(expect.stringContaining("ended as time-limit"));
    expect(violations).toContainEqual(expect.stringContaining("1 steps follow answers that are not in the journal"));
    expect(violations.map((violation) => violation.slice(0, 2))).toEqual(
      expect.arrayContaining(["I2", "I3", "I5", "I5", "I5"]),
    );
  });

  it("judges what must be gone at rest", () => {
    expect(leftovers({ consumers: 8 }, { sandboxed: 2, consumers: 9 })).toHaveLength(2);
    expect(leftovers({ consumers: 8 }, { sandboxed: 0, consumers: 8 })).toEqual([]);
  });

  it("counts a standstill once, however often its agent is killed meanwhile", () => {
    const record = (at: number, sequence: number, fencingToken: number): History["records"][number] => ({
      subject: "hindcast.trajectory.w-1.c-1.ep-1.1",
      sequence,
      at,
      bytes: new Uint8Array(),
      value: aStepRecorded(sequence, { fencingToken }),
    });
    const records = [record(0, 1, 1), record(5, 2, 1), record(30_000, 3, 2)];
    const history = { records, results: [] } as unknown as History;
    const { workerId } = aStepRecorded(1);
    const kills = [6, 12_000, 24_000].map((at) => ({ kind: "kill", member: "a", part: "agents", at, pausedMs: null }));
    expect(recoveryOf(history, kills as never, () => workerId)).toMatchObject({ episodes: 1, p50Ms: 29_994 });
  });
});
