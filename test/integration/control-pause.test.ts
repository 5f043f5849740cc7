// Pause and resume on a running cluster: a real server, a coordinator, agents, and a client that only may ask.
// Requirements: 5.7.pause, 5.7.cancel
import { setTimeout as delay } from "node:timers/promises";
import { leaseOf } from "@hindcast/shared";
import type { Model } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ControlledCluster, aControlledCluster, aHeldStep } from "../support/controlled-cluster.ts";
import { testPool } from "../support/nats-server.ts";
import { scriptedGenerator } from "../support/scripted-generator.ts";
import { startWorker } from "../support/worker.ts";

const commands = ["do-one", "do-two", "do-three"];
let cluster: ControlledCluster;
beforeEach(async () => {
  cluster = await aControlledCluster();
});
afterEach(() => cluster[Symbol.asyncDispose]());

describe("pause and resume", () => {
  it("finish the running step, ask nothing more, and go on at the step where it stopped", async () => {
    const { beforeStep, begun, goOn } = aHeldStep();
    await using worker = await startWorker(cluster.nats, { commands, beforeStep });
    await using _coordinator = await cluster.coordinator();
    const campaign = await cluster.start();
    await begun;
    expect(await cluster.ctl("pause", campaign.id)).toMatchObject([
      { what: `campaign ${campaign.id}`, before: "running", after: "paused", problem: null },
    ]);
    expect(await cluster.ctl("pause", campaign.id)).toMatchObject([
      { before: "paused", after: "paused", problem: null },
    ]);
    goOn();
    await cluster.untilIdle();
    const asked = worker.model.requests.length;
    const steps = worker.log.filter((line) => line.startsWith("step"));
    expect(steps.length).toBeLessThan(2 * commands.length);
    expect((await cluster.bus.results.list(campaign.id)).filter(({ kind }) => kind === "episode.ended")).toEqual([]);
    await expect.poll(() => cluster.bus.leases.holder(leaseOf.campaign(campaign.id))).toBeNull();
    await delay(1_500);
    expect(worker.model.requests).toHaveLength(asked);

    expect(await cluster.ctl("resume", null)).toMatchObject([{ before: "paused", after: "running" }]);
    await cluster.untilFinished(campaign);
    // Every step of every episode was taken once, whether before the pause or after it.
    const ended = (await cluster.bus.results.list(campaign.id)).filter((result) => result.kind === "episode.ended");
    expect(ended.some(({ attempt }) => attempt > 1)).toBe(true);
    for (const { episodeId, steps } of ended) {
      const records = (await cluster.bus.trajectories.read(campaign.id, episodeId)).map(({ record }) => record);
      const taken = records.flatMap((record) => (record.kind === "step.recorded" ? [record.step.index] : []));
      expect(taken).toEqual(Array.from({ length: steps }, (_, index) => index + 1));
    }
    expect(await cluster.ctl("pause", null)).toEqual([]);
    await expect(cluster.ctl("pause", campaign.id)).rejects.toMatchObject({ code: "CAMPAIGN_ENDED" });
  });

  it("that follow each other too fast for anybody to notice leave nothing waiting", async () => {
    const { beforeStep, begun, goOn } = aHeldStep();
    await using _worker = await startWorker(cluster.nats, { commands, beforeStep });
    await using _coordinator = await cluster.coordinator();
    const campaign = await cluster.start();
    await begun;
    for (let round = 0; round < 3; round += 1) {
      await cluster.ctl("pause", campaign.id);
      await cluster.ctl("resume", campaign.id);
    }
    goOn();
    await cluster.untilFinished(campaign);
    const ended = (await cluster.bus.results.list(campaign.id)).filter((result) => result.kind === "episode.ended");
    expect(ended.map(({ reason }) => reason)).toEqual(["submitted", "submitted"]);
    expect(await cluster.bus.deadLetters.list()).toEqual([]);
  });

  it("take back what nobody works on yet, and queue it again", async () => {
    await using _coordinator = await cluster.coordinator();
    const campaign = await cluster.start();
    await expect
      .poll(() => cluster.bus.tasks.backlog(testPool), { timeout: 10_000 })
      .toEqual({ queued: 2, working: 0 });
    await cluster.ctl("pause", campaign.id);
    await cluster.untilIdle();
    await cluster.ctl("resume", campaign.id);
    await expect
      .poll(() => cluster.bus.tasks.backlog(testPool), { timeout: 10_000 })
      .toEqual({ queued: 2, working: 0 });
  });

  it("let a model call that is under way be answered, and begin no other", async () => {
    const [asked, answering] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const generator = scriptedGenerator();
    let calls = 0;
    let cut = 0;
    const complete: Model["complete"] = async (request, signal) => {
      calls += 1;
      asked.resolve();
      await answering.promise;
      cut += Number(signal.aborted);
      return await generator.complete(request);
    };
    const slow: Model = { id: generator.id, provider: "offline", isOffline: true, complete };
    await using _worker = await startWorker(cluster.nats, { commands });
    await using _coordinator = await cluster.coordinator(slow);
    const campaign = await cluster.start({}, 1);
    await asked.promise;
    await cluster.ctl("pause", campaign.id);
    await delay(500);
    answering.resolve();
    await cluster.untilIdle();
    await delay(500);
    expect({ calls, cut }).toEqual({ calls: 1, cut: 0 });
    await cluster.ctl("resume", campaign.id);
    await cluster.untilFinished(campaign);
  });

  it("leaves a paused campaign to be cancelled", async () => {
    const { beforeStep, begun, goOn } = aHeldStep();
    await using _worker = await startWorker(cluster.nats, { commands, beforeStep });
    await using _coordinator = await cluster.coordinator();
    const campaign = await cluster.start();
    await begun;
    await cluster.ctl("pause", campaign.id);
    goOn();
    expect(await cluster.ctl("cancel", campaign.id)).toMatchObject([{ before: "paused", after: "cancelled" }]);
    expect(await cluster.ctl("cancel", campaign.id)).toMatchObject([{ before: "cancelled", after: "cancelled" }]);
    await cluster.untilIdle();
    await expect(cluster.ctl("cancel", null)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});
