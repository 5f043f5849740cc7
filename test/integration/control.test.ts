// Commands to a running cluster: a real server, a coordinator, agents, and a client that only may ask.
// Requirements: 5.7.pause, 5.7.drain, 5.7.retune, 5.7.requeue, 5.7.audit, 5.7.cancel
import { setTimeout as delay } from "node:timers/promises";
import {
  type AuditIntent,
  type AuditOutcome,
  type AuditRecord,
  CampaignRecord,
  CampaignReply,
  type Change,
  ChangesReply,
  type Command,
  ControlRequest,
  leaseOf,
  stagePool,
  subjects,
  WorkerCommand,
  type WorkerId,
  WorkerRecord,
  WorkerReply,
} from "@hindcast/shared";
import { type Bus, type Model, silentLogger } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CampaignRecords } from "../../coordinator/src/campaign-records.ts";
import { packDocuments } from "../../coordinator/src/campaign-run.ts";
import { CampaignService } from "../../coordinator/src/campaign-service.ts";
import { aRolloutTask } from "../support/builders.ts";
import { someSettings } from "../support/campaign-context.ts";
import { aNatsServer, type TestNats, testPool } from "../support/nats-server.ts";
import { aDocument, scriptedGenerator } from "../support/scripted-generator.ts";
import { startStages } from "../support/stages.ts";
import { startWorker } from "../support/worker.ts";

const never = new AbortController().signal;
const commands = ["do-one", "do-two", "do-three"];
const idle = { queued: 0, working: 0 };
let nats: TestNats;
let bus: Bus;
let client: Bus;

beforeEach(async () => {
  nats = await aNatsServer();
  bus = await nats.coordinator();
  client = await nats.connect("client");
});
afterEach(() => nats[Symbol.asyncDispose]());

async function aCoordinator(model: Model = scriptedGenerator(), workerId = "w-one"): Promise<AsyncDisposable> {
  const deps = { bus, model: () => model, logger: silentLogger, workerId: workerId as WorkerId };
  const stages = startStages(deps);
  const service = new CampaignService(deps);
  await service.start();
  return {
    [Symbol.asyncDispose]: async () => {
      await service[Symbol.asyncDispose]();
      await stages[Symbol.asyncDispose]();
    },
  };
}

async function start(settings: Partial<CampaignRecord["settings"]> = {}, pages = 2): Promise<CampaignRecord> {
  const documents = await client.blobs.put(packDocuments(Array.from({ length: pages }, (_, n) => aDocument(n))));
  const { campaign } = await client.request({
    subject: subjects.control("start"),
    request: ControlRequest,
    reply: CampaignReply,
    value: {
      v: 1,
      kind: "campaign.start",
      name: "test",
      settings: { ...someSettings, ...settings },
      documents,
      by: "ada@laptop",
    },
  });
  return campaign;
}

async function ctl(
  verb: Command["verb"],
  target: string | null,
  values: Record<string, string> = {},
): Promise<Change[]> {
  const { changes } = await client.request({
    subject: subjects.control(verb),
    request: ControlRequest,
    reply: ChangesReply,
    value: { v: 1, kind: "command", verb, target, arguments: values, by: "ada@laptop" },
  });
  return changes;
}

const stateOf = async ({ id }: CampaignRecord): Promise<string | undefined> =>
  (await bus.records("CAMPAIGNS", CampaignRecord).get(id))?.value.state;
const untilFinished = (campaign: CampaignRecord): Promise<void> =>
  expect.poll(() => stateOf(campaign), { timeout: 20_000 }).toBe("finished");
const untilIdle = async (): Promise<void> => {
  for (const pool of [testPool, stagePool])
    await expect.poll(() => bus.tasks.backlog(pool), { timeout: 10_000 }).toEqual(idle);
};

/** Lets the agent's first step begin and holds it until `goOn`. */
function aHeldStep(): { beforeStep: () => Promise<void>; begun: Promise<void>; goOn: () => void } {
  const [begun, going] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  return {
    beforeStep: () => (begun.resolve(), going.promise),
    begun: begun.promise,
    goOn: going.resolve,
  };
}

async function audit(): Promise<(AuditIntent & { outcome: AuditOutcome | undefined })[]> {
  const records: { sequence: number; record: AuditRecord }[] = [];
  for await (const entry of client.audit.read()) records.push(entry);
  const outcomes = records.map(({ record }) => record).filter((record) => record.kind === "audit.outcome");
  return records.flatMap(({ sequence, record }) =>
    record.kind === "audit.intent" ? [{ ...record, outcome: outcomes.find(({ intent }) => intent === sequence) }] : [],
  );
}

describe("pause and resume", () => {
  it("finish the running step, ask nothing more, and go on at the step where it stopped", async () => {
    const { beforeStep, begun, goOn } = aHeldStep();
    await using worker = await startWorker(nats, { commands, beforeStep });
    await using _coordinator = await aCoordinator();
    const campaign = await start();
    await begun;
    expect(await ctl("pause", campaign.id)).toMatchObject([
      { what: `campaign ${campaign.id}`, before: "running", after: "paused", problem: null },
    ]);
    expect(await ctl("pause", campaign.id)).toMatchObject([{ before: "paused", after: "paused", problem: null }]);
    goOn();
    await untilIdle();
    const asked = worker.model.requests.length;
    const steps = worker.log.filter((line) => line.startsWith("step"));
    expect(steps.length).toBeLessThan(2 * commands.length);
    expect((await bus.results.list(campaign.id)).filter(({ kind }) => kind === "episode.ended")).toEqual([]);
    await expect.poll(() => bus.leases.holder(leaseOf.campaign(campaign.id))).toBeNull();
    await delay(1_500);
    expect(worker.model.requests).toHaveLength(asked);

    expect(await ctl("resume", null)).toMatchObject([{ before: "paused", after: "running" }]);
    await untilFinished(campaign);
    // Every step of every episode was taken once, whether before the pause or after it.
    const ended = (await bus.results.list(campaign.id)).filter((result) => result.kind === "episode.ended");
    expect(ended.some(({ attempt }) => attempt > 1)).toBe(true);
    for (const { episodeId, steps } of ended) {
      const records = (await bus.trajectories.read(campaign.id, episodeId)).map(({ record }) => record);
      const taken = records.flatMap((record) => (record.kind === "step.recorded" ? [record.step.index] : []));
      expect(taken).toEqual(Array.from({ length: steps }, (_, index) => index + 1));
    }
    expect(await ctl("pause", null)).toEqual([]);
    await expect(ctl("pause", campaign.id)).rejects.toMatchObject({ code: "CAMPAIGN_ENDED" });
  });

  it("that follow each other too fast for anybody to notice leave nothing waiting", async () => {
    const { beforeStep, begun, goOn } = aHeldStep();
    await using _worker = await startWorker(nats, { commands, beforeStep });
    await using _coordinator = await aCoordinator();
    const campaign = await start();
    await begun;
    for (let round = 0; round < 3; round += 1) {
      await ctl("pause", campaign.id);
      await ctl("resume", campaign.id);
    }
    goOn();
    await untilFinished(campaign);
    const ended = (await bus.results.list(campaign.id)).filter((result) => result.kind === "episode.ended");
    expect(ended.map(({ reason }) => reason)).toEqual(["submitted", "submitted"]);
    expect(await bus.deadLetters.list()).toEqual([]);
  });

  it("take back what nobody works on yet, and queue it again", async () => {
    await using _coordinator = await aCoordinator();
    const campaign = await start();
    await expect.poll(() => bus.tasks.backlog(testPool), { timeout: 10_000 }).toEqual({ queued: 2, working: 0 });
    await ctl("pause", campaign.id);
    await untilIdle();
    await ctl("resume", campaign.id);
    await expect.poll(() => bus.tasks.backlog(testPool), { timeout: 10_000 }).toEqual({ queued: 2, working: 0 });
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
    await using _worker = await startWorker(nats, { commands });
    await using _coordinator = await aCoordinator(slow);
    const campaign = await start({}, 1);
    await asked.promise;
    await ctl("pause", campaign.id);
    await delay(500);
    answering.resolve();
    await untilIdle();
    await delay(500);
    expect({ calls, cut }).toEqual({ calls: 1, cut: 0 });
    await ctl("resume", campaign.id);
    await untilFinished(campaign);
  });

  it("leaves a paused campaign to be cancelled", async () => {
    const { beforeStep, begun, goOn } = aHeldStep();
    await using _worker = await startWorker(nats, { commands, beforeStep });
    await using _coordinator = await aCoordinator();
    const campaign = await start();
    await begun;
    await ctl("pause", campaign.id);
    goOn();
    expect(await ctl("cancel", campaign.id)).toMatchObject([{ before: "paused", after: "cancelled" }]);
    expect(await ctl("cancel", campaign.id)).toMatchObject([{ before: "cancelled", after: "cancelled" }]);
    await untilIdle();
    await expect(ctl("cancel", null)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});

describe("drain and retune of a worker", () => {
  const workerState = async (id: string): Promise<string | undefined> =>
    (await client.records("WORKERS", WorkerRecord).get(id))?.value.state;

  it("hands back after the step, another goes on, and the drained one stays until it is resumed", async () => {
    const { beforeStep, begun, goOn } = aHeldStep();
    await using first = await startWorker(nats, { commands, beforeStep });
    await using _coordinator = await aCoordinator();
    const task = aRolloutTask();
    await bus.tasks.publish(task, never);
    await begun;
    await expect.poll(() => workerState("w-1")).toBe("running");
    expect(await ctl("drain", "w-1")).toMatchObject([{ before: "running, 2 slots", after: "draining, 2 slots" }]);
    goOn();
    await expect.poll(() => workerState("w-1"), { timeout: 5_000 }).toBe("cordoned");
    expect(await ctl("drain", null)).toMatchObject([{ before: "cordoned, 2 slots", after: "cordoned, 2 slots" }]);
    expect(await bus.results.get(task.campaignId, task.taskId)).toBeNull();
    const ended = (): Promise<unknown> => bus.results.get(task.campaignId, task.taskId);
    {
      await using second = await startWorker(nats, { id: "w-2", commands });
      await expect.poll(ended, { timeout: 10_000 }).toMatchObject({ reason: "submitted", workerId: "w-2", steps: 3 });
      expect([...first.log, ...second.log].filter((line) => line.startsWith("step"))).toEqual(
        commands.map((command) => `step ${command}`),
      );
    }
    const next = aRolloutTask({ taskId: "task-next" as never, episodeId: "ep-next" as never });
    await bus.tasks.publish(next, never);
    await delay(500);
    expect(await bus.tasks.backlog(testPool)).toEqual({ queued: 1, working: 0 });
    expect(await ctl("resume", "w-1")).toMatchObject([{ after: "running, 2 slots" }]);
    await expect
      .poll(() => bus.results.get(next.campaignId, next.taskId), { timeout: 10_000 })
      .toMatchObject({ workerId: "w-1" });
  });

  it("changes its slots at once, names the nearest for a name that nobody has, and says who does not answer", async () => {
    await using _coordinator = await aCoordinator();
    {
      await using _worker = await startWorker(nats, { commands });
      await expect.poll(() => workerState("w-1")).toBe("running");
      expect(await ctl("retune", "w-1", { slots: "1" })).toMatchObject([{ after: "running, 1 slot" }]);
      await expect(ctl("retune", "w-1", { slots: "99" })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
      await expect(ctl("drain", "w-11")).rejects.toMatchObject({
        code: "BUS_NOT_FOUND",
        message: expect.stringContaining("did you mean w-1?"),
      });
    }
    const gone = { v: 1, workerId: "w-3", pool: "shell", slots: 2, host: "h", pid: 1, state: "running" } as const;
    await bus
      .records("WORKERS", WorkerRecord)
      .put("w-3", { ...gone, workerId: "w-3" as WorkerId, startedAt: new Date().toISOString() });
    expect(await ctl("drain", null)).toMatchObject([
      { what: "worker w-3", problem: expect.stringContaining("does not answer") },
    ]);
  });

  it("is the coordinators' alone to ask", async () => {
    await using _worker = await startWorker(nats, { commands });
    const asking = { subject: subjects.workerControl("w-1" as WorkerId), request: WorkerCommand, reply: WorkerReply };
    for (const other of [client, await nats.connect("w-2" as WorkerId)]) {
      await expect(other.request({ ...asking, value: { v: 1, kind: "worker.drain" } })).rejects.toMatchObject({
        code: "BUS_FORBIDDEN",
      });
    }
  });
});

describe("retune of a campaign", () => {
  it("moves the dollar limit while it runs, and refuses what its ids are made of", async () => {
    const { beforeStep, begun, goOn } = aHeldStep();
    await using _worker = await startWorker(nats, { commands, beforeStep });
    const priced = scriptedGenerator();
    const costly: Model = {
      id: priced.id,
      provider: "offline",
      isOffline: true,
      complete: async (request) => ({ ...(await priced.complete(request)), costUsd: 1 }),
    };
    await using _coordinator = await aCoordinator(costly);
    // One dollar for the proposal, then nothing is left for what comes after the episode.
    const campaign = await start({ costUsdMax: 1.5 }, 1);
    await begun;
    expect(await ctl("retune", campaign.id, { costUsdMax: "1000" })).toMatchObject([
      { before: "costUsdMax=1.5", after: "costUsdMax=1000" },
    ]);
    await expect(ctl("retune", campaign.id, { seed: "9" })).rejects.toMatchObject({
      code: "CONFIG_UNKNOWN_KEY",
      message: expect.stringContaining("costUsdMax, episodesInFlightMax"),
    });
    await expect(ctl("retune", campaign.id, { costUsdMax: "much" })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    goOn();
    await untilFinished(campaign);
    const record = (await bus.records("CAMPAIGNS", CampaignRecord).get(campaign.id))!.value;
    expect(record).toMatchObject({ settings: { costUsdMax: 1.5 }, tuning: { costUsdMax: 1000 } });
  });

  it("bounds the episodes that are queued or worked on at once", async () => {
    await using _coordinator = await aCoordinator();
    const campaign = await new CampaignRecords(bus).create({
      name: "test",
      settings: { ...someSettings, documentsMax: 6 },
      documents: await bus.blobs.put(packDocuments(Array.from({ length: 6 }, (_, n) => aDocument(n)))),
    });
    expect(await ctl("retune", campaign.id, { episodesInFlightMax: "1" })).toMatchObject([
      { before: "episodesInFlightMax=none", after: "episodesInFlightMax=1" },
    ]);
    await ctl("pause", campaign.id);
    await ctl("resume", campaign.id);
    await expect.poll(() => bus.tasks.backlog(testPool), { timeout: 10_000 }).toEqual({ queued: 1, working: 0 });
    await delay(500);
    expect(await bus.tasks.backlog(testPool)).toEqual({ queued: 1, working: 0 });
    await ctl("retune", campaign.id, { episodesInFlightMax: "none" });
    await expect.poll(async () => (await bus.tasks.backlog(testPool)).queued, { timeout: 5_000 }).toBeGreaterThan(3);
    await using _worker = await startWorker(nats, { commands });
    await untilFinished(campaign);
  });
});

describe("requeue", () => {
  it("puts back what has no terminal record, by number, task or campaign, and says why it leaves the rest", async () => {
    await using _coordinator = await aCoordinator();
    const agent = await nats.connect("w-1" as WorkerId);
    const task = aRolloutTask();
    const die = async (): Promise<void> => {
      const [leased] = await agent.tasks.lease(testPool, 1, 2_000, never);
      await leased?.deadLetter("a bug");
    };
    await bus.tasks.publish(task, never);
    for (const by of [(sequence: number) => String(sequence), () => task.taskId, () => task.campaignId, () => null]) {
      await die();
      const [letter] = await client.deadLetters.list();
      expect(await ctl("requeue", by(letter!.sequence))).toMatchObject([
        { before: "dead", after: "queued", campaignId: task.campaignId, problem: null },
      ]);
      expect(await client.deadLetters.list()).toEqual([]);
    }
    {
      await using _worker = await startWorker(nats, { id: "w-2" });
      await expect.poll(() => bus.results.get(task.campaignId, task.taskId), { timeout: 10_000 }).not.toBeNull();
      await untilIdle();
    }
    await bus.tasks.publish(task, never);
    await die();
    expect(await ctl("requeue", task.taskId)).toMatchObject([
      { before: "dead", after: "dead", problem: expect.stringContaining("terminal record") },
    ]);
    await expect(ctl("requeue", `${task.taskId}x`)).rejects.toMatchObject({
      code: "BUS_NOT_FOUND",
      message: expect.stringContaining(`did you mean ${task.taskId}?`),
    });
  });
});

describe("the audit log", () => {
  it("says who asked for what and what came of it, refused requests among them, and holds no secret", async () => {
    await using _coordinator = await aCoordinator();
    const campaign = await start();
    await ctl("pause", campaign.id);
    const key = `sk-ant-api03-${"Ab3".repeat(20)}`;
    await expect(ctl("retune", campaign.id, { apiKey: "hunter2" })).rejects.toThrow("apiKey");
    await expect(ctl("pause", key)).rejects.toMatchObject({ code: "CAMPAIGN_NOT_FOUND" });
    await client.request({
      subject: subjects.control("cancel"),
      request: ControlRequest,
      reply: CampaignReply,
      value: { v: 1, kind: "campaign.cancel", campaignId: campaign.id },
    });
    const log = await audit();
    const change = { what: `campaign ${campaign.id}`, campaignId: campaign.id };
    const ada = { user: "client", by: "ada@laptop", coordinator: "w-one" };
    expect(log).toMatchObject([
      {
        ...ada,
        verb: "start",
        target: "test",
        outcome: { outcome: "done", changes: [{ ...change, before: "absent", after: "running" }] },
      },
      {
        ...ada,
        verb: "pause",
        target: campaign.id,
        outcome: { outcome: "done", changes: [{ ...change, before: "running", after: "paused" }] },
      },
      {
        verb: "retune",
        arguments: { apiKey: "…" },
        outcome: { outcome: "refused", error: { code: "CONFIG_UNKNOWN_KEY" } },
      },
      { verb: "pause", outcome: { outcome: "refused", error: { code: "CAMPAIGN_NOT_FOUND" } } },
      { verb: "cancel", by: null, outcome: { changes: [{ ...change, before: "paused", after: "cancelled" }] } },
    ]);
    for (const secret of ["hunter2", key]) expect(JSON.stringify(log)).not.toContain(secret);
  });

  it("is written before anything is done: what cannot be recorded is not done", async () => {
    const full = new Error("no space left");
    const broken = new Proxy(bus, {
      get: (target, name) => {
        if (name === "audit") return { append: () => Promise.reject(full) };
        const value: unknown = target[name as keyof Bus];
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    await using service = new CampaignService({
      bus: broken,
      model: () => scriptedGenerator(),
      logger: silentLogger,
      workerId: "w-one" as WorkerId,
    });
    await service.start();
    await expect(start()).rejects.toThrow("no space left");
    expect(await bus.records("CAMPAIGNS", CampaignRecord).entries()).toEqual([]);
  });

  it("lets nobody but coordinators write to it", async () => {
    const [record] = [{ v: 1, kind: "audit.intent", verb: "pause", target: null, arguments: {} } as const];
    const forged: AuditIntent = {
      ...record,
      user: "client",
      by: null,
      coordinator: "w-one" as WorkerId,
      at: new Date().toISOString(),
    };
    await expect(client.audit.append(forged)).rejects.toMatchObject({ code: "BUS_FORBIDDEN" });
  });
});
