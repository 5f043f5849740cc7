// Requirements: 5.9.retention
import { HindcastError, type WorkerId } from "@hindcast/shared";
import { expect, it } from "vitest";
import { anObserved, aRolloutTask, aStep } from "../../../test/support/builders.ts";
import { MemoryRecords, ScriptedEnvironment } from "../../../test/support/scripted.ts";
import { EpisodeRecorder } from "./episode-recorder.ts";

it("waits for room as long as its attempt lasts, but not to tell how the attempt failed", async () => {
  const records = new MemoryRecords();
  const attempt = new AbortController().signal;
  const waited: (readonly [string, AbortSignal | undefined])[] = [];
  const recorder = new EpisodeRecorder({
    bus: {
      trajectories: {
        ...records.trajectories,
        append: (record, roomUntil?: AbortSignal) => {
          waited.push([record.kind, roomUntil]);
          return records.trajectories.append(record);
        },
      },
      blobs: {
        ...records.blobs,
        put: (bytes, { roomUntil } = {}) => {
          waited.push(["blob", roomUntil]);
          return records.blobs.put(bytes);
        },
      },
    },
    task: aRolloutTask(),
    workerId: "w-1" as WorkerId,
    attempt: 1,
    fencingToken: 1,
    delivery: 1,
    signal: attempt,
  });
  await recorder.begun();
  await recorder.started(anObserved(), null);
  await recorder.step(aStep(1, { command: "ls", state: "s1" }));
  await recorder.diverged({ from: { attempt: 1, fencingToken: 1 }, step: 1, detail: "another state" });
  const state = await new ScriptedEnvironment([]).reset();
  const artifacts = [{ name: "a.png", mediaType: "image/png" as const, bytes: new Uint8Array([1]) }];
  await recorder.observed({ ...state, artifacts, snapshot: () => Promise.resolve(new Uint8Array([2])) }, 0, attempt);
  expect(waited.map(([what]) => what)).toEqual([
    "attempt.begun",
    "episode.started",
    "step.recorded",
    "attempt.diverged",
    "blob",
    "blob",
  ]);
  expect(waited.every(([, roomUntil]) => roomUntil === attempt)).toBe(true);
  await recorder.failed(new HindcastError({ code: "SANDBOX_LOST", boundary: "sandbox", message: "gone" }));
  expect(waited.at(-1)).toEqual(["attempt.failed", undefined]);
});
