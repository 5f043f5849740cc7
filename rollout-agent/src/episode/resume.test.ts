// Requirements: 3.4.resume, 5.1.rebuild, 5.1.diverged, 5.10.agent-crash
import { HindcastError, limits, type RolloutTask, type Sha256, type TrajectoryRecord } from "@hindcast/shared";
import { type AssembledTrajectory, sha256Hex, type StoredRecord } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { anObserved, aRolloutTask, aStep, type StepWords } from "../../../test/support/builders.ts";
import {
  aStepRecorded,
  anAttemptBegun,
  anAttemptDiverged,
  anAttemptYielded,
  anEpisodeStarted,
} from "../../../test/support/messages.ts";
import { ScriptedEnvironment } from "../../../test/support/scripted.ts";
import { readInheritance, rebuildInherited, refuseDeadly } from "./resume.ts";

const never = new AbortController().signal;
const task: RolloutTask = aRolloutTask();
const gone = (retryable: boolean): HindcastError =>
  new HindcastError({ code: retryable ? "BUS_TIMEOUT" : "BUS_NOT_FOUND", boundary: "bus", message: "gone", retryable });

/** Three steps to the states s1, s2, s3. Images exist of the states in `images`, by index. */
function recorded(images: readonly number[]): AssembledTrajectory {
  const words = ["s1", "s2", "s3"].map((state): StepWords => ({ command: `to ${state}`, state, text: `at ${state}` }));
  const trajectory = { initial: anObserved(), steps: words.map((word, at) => aStep(at + 1, word)) };
  const observed = [trajectory.initial, ...trajectory.steps.map((step) => step.observed)];
  for (const index of images) {
    const state = index === 0 ? "start" : `s${index}`;
    observed[index]!.snapshot = { sha256: sha256Hex(state) as Sha256, bytes: 1 };
  }
  return { attempt: 1, fencingToken: 1, trajectory, stepBytes: [] };
}

interface Arrangement {
  images?: readonly number[];
  /** Digests of images that cannot be had, and why. */
  missing?: Record<string, HindcastError>;
  answer?: (command: string) => Omit<StepWords, "command"> | Error;
  divergences?: number;
  signal?: AbortSignal;
}

const asRecorded = (command: string): Omit<StepWords, "command"> => {
  const state = command.replace("to ", "");
  return { state, text: `at ${state}` };
};

async function rebuilt({
  images = [0, 1, 2, 3],
  missing = {},
  answer = asRecorded,
  divergences = 0,
  signal = never,
}: Arrangement): Promise<{ divergence: Awaited<ReturnType<typeof rebuildInherited>>; repeated: string[] }> {
  const repeated: string[] = [];
  const states = new Map(["start", "s1", "s2", "s3"].map((state) => [sha256Hex(state), state]));
  const blobs = {
    put: () => Promise.reject(new Error("nothing is stored here")),
    get: ({ sha256 }: { sha256: Sha256 }) => {
      const state = states.get(sha256) ?? "";
      const fault = missing[state];
      return fault === undefined ? Promise.resolve(Buffer.from(state)) : Promise.reject(fault);
    },
  };
  const environment = new ScriptedEnvironment(repeated, answer);
  const inherited = { previous: recorded(images), divergences, task };
  const divergence = await rebuildInherited({ blobs }, environment, inherited, signal);
  return { divergence, repeated };
}

describe("a world behind recorded steps", () => {
  it("is rebuilt from its newest image alone where that exists", async () => {
    expect(await rebuilt({})).toEqual({ divergence: null, repeated: [] });
  });

  it.each<[string, Arrangement, string[]]>([
    ["an older image and the recorded actions after it", { images: [0, 1] }, ["step to s2", "step to s3"]],
    ["the task's own start state where there is no image", { images: [] }, ["step to s1", "step to s2", "step to s3"]],
    ["an older image where the newest is gone", { missing: { s3: gone(false) } }, ["step to s3"]],
    [
      "the start state where all images are gone",
      { missing: { start: gone(false), s1: gone(false), s2: gone(false), s3: gone(false) } },
      ["step to s1", "step to s2", "step to s3"],
    ],
  ])("is rebuilt from %s", async (_, arrangement, repeated) => {
    expect(await rebuilt(arrangement)).toEqual({ divergence: null, repeated });
  });

  it.each<[string, Arrangement["answer"], RegExp]>([
    [
      "the state",
      () => ({ state: "elsewhere", text: "at s2" }),
      /^the state was \w+ when it was recorded and is \w+ now$/,
    ],
    ["the exit code", () => ({ state: "s2", text: "at s2", exitCode: 1 }), /exit code 0 .* exit code 1/],
    ["the kill", () => ({ state: "s2", exitCode: null, killed: "timeout" }), /a kill \(timeout\)/],
    ["the text", () => ({ state: "s2", text: "12:34:56" }), /printed/],
    [
      "the very possibility",
      () => new HindcastError({ code: "ENVIRONMENT_ACTION_UNSUPPORTED", boundary: "environment", message: "no" }),
      /could not be repeated: no/,
    ],
  ])("diverges where %s differs, and says at which step", async (_, answer, detail) => {
    const { divergence } = await rebuilt({
      images: [0, 1],
      answer: (command) => (command === "to s2" ? answer!(command) : asRecorded(command)),
    });
    expect(divergence).toEqual({ step: 2, detail: expect.stringMatching(detail) });
  });

  it("diverges where an image leads to another state than its own", async () => {
    const previous = recorded([3]);
    previous.trajectory.steps[2]!.observed.snapshot = { sha256: sha256Hex("other") as Sha256, bytes: 1 };
    const bus = {
      blobs: { put: () => Promise.reject(new Error("no")), get: () => Promise.resolve(Buffer.from("other")) },
    };
    const inherited = { previous, divergences: 0, task };
    expect(await rebuildInherited(bus, new ScriptedEnvironment([]), inherited, never)).toMatchObject({ step: 3 });
  });

  it("does not compare texts where the environment does not repeat them", async () => {
    const environment = new ScriptedEnvironment([], (command) => ({ ...asRecorded(command), text: "12:34:56" }));
    Object.assign(environment, { isTextRepeatable: false });
    const bus = { blobs: { put: () => Promise.reject(new Error("no")), get: () => Promise.reject(gone(false)) } };
    const inherited = { previous: recorded([]), divergences: 0, task };
    expect(await rebuildInherited(bus, environment, inherited, never)).toBeNull();
  });

  it("is not given up for an outage that passes, nor for a stop", async () => {
    await expect(rebuilt({ missing: { s3: gone(true) } })).rejects.toMatchObject({ code: "BUS_TIMEOUT" });
    const lost = new HindcastError({ code: "SANDBOX_LOST", boundary: "sandbox", message: "killed", retryable: true });
    await expect(rebuilt({ images: [0], answer: () => lost })).rejects.toBe(lost);
    const stop = new AbortController();
    stop.abort(new Error("stopped"));
    const missing = { s3: gone(false) };
    await expect(rebuilt({ missing, signal: stop.signal })).rejects.toThrow("stopped");
  });

  it("ends the task once it has differed too often", async () => {
    const answer = (): Omit<StepWords, "command"> => ({ state: "elsewhere" });
    const { divergence } = await rebuilt({ images: [0], answer, divergences: limits.divergencesMax - 1 });
    expect(divergence).not.toBeNull();
    await expect(rebuilt({ images: [0], answer, divergences: limits.divergencesMax })).rejects.toMatchObject({
      code: "ENVIRONMENT_DIVERGED",
      retryable: false,
      message: expect.stringMatching(/ep-1 does not repeat itself: rebuilt 4 times .* at step 1/),
    });
  });
});

describe("what is inherited", () => {
  const inherit = (records: readonly StoredRecord["record"][], deliveryCount = 1) =>
    readInheritance(
      {
        trajectories: {
          read: () => Promise.resolve(records.map((record) => ({ record, bytes: new Uint8Array() }))),
        },
      },
      task,
      deliveryCount,
    );

  it("is nothing at first, nor from an attempt without a step", async () => {
    expect(await inherit([])).toEqual({ attempt: 1, previous: null, divergences: 0, fruitless: 0 });
    expect(await inherit([anEpisodeStarted()])).toEqual({ attempt: 2, previous: null, divergences: 0, fruitless: 0 });
  });

  it("are the steps of the newest attempt, under a number that is new", async () => {
    const records = [anEpisodeStarted(), aStepRecorded(1), aStepRecorded(2)];
    expect(await inherit(records)).toMatchObject({ attempt: 2, previous: { attempt: 1, fencingToken: 1 } });
    expect((await inherit(records, 4)).attempt).toBe(4);
  });

  it("are never the steps from before a divergence", async () => {
    const before = [anEpisodeStarted(), aStepRecorded(1), anAttemptDiverged({ attempt: 2, fencingToken: 2 })];
    expect(await inherit(before)).toEqual({ attempt: 3, previous: null, divergences: 1, fruitless: 0 });
    const afresh = { attempt: 2, fencingToken: 2 };
    const after = [...before, anEpisodeStarted(afresh), aStepRecorded(1, afresh)];
    expect(await inherit(after)).toMatchObject({ attempt: 3, previous: afresh, divergences: 1 });
  });
});

describe("attempts that gain nothing", () => {
  const read = async (records: TrajectoryRecord[], deliveryCount: number): Promise<number> => {
    const trajectories = {
      read: () => Promise.resolve(records.map((record) => ({ record, bytes: new Uint8Array() }))),
    };
    const inheritance = await readInheritance({ trajectories } as never, task, deliveryCount);
    return inheritance.fruitless;
  };
  const begun = (delivery: number): TrajectoryRecord =>
    anAttemptBegun({ attempt: delivery, delivery, fencingToken: delivery });
  const at = (attempt: number): { attempt: number; fencingToken: number } => ({ attempt, fencingToken: attempt });

  const yielded = (attempt: number): TrajectoryRecord => ({ ...anAttemptYielded(), ...at(attempt) });

  it.each<[string, TrajectoryRecord[], number, number]>([
    ["none before the first", [], 1, 0],
    ["those that died", [begun(1), begun(2)], 3, 2],
    ["not what stopped in order", [begun(1), begun(2), yielded(2), begun(3)], 4, 1],
    ["not what gained a step", [begun(1), aStepRecorded(1, at(1)), begun(2), begun(3)], 4, 2],
    ["none where the last one gained one", [begun(1), begun(2), aStepRecorded(1, at(2))], 3, 0],
    ["also those in which a zombie writes", [begun(1), begun(2), aStepRecorded(1, at(1)), yielded(1)], 3, 2],
    ["none from before a requeueing", [begun(1), begun(2), begun(3)], 1, 0],
    ["only those since a requeueing", [begun(1), begun(2), begun(3), begun(1), begun(2)], 3, 2],
  ])("are counted: %s", async (_, records, deliveryCount, expected) => {
    expect(await read(records, deliveryCount)).toBe(expected);
  });

  it("are bounded", () => {
    const inheritance = { attempt: 1, previous: null, divergences: 0 };
    refuseDeadly({ ...inheritance, fruitless: limits.fruitlessAttemptsMax - 1 }, task);
    expect(() => refuseDeadly({ ...inheritance, fruitless: limits.fruitlessAttemptsMax }, task)).toThrow(
      expect.objectContaining({ code: "ENVIRONMENT_DEADLY", retryable: false }),
    );
  });
});
