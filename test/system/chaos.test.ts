// Requirements: 5.chaos.cluster, 5.chaos.checked
import { describe, expect, it } from "vitest";
import { judge } from "../chaos/checker.ts";
import type { History } from "../chaos/history.ts";
import { runChaos } from "../chaos/run.ts";
import { aFolder } from "../support/hindcast.ts";
import { anEpisodeEnded } from "../support/messages.ts";

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
    const ended = { subject: "hindcast.result.c-1.task-1", sequence: 1, at: 10, bytes: new Uint8Array() };
    const history: History = {
      results: [
        { ...ended, value: anEpisodeEnded({ steps: 3 }) },
        { ...ended, value: anEpisodeEnded({ steps: 3 }) },
      ],
      records: [],
      journal: [],
      openLeases: ["episode.ep-1"],
      tasksLeft: 1,
      tasksPending: 1,
      deadLetters: 0,
    };
    const policy = { purchases: [], emulator: undefined as never, [Symbol.asyncDispose]: () => Promise.resolve() };
    const { violations, doubled } = await judge(undefined as never, { campaigns: [], history, policy });
    expect(doubled).toBe(1);
    expect(violations.map((violation) => violation.slice(0, 2))).toEqual(
      expect.arrayContaining(["I2", "I3", "I5", "I5", "I5"]),
    );
  });
});
