// Requirements: 3.7.replay, 5.1.snapshots
import type { ReplayEnded, ReplayTask, Sha256 } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { anInstruction, aRolloutTask, aTrajectory } from "../../test/support/builders.ts";
import { aContext, someSettings } from "../../test/support/campaign-context.ts";
import { ScriptedModel } from "../../test/support/scripted-model.ts";
import { type EpisodeCandidate, verifyByReplay } from "./replay-verification.ts";
import type { TaskRunner } from "./task-runner.ts";
import { subTrajectory, type Window } from "./windows.ts";

const trajectory = aTrajectory(
  { command: "one", state: "1" },
  { command: "two", state: "2" },
  { command: "three", state: "3" },
);
const image = { sha256: "0".repeat(64) as Sha256, bytes: 1 };
trajectory.steps[0]!.observed.snapshot = image;

function candidateOf(window: Window): EpisodeCandidate {
  return {
    episode: { task: aRolloutTask(), trajectory, scene: null, ended: {} as EpisodeCandidate["episode"]["ended"] },
    window,
    trajectory: subTrajectory(trajectory, window),
    summaries: [],
    instruction: anInstruction(),
    answer: null,
  };
}

/** A fleet whose replays follow the recording up to observation `agreedTo`. */
function contextOf(replayed: Partial<ReplayEnded>, tasks: ReplayTask[] = []): ReturnType<typeof aContext> {
  const run = (task: ReplayTask): Promise<Partial<ReplayEnded>> => {
    tasks.push(task);
    return Promise.resolve({ outcome: "completed", ...replayed });
  };
  return aContext({ generator: new ScriptedModel("m", () => ""), tasks: { run } as unknown as TaskRunner });
}

describe("verifyByReplay", () => {
  it("verifies a window exactly when the states agreed to its last observation", async () => {
    const windows = [candidateOf({ from: 0, to: 1 }), candidateOf({ from: 0, to: 2 }), candidateOf({ from: 0, to: 3 })];
    const verdicts = await verifyByReplay(contextOf({ agreedTo: 2 }), windows);
    expect(windows.map((window) => verdicts.get(window))).toEqual(["verified", "verified", "diverged"]);
  });

  it("asks for one replay per start, to the end of the longest window, from the recorded state", async () => {
    const tasks: ReplayTask[] = [];
    const windows = [candidateOf({ from: 0, to: 1 }), candidateOf({ from: 1, to: 3 }), candidateOf({ from: 1, to: 2 })];
    await verifyByReplay(contextOf({ agreedTo: 3 }, tasks), windows);
    expect(tasks.map(({ from, steps }) => [from, steps.length])).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(tasks[1]).toMatchObject({ snapshot: image, startStateHash: trajectory.steps[0]?.observed.stateHash });
  });

  it("begins at the newest image before a window whose start has none", async () => {
    const tasks: ReplayTask[] = [];
    const window = candidateOf({ from: 2, to: 3 });
    const verdicts = await verifyByReplay(contextOf({ agreedTo: 3 }, tasks), [window]);
    expect(tasks).toMatchObject([{ from: 1, snapshot: image, steps: [{}, {}] }]);
    expect(verdicts.get(window)).toBe("verified");
  });

  it("says so where the start could not be rebuilt, and where nobody looked", async () => {
    const window = candidateOf({ from: 1, to: 2 });
    expect((await verifyByReplay(contextOf({ outcome: "not-replayable", agreedTo: 1 }), [window])).get(window)).toBe(
      "not-replayable",
    );
    const off = aContext({
      generator: new ScriptedModel("m", () => ""),
      settings: { ...someSettings, verifyByReplay: false },
    });
    expect((await verifyByReplay(off, [window])).get(window)).toBe("unchecked");
  });
});
