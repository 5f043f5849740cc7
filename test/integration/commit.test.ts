// The commit point of a task: whoever closes its lease decides its result, and nobody else can.
// Requirements: 5.2.commit, 5.2.fencing, 5.3.one-record
import { setTimeout as delay } from "node:timers/promises";
import {
  type EpisodeId,
  type LeaseName,
  leaseOf,
  type RolloutTask,
  streams,
  type TaskId,
  type WorkerId,
} from "@hindcast/shared";
import { type Bus, commit, leaseOfTask, openTask } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { endDeadTasks, LookedAt, nobody } from "../../coordinator/src/dead-letter-reconciler.ts";
import { acquire } from "../support/leases.ts";
import { anEpisodeEnded, task } from "../support/messages.ts";
import { aNatsServer, type TestNats, testPool } from "../support/nats-server.ts";
import { type RawNats, rawNats } from "../support/raw-nats.ts";

const never = new AbortController().signal;
const [w1, w2] = ["w-1" as WorkerId, "w-2" as WorkerId];
const endOf = ({ taskId, episodeId }: RolloutTask, workerId: WorkerId): ReturnType<typeof anEpisodeEnded> =>
  anEpisodeEnded({ taskId, episodeId, workerId });

describe("a task's commit", () => {
  let nats: TestNats;
  let coordinator: Bus;
  let one: Bus;
  let two: Bus;
  let raw: RawNats;

  beforeAll(async () => {
    nats = await aNatsServer();
    coordinator = await nats.coordinator();
    one = await nats.connect(w1);
    two = await nats.connect(w2);
    raw = await rawNats(nats);
  });
  afterAll(async () => {
    await raw[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  const standing = async (work: RolloutTask): Promise<string | undefined> =>
    (await coordinator.results.get(work.campaignId, work.taskId))?.workerId;
  /** The lease runs out on the server while its holder is stopped. */
  const expire = (name: LeaseName): Promise<unknown> =>
    raw.manager.streams.purge("KV_LEASES", { filter: `$KV.LEASES.${name}` });

  it("stores the holder's result and leaves no lease behind", async () => {
    const work = task("plain");
    const opening = await openTask(one, work, { worker: w1 });
    if (opening.kind !== "open") return expect.unreachable();
    expect(await openTask(two, work, { worker: w2 })).toEqual({ kind: "held" });
    expect(await commit(one, opening.lease, endOf(work, w1))).toBe("stored");
    expect(await standing(work)).toBe(w1);
    expect(await two.leases.acquire(leaseOfTask(work), w2)).toMatchObject({ kind: "acquired" });
    expect(await openTask(two, work, { worker: w2 })).toEqual({ kind: "done" });
  });

  it("refuses a zombie that would have been first to write, and its result goes nowhere", async () => {
    const work = task("zombie-first");
    const zombie = await acquire(one, leaseOfTask(work), w1);
    await expire(leaseOfTask(work));
    const successor = await acquire(two, leaseOfTask(work), w2);
    if (zombie === null || successor === null) return expect.unreachable();
    expect(await commit(one, zombie, endOf(work, w1))).toBe("fenced");
    expect(await standing(work)).toBeUndefined();
    expect(zombie.lost.aborted).toBe(true);
    expect(await commit(two, successor, endOf(work, w2))).toBe("stored");
    expect(await standing(work)).toBe(w2);
  });

  it("refuses a holder whose lease has run out although nobody has taken it yet", async () => {
    const work = task("expired");
    const lease = await acquire(one, leaseOfTask(work), w1);
    await expire(leaseOfTask(work));
    if (lease === null) return expect.unreachable();
    expect(await commit(one, lease, endOf(work, w1))).toBe("fenced");
    expect(await standing(work)).toBeUndefined();
  });

  it("takes the newest renewal into account, also one that is under way", async () => {
    const work = task("renewed");
    const lease = await acquire(one, leaseOfTask(work), w1);
    if (lease === null) return expect.unreachable();
    const renewal = lease.renew();
    expect(await commit(one, lease, endOf(work, w1))).toBe("stored");
    expect(await renewal).toBe(true);
    expect(await lease.renew()).toBe(false);
  });

  it("outlives the one who closed and could store no more: the next delivery stores what was decided", async () => {
    const work = task("died-closing");
    const lease = await acquire(one, leaseOfTask(work), w1);
    expect(await lease?.close(endOf(work, w1))).not.toBeNull();
    await lease?.release();
    expect(await coordinator.leases.holder(leaseOfTask(work))).toBeNull();
    // Neither another worker nor the same one works on it again.
    expect(await two.leases.acquire(leaseOfTask(work), w2)).toMatchObject({ kind: "closed" });
    expect(await openTask(one, work, { worker: w1 })).toEqual({ kind: "done" });
    expect(await standing(work)).toBe(w1);
    expect(await two.leases.acquire(leaseOfTask(work), w2)).toMatchObject({ kind: "acquired" });
  });

  it("looks at the results again after acquiring: the lease may be free because it was just closed", async () => {
    const work = task("just-closed");
    const slow: Pick<Bus, "leases" | "results"> = {
      results: two.results,
      leases: {
        holder: (name) => two.leases.holder(name),
        // Between the look and the acquisition, the other one ends the task.
        acquire: async (...args) => {
          const lease = await acquire(one, leaseOfTask(work), w1);
          if (lease !== null) await commit(one, lease, endOf(work, w1));
          return await two.leases.acquire(...args);
        },
      },
    };
    expect(await openTask(slow, work, { worker: w2 })).toEqual({ kind: "done" });
    expect(await coordinator.leases.holder(leaseOfTask(work))).toBeNull();
  });

  it("has exactly one winner among a holder, a zombie and the reconciler, whatever their order", async () => {
    for (let round = 0; round < 20; round += 1) {
      const work = task(`race-${round}`);
      const name = leaseOfTask(work);
      const zombie = await acquire(one, name, w1);
      if (round % 2 === 0) await expire(name);
      const successor = round % 2 === 0 ? await acquire(two, name, w2) : null;
      const ends = [zombie, successor].map(async (lease, at) => {
        if (lease === null) return "none";
        await delay(Math.floor((round * 7 + at * 5) % 11));
        return await commit(at === 0 ? one : two, lease, endOf(work, at === 0 ? w1 : w2));
      });
      const outcomes = await Promise.all(ends);
      expect(outcomes.filter((outcome) => outcome === "stored")).toHaveLength(1);
      expect(await standing(work)).toBe(round % 2 === 0 ? w2 : w1);
    }
  });

  it("is the same for the reconciler: it never ends a task over a decided result, and stores that one instead", async () => {
    const [decided, dead] = [task("decided"), task("dead")];
    for (const work of [decided, dead]) {
      await coordinator.tasks.publish(work, never);
      const [leased] = await one.tasks.lease(testPool, 1, 10_000, never);
      await leased?.deadLetter("gave up");
    }
    await (await acquire(one, leaseOfTask(decided), w1))?.close(endOf(decided, w1));
    expect(await endDeadTasks(coordinator)).toBe(1);
    expect(await standing(decided)).toBe(w1);
    expect(await coordinator.results.get(dead.campaignId, dead.taskId)).toMatchObject({ reason: "infrastructure" });
    await raw.manager.streams.purge(streams.deadLetters);
  });

  it.each([
    ["below", 1],
    ["beyond", 3],
  ])(
    "is found also by a reconciler whose dead letters were deleted and begin anew, %s what it looked at",
    async (where, letters) => {
      const dies = async (work: RolloutTask): Promise<void> => {
        await coordinator.tasks.publish(work, never);
        const [leased] = await one.tasks.lease(testPool, 1, 10_000, never);
        await leased?.deadLetter("gave up");
      };
      const looked = new LookedAt();
      for (const n of [1, 2]) await dies(task(`before-${where}-${n}`));
      expect(await endDeadTasks(coordinator, looked)).toBe(2);
      await raw.manager.streams.delete(streams.deadLetters);
      // Every stream is asked for in turn, and a busy disk takes its time for each.
      await expect.poll(() => coordinator.deadLetters.newest().catch(() => null), { timeout: 40_000 }).toBe(0);
      const after = Array.from({ length: letters }, (_, n) => task(`after-${where}-${n}`));
      for (const each of after) await dies(each);
      expect((await coordinator.deadLetters.newest()) < looked.until - 1).toBe(where === "below");
      expect(await endDeadTasks(coordinator, looked)).toBe(letters);
      for (const each of after) expect(await standing(each)).toBe(nobody);
      await raw.manager.streams.purge(streams.deadLetters);
    },
    60_000,
  );

  it("stands whether or not the lease that was taken to look at it can be given up", async () => {
    const work = task("unreleased");
    await one.results.put(endOf(work, w1));
    const released = { count: 0 };
    const unable: Pick<Bus, "leases" | "results"> = {
      results: two.results,
      leases: {
        holder: (name) => two.leases.holder(name),
        acquire: async (...args) => {
          const acquisition = await two.leases.acquire(...args);
          if (acquisition.kind === "acquired")
            acquisition.lease.release = () => ((released.count += 1), Promise.reject(new Error("no answer")));
          return acquisition;
        },
      },
    };
    expect(await openTask(unable, work, { worker: w2 })).toEqual({ kind: "done" });
    const broken = { ...unable, results: { ...two.results, has: () => Promise.reject(new Error("no results")) } };
    await expect(openTask(broken as unknown as typeof unable, task("unread"), { worker: w2 })).rejects.toThrow(
      "no results",
    );
    expect(released.count).toBe(2);
  });

  it("treats a lease of a form that is not known here as held, reports it and leaves it alone", async () => {
    const statuses: string[] = [];
    const older = await nats.connect(w1, { onStatus: (status) => statuses.push(status) });
    const name = leaseOf.episode("ep-newer" as EpisodeId);
    await raw.jetstream.publish(`$KV.LEASES.${name}`, JSON.stringify({ v: 2, owner: "somebody" }));
    expect(await older.leases.acquire(name, w1)).toEqual({ kind: "held" });
    expect(statuses.filter((status) => status.startsWith("unreadable lease"))).toHaveLength(1);
    const stored = await raw.manager.streams.getMessage("KV_LEASES", { last_by_subj: `$KV.LEASES.${name}` });
    expect(stored?.json()).toEqual({ v: 2, owner: "somebody" });
  });

  it("carries a result as large as a message may be", async () => {
    const work = task("large");
    const lease = await acquire(one, leaseOfTask(work), w1);
    if (lease === null) return expect.unreachable();
    const large = { ...endOf(work, w1), taskId: "task-large" as TaskId, answer: "x".repeat(260_000) };
    expect(await commit(one, lease, large)).toBe("stored");
  });
});
