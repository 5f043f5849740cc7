// Workers that are drained, resumed and retuned by command.
// Requirements: 5.7.drain, 5.7.retune
import { setTimeout as delay } from "node:timers/promises";
import { subjects, WorkerCommand, type WorkerId, WorkerRecord, WorkerReply } from "@hindcast/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { aRolloutTask } from "../support/builders.ts";
import { type ControlledCluster, aControlledCluster, aHeldStep } from "../support/controlled-cluster.ts";
import { testPool } from "../support/nats-server.ts";
import { startWorker } from "../support/worker.ts";

const never = new AbortController().signal;
const commands = ["do-one", "do-two", "do-three"];
let cluster: ControlledCluster;
beforeEach(async () => {
  cluster = await aControlledCluster();
});
afterEach(() => cluster[Symbol.asyncDispose]());

describe("drain and retune of a worker", () => {
  const workerState = async (id: string): Promise<string | undefined> =>
    (await cluster.client.records("WORKERS", WorkerRecord).get(id))?.value.state;

  it("hands back after the step, another goes on, and the drained one stays until it is resumed", async () => {
    const { beforeStep, begun, goOn } = aHeldStep();
    await using first = await startWorker(cluster.nats, { commands, beforeStep });
    await using _coordinator = await cluster.coordinator();
    const task = aRolloutTask();
    await cluster.bus.tasks.publish(task, never);
    await begun;
    await expect.poll(() => workerState("w-1")).toBe("running");
    expect(await cluster.ctl("drain", "w-1")).toMatchObject([
      { before: "running, 2 slots", after: "draining, 2 slots" },
    ]);
    goOn();
    await expect.poll(() => workerState("w-1"), { timeout: 5_000 }).toBe("cordoned");
    expect(await cluster.ctl("drain", null)).toMatchObject([
      { before: "cordoned, 2 slots", after: "cordoned, 2 slots" },
    ]);
    expect(await cluster.bus.results.get(task.campaignId, task.taskId)).toBeNull();
    const ended = (): Promise<unknown> => cluster.bus.results.get(task.campaignId, task.taskId);
    {
      await using second = await startWorker(cluster.nats, { id: "w-2", commands });
      await expect.poll(ended, { timeout: 10_000 }).toMatchObject({ reason: "submitted", workerId: "w-2", steps: 3 });
      expect([...first.log, ...second.log].filter((line) => line.startsWith("step"))).toEqual(
        commands.map((command) => `step ${command}`),
      );
    }
    const next = aRolloutTask({ taskId: "task-next" as never, episodeId: "ep-next" as never });
    await cluster.bus.tasks.publish(next, never);
    await delay(500);
    expect(await cluster.bus.tasks.backlog(testPool)).toEqual({ queued: 1, working: 0 });
    expect(await cluster.ctl("resume", "w-1")).toMatchObject([{ after: "running, 2 slots" }]);
    await expect
      .poll(() => cluster.bus.results.get(next.campaignId, next.taskId), { timeout: 10_000 })
      .toMatchObject({ workerId: "w-1" });
  });

  it("changes its slots at once, names the nearest for a name that nobody has, and says who does not answer", async () => {
    await using _coordinator = await cluster.coordinator();
    {
      await using _worker = await startWorker(cluster.nats, { commands });
      await expect.poll(() => workerState("w-1")).toBe("running");
      expect(await cluster.ctl("retune", "w-1", { slots: "1" })).toMatchObject([{ after: "running, 1 slot" }]);
      await expect(cluster.ctl("retune", "w-1", { slots: "99" })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
      await expect(cluster.ctl("drain", "w-11")).rejects.toMatchObject({
        code: "BUS_NOT_FOUND",
        message: expect.stringContaining("did you mean w-1?"),
      });
    }
    const gone = { v: 1, workerId: "w-3", pool: "shell", slots: 2, host: "h", pid: 1, state: "running" } as const;
    await cluster.bus
      .records("WORKERS", WorkerRecord)
      .put("w-3", { ...gone, workerId: "w-3" as WorkerId, startedAt: new Date().toISOString() });
    expect(await cluster.ctl("drain", null)).toMatchObject([
      { what: "worker w-3", problem: expect.stringContaining("does not answer") },
    ]);
  });

  it("is the coordinators' alone to ask", async () => {
    await using _worker = await startWorker(cluster.nats, { commands });
    const asking = { subject: subjects.workerControl("w-1" as WorkerId), request: WorkerCommand, reply: WorkerReply };
    for (const other of [cluster.client, await cluster.nats.connect("w-2" as WorkerId)]) {
      await expect(other.request({ ...asking, value: { v: 1, kind: "worker.drain" } })).rejects.toMatchObject({
        code: "BUS_FORBIDDEN",
      });
    }
  });
});
