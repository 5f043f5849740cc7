// Requirements: 5.4.memory, 5.7.pause
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ReplayEnded, ReplayTask, TaskId } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { aReplayTask, aRolloutTask } from "../../test/support/builders.ts";
import { TaskRunner } from "./task-runner.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const tasks = 10_000;
const detailCharacters = 10_000;

const taskOf = (n: number): ReplayTask => aReplayTask({ taskId: `task-${n}` as TaskId });
/** A fresh text each time: equal ones must not share memory. */
const resultOf = (n: number): ReplayEnded => ({
  v: 1,
  kind: "replay.ended",
  campaignId: taskOf(n).campaignId,
  taskId: `task-${n}` as TaskId,
  episodeId: taskOf(n).episodeId,
  workerId: "w-1" as ReplayEnded["workerId"],
  endedAt: "2026-11-20T10:00:00.000Z",
  durationMs: 1,
  from: 0,
  outcome: "completed",
  agreedTo: 1,
  detail: Buffer.alloc(detailCharacters, String(n)).toString("latin1"),
});

/** A campaign of which all tasks are done; publishing would be a fault. */
function aFinishedCampaign(): { bus: Pick<Bus, "tasks" | "results">; replayed: Promise<void> } {
  const { promise: replayed, resolve } = Promise.withResolvers<void>();
  const results: Partial<Bus["results"]> = {
    get: (_, task) => Promise.resolve(resultOf(Number(task.slice("task-".length)))),
    watch: async function* (_, signal) {
      for (let n = 0; n < tasks; n += 1) {
        yield resultOf(n);
        if (n % 100 === 0) await Promise.resolve();
      }
      resolve();
      await new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
    },
  };
  const refused = { publish: () => Promise.reject(new Error("a task that is done was queued again")) };
  return { bus: { results, tasks: refused } as unknown as Pick<Bus, "tasks" | "results">, replayed };
}

describe("TaskRunner", () => {
  it("runs a finished campaign again without queueing anything and without holding its results", async () => {
    const { bus, replayed } = aFinishedCampaign();
    const over = new AbortController();
    const runner = new TaskRunner(bus, over.signal);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    const following = runner.follow(taskOf(0).campaignId);
    await replayed;
    collectGarbage();
    // Held, they would take ten thousand times ten thousand characters.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan((tasks * detailCharacters) / 10);
    for (const n of [0, 1, tasks - 1]) {
      expect(await runner.run(taskOf(n))).toMatchObject({ taskId: `task-${n}`, agreedTo: 1 });
    }
    over.abort(new Error("over"));
    await expect(following).rejects.toThrow("over");
  });

  it("offers a task again that was queued already, because a paused agent may have put that one aside", async () => {
    const result = Promise.withResolvers<ReplayEnded>();
    const answers = ["duplicate", "queued"];
    const bus = {
      results: {
        get: () => Promise.resolve(null),
        watch: async function* () {
          yield await result.promise;
        },
      },
      // Only what is queued in the end is worked on.
      tasks: {
        publish: () => {
          const answer = answers.shift();
          if (answer === "queued") result.resolve(resultOf(1));
          return Promise.resolve(answer);
        },
      },
    } as unknown as Pick<Bus, "tasks" | "results">;
    const runner = new TaskRunner(bus, new AbortController().signal);
    void runner.follow(taskOf(1).campaignId).catch(() => undefined);
    expect(await runner.run(taskOf(1))).toMatchObject({ taskId: "task-1" });
    expect(answers).toEqual([]);
  });

  it("comes to rest when what was on its way to the queue is there or given up, and lets nothing follow", async () => {
    const [looked, stored] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const published: string[] = [];
    const bus = {
      results: {
        get: async (_: unknown, task: string) => (task === "task-2" && (await looked.promise), null),
        watch: async function* (_: unknown, signal: AbortSignal) {
          await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
          yield* [];
        },
      },
      tasks: {
        publish: async (task: ReplayTask) => {
          await stored.promise;
          published.push(task.taskId);
          return "queued";
        },
      },
    } as unknown as Pick<Bus, "tasks" | "results">;
    const over = new AbortController();
    const runner = new TaskRunner(bus, over.signal);
    const following = runner.follow(taskOf(1).campaignId);
    const runs = Promise.allSettled([1, 2].map((n) => runner.run(taskOf(n))));
    // One is being stored, the other is still looked for among the results.
    await Promise.resolve();
    over.abort(new Error("over"));
    await expect(following).rejects.toThrow("over");
    let isAtRest = false;
    const rest = runner.atRest().then(() => (isAtRest = true));
    looked.resolve();
    await new Promise(setImmediate);
    expect(isAtRest).toBe(false);
    stored.resolve();
    await rest;
    expect(published).toEqual(["task-1"]);
    expect((await runs).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });

  it("comes to rest with what began when nobody followed the results any more", async () => {
    const bus = {
      results: {
        get: () => Promise.resolve(null),
        watch: async function* () {
          await Promise.reject(new Error("not allowed"));
          yield* [];
        },
      },
      tasks: { publish: () => Promise.resolve("queued") },
    } as unknown as Pick<Bus, "tasks" | "results">;
    const over = new AbortController();
    const runner = new TaskRunner(bus, over.signal);
    await expect(runner.follow(taskOf(1).campaignId)).rejects.toThrow("not allowed");
    const run = runner.run(aRolloutTask()).catch((error: unknown) => error);
    await new Promise(setImmediate);
    over.abort(new Error("over"));
    await runner.atRest();
    expect(await run).toEqual(new Error("over"));
  });
});
