// Requirements: 3.3.queue, 3.3.fencing, 3.4.resume, 3.4.drain, 3.4.outcomes, 3.bad.sandbox-killed
import {
  HindcastError,
  leaseOf,
  type CampaignId,
  type EpisodeEnded,
  type EpisodeId,
  type RolloutTask,
  type TaskId,
  type WorkerId,
} from "@hindcast/shared";
import { assembleAttempt, type Bus } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectTrajectory } from "../../coordinator/src/trajectory-collector.ts";
import { aRolloutTask } from "../support/builders.ts";
import { aNatsServer, type TestNats, testPool } from "../support/nats-server.ts";
import { startWorker, type TestWorker } from "../support/worker.ts";

const never = new AbortController().signal;
let nats: TestNats;
let coordinator: Bus;
let counter = 0;

beforeAll(async () => {
  nats = await aNatsServer();
  coordinator = await nats.coordinator();
});
afterAll(() => nats[Symbol.asyncDispose]());

/** A task of a campaign of its own, so that tests do not see each other's. */
function newTask(partial: Partial<RolloutTask> = {}): RolloutTask {
  counter += 1;
  return aRolloutTask({
    campaignId: `c-${counter}` as CampaignId,
    taskId: `task-${counter}` as TaskId,
    episodeId: `ep-${counter}` as EpisodeId,
    ...partial,
  });
}

async function resultOf(task: RolloutTask): Promise<EpisodeEnded> {
  for await (const result of coordinator.results.watch(task.campaignId, AbortSignal.timeout(20_000))) {
    if (result.taskId === task.taskId && result.kind === "episode.ended") return result;
  }
  throw new Error("no result came");
}

const stepsOf = async (task: RolloutTask): Promise<number> =>
  (await coordinator.trajectories.read(task.campaignId, task.episodeId)).filter(
    ({ record }) => record.kind === "step.recorded",
  ).length;

describe("a rollout agent on a real bus", () => {
  it("works a task to its terminal record, step by step, and empties the queue", async () => {
    await using _worker = await startWorker(nats);
    const task = newTask();
    expect(await coordinator.tasks.publish(task, never)).toBe("queued");
    const ended = await resultOf(task);
    expect(ended).toMatchObject({ reason: "submitted", steps: 2, attempt: 1, error: null });
    const trajectory = await collectTrajectory(coordinator, ended);
    expect(trajectory.steps.map(({ turn }) => turn.action)).toEqual([
      { kind: "shell", command: "touch a" },
      { kind: "shell", command: "touch b" },
    ]);
    await expect.poll(() => coordinator.tasks.backlog(testPool)).toEqual({ queued: 0, working: 0 });
    await expect.poll(() => coordinator.leases.holder(leaseOf.episode(task.episodeId))).toBeNull();
  });

  it("does nothing for a task whose terminal record stands", async () => {
    const task = newTask();
    {
      await using _worker = await startWorker(nats);
      await coordinator.tasks.publish(task, never);
      await resultOf(task);
    }
    await coordinator.tasks.publish({ ...task, seed: 1 }, never);
    await using second = await startWorker(nats, { id: "w-2" });
    await expect
      .poll(() => coordinator.tasks.backlog(testPool), { timeout: 10_000 })
      .toEqual({ queued: 0, working: 0 });
    expect(second.model.requests).toHaveLength(0);
  });

  it("hands back on drain, and another agent continues from the last committed step", async () => {
    const task = newTask();
    const commands = ["do-one", "do-two", "do-three"];
    const first: TestWorker = await startWorker(nats, {
      commands,
      answer: (command) => (command === "do-two" && first.drain.abort(), { state: command }),
    });
    await coordinator.tasks.publish(task, never);
    await expect.poll(() => stepsOf(task), { timeout: 10_000 }).toBe(2);
    await first[Symbol.asyncDispose]();
    expect(await coordinator.results.get(task.campaignId, task.taskId)).toBeNull();

    await using second = await startWorker(nats, { id: "w-2", commands });
    const ended = await resultOf(task);
    expect(ended).toMatchObject({ reason: "submitted", attempt: 2, steps: 3, workerId: "w-2" });
    expect(second.log.filter((line) => line.startsWith("step"))).toEqual(["step do-three"]);
    expect((await collectTrajectory(coordinator, ended)).steps.map(({ index }) => index)).toEqual([1, 2, 3]);
  });

  it("writes one fencing token everywhere although renewals move the lease on", async () => {
    await using _worker = await startWorker(nats, {
      commands: ["do-one", "do-two"],
      beforeStep: (lease) => lease.renew(),
    });
    const task = newTask();
    await coordinator.tasks.publish(task, never);
    const ended = await resultOf(task);
    const records = await coordinator.trajectories.read(task.campaignId, task.episodeId);
    expect(new Set([ended.fencingToken, ...records.map(({ record }) => record.fencingToken)]).size).toBe(1);
    expect((await collectTrajectory(coordinator, ended)).steps).toHaveLength(2);
  });

  it("keeps the first terminal record against every later one", async () => {
    const task = newTask();
    await coordinator.tasks.publish(task, never);
    await using _worker = await startWorker(nats, { commands: ["do-one"] });
    const ended = await resultOf(task);
    const late: EpisodeEnded = {
      ...ended,
      workerId: "w-2" as WorkerId,
      fencingToken: ended.fencingToken + 1,
      reason: "loop",
    };
    expect(await coordinator.results.put(late)).toBe("already");
    expect(await coordinator.results.get(task.campaignId, task.taskId)).toEqual(ended);
  });

  it("tries a fault of the surroundings again and never counts it as a failed task", async () => {
    let faults = 0;
    const lost = new HindcastError({
      code: "SANDBOX_LOST",
      boundary: "sandbox",
      message: "the sandbox was killed",
      retryable: true,
    });
    await using _worker = await startWorker(nats, {
      commands: ["do-one"],
      answer: () => ((faults += 1) === 1 ? lost : { state: "one" }),
    });
    const task = newTask();
    await coordinator.tasks.publish(task, never);
    expect(await resultOf(task)).toMatchObject({ reason: "submitted", steps: 1 });
    expect(faults).toBe(2);
  });

  it("ends a task that it can never work on as infrastructure, with a dead letter", async () => {
    const broken = new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message: "no bubblewrap" });
    await using _worker = await startWorker(nats, { commands: ["do-one"], answer: () => broken });
    const task = newTask();
    await coordinator.tasks.publish(task, never);
    expect(await resultOf(task)).toMatchObject({
      reason: "infrastructure",
      error: { code: "SANDBOX_UNAVAILABLE" },
      evaluation: null,
    });
    await expect
      .poll(async () => (await coordinator.deadLetters.list()).some(({ subject }) => subject.includes(task.taskId)))
      .toBe(true);
  });

  it("ends a task as unavailable when its own setup fails", async () => {
    const failed = new HindcastError({
      code: "ENVIRONMENT_SETUP_FAILED",
      boundary: "environment",
      message: "setup exited with 1",
    });
    await using _worker = await startWorker(nats, { commands: ["do-one"], answer: () => failed });
    const task = newTask();
    await coordinator.tasks.publish(task, never);
    expect(await resultOf(task)).toMatchObject({ reason: "unavailable", error: { code: "ENVIRONMENT_SETUP_FAILED" } });
  });

  it("does not take what a zombie recorded beside the accepted attempt", async () => {
    await using _worker = await startWorker(nats, { commands: ["do-one", "do-two"] });
    const task = newTask();
    await coordinator.tasks.publish(task, never);
    const ended = await resultOf(task);
    const stored = await coordinator.trajectories.read(task.campaignId, task.episodeId);
    const first = stored.find(({ record }) => record.kind === "episode.started");
    const zombie = await nats.connect("w-2" as WorkerId);
    await zombie.trajectories.append({ ...first!.record, workerId: "w-2" as WorkerId, fencingToken: 1_000_000 });
    const records = await coordinator.trajectories.read(task.campaignId, task.episodeId);
    expect(assembleAttempt(records, ended.attempt)?.trajectory.steps).toHaveLength(0);
    expect((await collectTrajectory(coordinator, ended)).steps).toHaveLength(2);
  });
});
