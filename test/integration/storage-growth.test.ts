// Requirements: 5.9.linear, 5.9.observations, 5.9.snapshots
// What an episode leaves on the disk: its deltas, whatever its history or its world weighs.
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import {
  encode,
  type EnvironmentKind,
  type EpisodeId,
  estimateTokens,
  limits,
  streams,
  subjects,
  type TaskId,
  trajectoryText,
  TrajectoryRecord,
  type WorkerId,
} from "@hindcast/shared";
import { type Bus, createScriptedModel, journaled, JournaledCompletion, silentLogger } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectTrajectory } from "../../coordinator/src/trajectory-collector.ts";
import { createEnvironmentProvider } from "../../rollout-agent/src/environment/index.ts";
import { runAttempt } from "../../rollout-agent/src/episode/attempt.ts";
import { getImage, putImage } from "../../rollout-agent/src/episode/snapshot-images.ts";
import { aRequest } from "../conformance/model-fixtures.ts";
import { anImage } from "../support/archive.ts";
import { aRolloutTask, someLimits } from "../support/builders.ts";
import { anEpisodeEnded, aStepRecorded } from "../support/messages.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { rawNats } from "../support/raw-nats.ts";

const never = new AbortController().signal;
const KiB = 1024;

describe("what is stored", () => {
  let nats: TestNats;
  let coordinator: Bus;
  let worker: Bus;

  beforeAll(async () => {
    nats = await aNatsServer();
    coordinator = await nats.coordinator();
    worker = await nats.connect("w-1" as WorkerId);
  });
  afterAll(() => nats[Symbol.asyncDispose]());

  const bytesOf = async (): Promise<{ trajectories: number; journal: number; blobs: number }> => {
    const usage = new Map((await coordinator.storage.usage()).map(({ stream, bytes }) => [stream, bytes]));
    const of = (stream: string): number => usage.get(stream) ?? 0;
    return { trajectories: of("TRAJECTORIES"), journal: of("KV_JOURNAL"), blobs: of("OBJ_BLOBS") };
  };

  async function runEpisode(name: string, steps: number, outputBytes: number) {
    const before = await bytesOf();
    const model = journaled(createScriptedModel("scripted:9999"), {
      records: worker.records("JOURNAL", JournaledCompletion),
      blobs: worker.blobs,
    });
    const task = aRolloutTask({
      taskId: `task-${name}` as TaskId,
      episodeId: `ep-${name}` as EpisodeId,
      environment: { kind: "no-op", outputBytes },
      limits: { ...someLimits, stepsMax: steps, tokensMax: 100_000_000 },
    });
    const deps = {
      bus: worker,
      workerId: "w-1" as WorkerId,
      environments: (kind: EnvironmentKind) =>
        createEnvironmentProvider(kind, {
          sandboxes: { name: "none", problems: async () => [], open: () => Promise.reject(new Error("none here")) },
        }),
      model: () => model,
      logger: silentLogger,
      drain: never,
    };
    const end = await runAttempt(deps, { task, deliveryCount: 1, fencingToken: 1 }, never);
    if (end === "handed-back") throw new Error("nobody asked it to hand back");
    const after = await bytesOf();
    const ended = anEpisodeEnded({ ...end, taskId: task.taskId, episodeId: task.episodeId });
    return {
      end,
      trajectory: await collectTrajectory(coordinator, ended),
      perStep: {
        trajectories: (after.trajectories - before.trajectories) / steps,
        journal: (after.journal - before.journal) / steps,
        blobs: (after.blobs - before.blobs) / steps,
      },
    };
  }

  it("of an episode of 100 calls and 200,000 tokens of history is its steps, not its prompts", async () => {
    const half = await runEpisode("half", 50, 8_000);
    const whole = await runEpisode("whole", 100, 8_000);
    expect(whole.trajectory.steps).toHaveLength(100);
    expect(estimateTokens(trajectoryText(whole.trajectory))).toBeGreaterThan(200_000);
    // Nearly all of a step is its own observation, and its journaled answer knows nothing of the prompt.
    expect(whole.perStep.trajectories).toBeLessThan(8_000 + 1_500);
    expect(whole.perStep.journal).toBeLessThan(1_000);
    expect(whole.perStep.blobs).toBeLessThan(1_000);
    for (const stream of ["trajectories", "journal", "blobs"] as const) {
      expect(whole.perStep[stream] / half.perStep[stream], stream).toBeLessThan(1.05);
    }
  });

  it("of a call whose prompt holds 200,000 tokens is its answer", async () => {
    const model = journaled(createScriptedModel("scripted:1"), {
      records: worker.records("JOURNAL", JournaledCompletion),
      blobs: worker.blobs,
    });
    const bought = async (text: string): Promise<number> => {
      const before = await bytesOf();
      await model.complete(aRequest({ messages: [{ role: "user", content: [{ kind: "text", text }] }] }), never);
      return (await bytesOf()).journal - before.journal;
    };
    const small = await bought("short");
    expect(small).toBeGreaterThan(100);
    expect(Math.abs((await bought("all of the history ".repeat(42_000))) - small)).toBeLessThan(20);
  });

  it("of a large observation is one blob, which every reader of the step gets back in its place", async () => {
    const large = 60_000;
    const { end, trajectory, perStep } = await runEpisode("large", 3, large);
    expect(large).toBeGreaterThan(limits.observationInlineBytesMax);
    expect(perStep.trajectories).toBeLessThan(2_000);
    expect(
      trajectory.steps.map(({ observed: { observation } }) => "text" in observation && observation.text.length),
    ).toEqual([large, large, large]);
    expect(end.steps).toBe(3);
    // The same actions show the same again: nothing but the steps themselves is added.
    expect((await runEpisode("large-again", 3, large)).perStep.blobs).toBeLessThan(100);
  });

  it("in records of earlier versions, whose large text lies in them, is still read", async () => {
    await using raw = await rawNats(nats);
    const text = "a line of an old record\n".repeat(2_000);
    const record = aStepRecorded(1, { episodeId: "ep-old" as EpisodeId });
    record.step.observed.observation = { ...record.step.observed.observation, text } as never;
    const subject = subjects.trajectory(record.workerId, record.campaignId, record.episodeId, 1);
    const bytes = encode(TrajectoryRecord, record);
    await raw.jetstream.publish(subject, bytes);
    const [read] = await coordinator.trajectories.read(record.campaignId, record.episodeId);
    expect(read?.record).toEqual(record);
    expect(Buffer.from(read?.bytes ?? []).equals(bytes)).toBe(true);
    expect(streams.trajectories).toBe("TRAJECTORIES");
  });

  it("of a world of which each step changes one file is the change, not the world", async () => {
    const noise = (name: string): Buffer =>
      Buffer.concat(Array.from({ length: 256 }, (_, i) => createHash("sha256").update(`${name} ${i}`).digest()));
    const files = new Map(Array.from({ length: 200 }, (_, i) => [`workspace/${1_000 + i}`, noise(`${i}`)] as const));
    const first = anImage(files);
    await putImage(worker.blobs, first);
    const before = (await bytesOf()).blobs;
    const steps = 20;
    for (let step = 0; step < steps; step += 1) {
      files.set(`workspace/${1_000 + step * 7}`, noise(`changed at ${step}`));
      const image = anImage(files);
      const ref = await putImage(worker.blobs, image);
      if (step % 8 !== 0) continue;
      // Another process restores exactly what was there.
      const restored = gunzipSync(await getImage(coordinator.blobs, ref));
      expect(restored.equals(gunzipSync(image))).toBe(true);
    }
    expect(first.length).toBeGreaterThan(1_600 * KiB);
    const perStep = ((await bytesOf()).blobs - before) / steps;
    expect(perStep).toBeLessThan(128 * KiB);
    expect(perStep).toBeLessThan(first.length / 12);
  });

  it("of an image that is small, or no archive, or unpacks to more than is shared, is the image", async () => {
    const small = anImage(new Map([["workspace/a", Buffer.from("a")]]));
    expect(await putImage(worker.blobs, small)).toEqual(await worker.blobs.put(small));
    const state = Buffer.from("a state of another environment");
    expect(Buffer.from(await getImage(worker.blobs, await putImage(worker.blobs, state))).equals(state)).toBe(true);
    const huge = anImage(new Map([["workspace/zeroes", new Uint8Array(limits.sharedBlobBytesMax + 1)]]));
    const ref = await putImage(worker.blobs, huge);
    expect(ref.bytes).toBe(huge.length);
    expect(Buffer.from(await getImage(coordinator.blobs, ref)).equals(huge)).toBe(true);
  });
});
