// Requirements: 3.3.write-once, 3.3.fencing, 3.3.traps, 5.sim.same-bus
import { setTimeout as delay } from "node:timers/promises";
import type { CampaignId, TaskId, WorkerId } from "@hindcast/shared";
import { streams, subjects } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anEpisodeEnded, anEpisodeStarted, aStepRecorded, task } from "../support/messages.ts";
import { aNatsServer, type TestNats, testPool } from "../support/nats-server.ts";
import { type RawNats, rawNats, shortenAckWait } from "../support/raw-nats.ts";

const never = new AbortController().signal;
const [w1, w2] = ["w-1" as WorkerId, "w-2" as WorkerId];

describe("results and trajectories", () => {
  let nats: TestNats;
  let coordinator: Bus;
  let one: Bus;
  let two: Bus;
  let raw: RawNats;
  const statuses: string[] = [];

  beforeAll(async () => {
    nats = await aNatsServer();
    coordinator = await nats.coordinator({ onStatus: (status) => statuses.push(status) });
    one = await nats.connect(w1);
    two = await nats.connect(w2);
    raw = await rawNats(nats);
  });
  afterAll(async () => {
    await raw[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  it("stores the first result of a task and refuses every other for ever", async () => {
    const taskId = "task-once" as TaskId;
    const first = anEpisodeEnded({ taskId, workerId: w1 });
    const second = anEpisodeEnded({ taskId, workerId: w2, attempt: 2 });
    const outcomes = await Promise.all([one.results.put(first), two.results.put(second)]);
    expect(outcomes.toSorted()).toEqual(["already", "stored"]);
    expect(await one.results.put(first)).toBe("already");
    const winner = outcomes[0] === "stored" ? first : second;
    expect(await coordinator.results.get(first.campaignId, taskId)).toEqual(winner);
    // It is the stream that refuses, not a window of remembered message ids.
    const again = raw.jetstream.publish(subjects.result(first.campaignId, taskId), "x", { msgID: "quite another" });
    await expect(again).rejects.toMatchObject({ code: 10077 });
  });

  it("says null for a task without a result", async () => {
    expect(await one.results.get("c-0001" as CampaignId, "task-none" as TaskId)).toBeNull();
  });

  it("shows a watcher the campaign's stored results, then new ones, passing over one it cannot read", async () => {
    const campaignId = "c-watch" as CampaignId;
    const result = (n: number): ReturnType<typeof anEpisodeEnded> =>
      anEpisodeEnded({ campaignId, taskId: `task-w${n}` as TaskId });
    await one.results.put(result(1));
    await raw.jetstream.publish(subjects.result(campaignId, "task-strange" as TaskId), JSON.stringify({ v: 9 }));
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const each of coordinator.results.watch(campaignId, stop.signal)) {
        seen.push(each.taskId);
        if (seen.length === 3) return;
      }
    })();
    await expect.poll(() => seen).toEqual(["task-w1"]);
    await one.results.put(result(2));
    await two.results.put(result(3));
    await watching;
    expect(seen).toEqual(["task-w1", "task-w2", "task-w3"]);
    expect(statuses.filter((status) => status.includes("unreadable result"))).toHaveLength(1);
    expect(
      (
        await raw.manager.streams.getMessage(streams.results, {
          last_by_subj: subjects.result(campaignId, "task-strange" as TaskId),
        })
      )?.string(),
    ).toBe('{"v":9}');
  });

  it("ends a watch when it is aborted", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 100);
    for await (const _ of coordinator.results.watch("c-empty" as CampaignId, stop.signal)) expect.unreachable();
  });

  it("is not harmed by a zombie whose lease ran out: its ack succeeds, its steps stay apart, its result is refused", async () => {
    await shortenAckWait(raw, 1_000);
    const work = task("zombie");
    await coordinator.tasks.publish(work, never);
    const [zombie] = await one.tasks.lease(testPool, 1, 10_000, never);
    const records = (workerId: WorkerId, attempt: number) => {
      const head = { taskId: work.taskId, episodeId: work.episodeId, workerId, attempt };
      return [anEpisodeStarted(head), aStepRecorded(1, head)] as const;
    };
    for (const record of records(w1, 1)) await one.trajectories.append(record);
    const [successor] = await two.tasks.lease(testPool, 1, 10_000, never);
    expect(successor?.deliveryCount).toBe(2);
    for (const record of records(w2, 2)) await two.trajectories.append(record);
    const result = { taskId: work.taskId, episodeId: work.episodeId };
    expect(await two.results.put(anEpisodeEnded({ ...result, workerId: w2, attempt: 2, steps: 1 }))).toBe("stored");
    // The trap: JetStream's acks do not fence. Both are confirmed.
    expect(await zombie?.done()).toBe(true);
    expect(await successor?.done()).toBe(true);
    await one.trajectories.append(aStepRecorded(2, { ...result, workerId: w1, attempt: 1 }));
    expect(await one.results.put(anEpisodeEnded({ ...result, workerId: w1, steps: 2 }))).toBe("already");
    expect(await coordinator.results.get(work.campaignId, work.taskId)).toMatchObject({ workerId: w2, attempt: 2 });
    const read = await coordinator.trajectories.read(work.campaignId, work.episodeId);
    const accepted = read.filter(({ record }) => record.attempt === 2);
    expect(accepted.map(({ record }) => record.kind)).toEqual(["episode.started", "step.recorded"]);
    expect(read.map(({ record }) => record.attempt)).toEqual([1, 1, 2, 2, 1]);
  });

  it("returns trajectory records with their stored bytes, once each even when a step was sent twice", async () => {
    const head = { episodeId: task("bytes").episodeId };
    await one.trajectories.append(anEpisodeStarted(head));
    for (const n of [1, 2, 2, 3]) await one.trajectories.append(aStepRecorded(n, head));
    // A retry after an outage longer than the duplicate window: stored again by the server.
    const duplicate = JSON.stringify(aStepRecorded(2, head));
    await raw.jetstream.publish(subjects.trajectory(w1, anEpisodeStarted().campaignId, head.episodeId, 1), duplicate);
    const read = await coordinator.trajectories.read(anEpisodeStarted().campaignId, head.episodeId);
    expect(read.map(({ record }) => (record.kind === "step.recorded" ? record.step.index : 0))).toEqual([0, 1, 2, 3]);
    expect(read.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()))).toEqual(
      read.map(({ record }) => record),
    );
  });

  it("reads trajectories longer than one batch", async () => {
    const head = { episodeId: task("long").episodeId };
    for (let n = 1; n <= 600; n += 1) await one.trajectories.append(aStepRecorded(n, head));
    const read = await two.trajectories.read(anEpisodeStarted().campaignId, head.episodeId);
    expect(read.map(({ record }) => record.kind === "step.recorded" && record.step.index)).toEqual(
      Array.from({ length: 600 }, (_, position) => position + 1),
    );
  });

  it("refuses a step over the size limit by name, and the stream keeps no part of it", async () => {
    const head = { episodeId: task("huge").episodeId };
    const step = aStepRecorded(1, head);
    step.step.turn.reason = "x".repeat(300_000);
    await expect(one.trajectories.append(step)).rejects.toMatchObject({
      code: "PROTOCOL_TOO_LARGE",
      boundary: "protocol",
    });
    await delay(50);
    expect(await coordinator.trajectories.read(step.campaignId, head.episodeId)).toEqual([]);
  });
});
