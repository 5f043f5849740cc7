// Several coordinators in one process, on a real server.
// Requirements: 5.4.leader, 5.4.fenced, 5.4.shared-stages
import {
  type CampaignLeader,
  type CampaignRecord,
  CampaignReply,
  ControlRequest,
  HindcastError,
  leaseOf,
  limits,
  type ProposeTask,
  stagePool,
  subjects,
  type TaskId,
  type TaskResult,
  type WorkerId,
} from "@hindcast/shared";
import { type Bus, Cancellations, type LeasedTask, type Model, silentLogger } from "@hindcast/shared/node";
import { headers } from "@nats-io/transport-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CampaignRecords } from "../../coordinator/src/campaign-records.ts";
import { packDocuments, runCampaign } from "../../coordinator/src/campaign-run.ts";
import { CampaignService } from "../../coordinator/src/campaign-service.ts";
import { endDeadTasks } from "../../coordinator/src/dead-letter-reconciler.ts";
import { StageHandler } from "../../coordinator/src/stage/stage-handler.ts";
import { someSettings } from "../support/campaign-context.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { rawNats } from "../support/raw-nats.ts";
import { aDocument, scriptedGenerator } from "../support/scripted-generator.ts";
import { startStages } from "../support/stages.ts";
import { startWorker } from "../support/worker.ts";

const never = new AbortController().signal;
const [one, two] = ["w-one", "w-two"] as [WorkerId, WorkerId];
const page = (messages: unknown): string => /Page (\d+)/.exec(JSON.stringify(messages))?.[1] ?? "";
let nats: TestNats;
let bus: Bus;
let records: CampaignRecords;

beforeEach(async () => {
  nats = await aNatsServer();
  bus = await nats.coordinator();
  records = new CampaignRecords(bus);
});
afterEach(() => nats[Symbol.asyncDispose]());

/** Answers when it is let; says when it was asked. */
function aSlowGenerator(): { model: Model; asked: Promise<void>; answer: () => void } {
  const [asked, answering] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const generator = scriptedGenerator();
  const complete: Model["complete"] = async (request, signal) => {
    asked.resolve();
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    await Promise.race([answering.promise, aborted]);
    return await generator.complete(request);
  };
  const model: Model = { id: generator.id, provider: "offline", isOffline: true, complete };
  return { model, asked: asked.promise, answer: answering.resolve };
}

/** A coordinator with a connection of its own. */
async function aCoordinator(workerId: WorkerId, model: Model): Promise<AsyncDisposable> {
  const own = await nats.connect("coordinator");
  const deps = { bus: own, model: () => model, logger: silentLogger, workerId };
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

const request = async (value: ControlRequest): Promise<CampaignRecord> =>
  (
    await bus.request({
      subject: subjects.control(value.kind.split(".")[1]!),
      request: ControlRequest,
      reply: CampaignReply,
      value,
    })
  ).campaign;

const start = async (pages = 1): Promise<CampaignRecord> =>
  request({
    v: 1,
    kind: "campaign.start",
    name: "test",
    settings: someSettings,
    documents: await bus.blobs.put(packDocuments(Array.from({ length: pages }, (_, n) => aDocument(n)))),
  });

const leaderOf = async ({ id }: CampaignRecord): Promise<WorkerId | undefined> =>
  (await bus.leases.holder(leaseOf.campaign(id)))?.workerId;

async function recordOf({ id }: CampaignRecord): Promise<CampaignRecord> {
  return (await records.list()).find((each) => each.id === id)!;
}

describe("the leader of a campaign", () => {
  it("is one of the coordinators, and another goes on at once when it stops", async () => {
    const { model, asked, answer } = aSlowGenerator();
    await using _worker = await startWorker(nats, { commands: ["do-one", "do-two"] });
    const coordinators = new Map([
      [one, await aCoordinator(one, model)],
      [two, await aCoordinator(two, model)],
    ]);
    const campaign = await start();
    await asked;
    const leader = (await leaderOf(campaign))!;
    const other = leader === one ? two : one;
    expect((await recordOf(campaign)).leader).toMatchObject({ workerId: leader });

    const stoppedAt = performance.now();
    await coordinators.get(leader)?.[Symbol.asyncDispose]();
    await expect.poll(() => leaderOf(campaign), { timeout: 10_000, interval: 20 }).toBe(other);
    // It was let go, not left to run out.
    expect(performance.now() - stoppedAt).toBeLessThan(limits.coordinatorLeaseTtlMs);
    answer();
    await expect.poll(async () => (await recordOf(campaign)).state, { timeout: 20_000 }).toBe("finished");
    expect((await recordOf(campaign)).leader).toMatchObject({ workerId: other });
    await coordinators.get(other)?.[Symbol.asyncDispose]();
  });

  it("stops when any coordinator cancels, and what it had queued ends as cancelled", async () => {
    const { model, asked } = aSlowGenerator();
    await using _one = await aCoordinator(one, model);
    await using _two = await aCoordinator(two, model);
    const campaign = await start();
    await asked;
    expect((await request({ v: 1, kind: "campaign.cancel", campaignId: campaign.id })).state).toBe("cancelled");
    await expect.poll(() => leaderOf(campaign), { timeout: 5_000 }).toBeUndefined();
    await expect.poll(() => bus.tasks.backlog(stagePool), { timeout: 5_000 }).toEqual({ queued: 0, working: 0 });
    const outcomes = (await bus.results.list(campaign.id)).map((result) => "outcome" in result && result.outcome);
    expect(outcomes).toEqual(["cancelled"]);
  });

  it("ends no campaign that another one has taken up since", async () => {
    const documents = await bus.blobs.put(packDocuments([aDocument(1)]));
    const {
      campaign: { id },
    } = await records.create({ name: "test", settings: someSettings, documents });
    const [early, late]: CampaignLeader[] = [
      { workerId: one, token: 5 },
      { workerId: two, token: 9 },
    ];
    expect(await records.claim(id, early!)).toMatchObject({ leader: early });
    expect(await records.claim(id, late!)).toMatchObject({ leader: late });
    expect(await records.claim(id, early!)).toBeNull();
    const end = { state: "failed", detail: "I slept", report: null } as const;
    expect(await records.end(id, end, early!)).toMatchObject({ state: "running", leader: late });
    expect(await records.end(id, { ...end, state: "finished", detail: null }, late!)).toMatchObject({
      state: "finished",
    });
    expect(await records.claim(id, { workerId: one, token: 11 })).toBeNull();
  });
});

describe("a stage task", () => {
  const task: ProposeTask = {
    v: 1,
    kind: "propose",
    taskId: "task-1" as TaskId,
    campaignId: "c-0001" as ProposeTask["campaignId"],
    pool: stagePool,
    traceparent: null,
    settings: someSettings,
    leftUsd: null,
    document: aDocument(1),
  };
  const endOf = (): Promise<TaskResult | null> => bus.results.get(task.campaignId, task.taskId);
  const leased = (deliveryCount = 1): LeasedTask => ({ task, deliveryCount }) as LeasedTask;
  const aHandler = (workerId: WorkerId, model: Model): StageHandler =>
    new StageHandler({
      bus,
      model: () => model,
      workerId,
      cancellations: new Cancellations(),
      logger: silentLogger,
    });

  it("is written by nobody who lost the lease on it meanwhile, and by its new holder", async () => {
    const { model, asked, answer } = aSlowGenerator();
    const slow = aHandler(one, model).handle(leased(), never);
    await asked;
    await using raw = await rawNats(nats);
    const expired = headers();
    expired.set("KV-Operation", "PURGE");
    await raw.jetstream.publish(`$KV.LEASES.${leaseOf.task(task.taskId)}`, "", { headers: expired });
    expect(await aHandler(two, scriptedGenerator()).handle(leased(2), never)).toEqual({ kind: "done" });
    const end = await endOf();
    answer();
    expect(await slow).toEqual({ kind: "left" });
    expect(end).toMatchObject({ kind: "stage.ended", outcome: "completed", workerId: two });
    expect(await endOf()).toEqual(end);
  });

  it("is left alone while another coordinator works on it", async () => {
    const { model, asked, answer } = aSlowGenerator();
    const handler = aHandler(one, model);
    const first = handler.handle(leased(), never);
    await asked;
    expect(await handler.handle(leased(2), never)).toEqual({ kind: "left" });
    expect(await aHandler(two, model).handle(leased(2), never)).toEqual({ kind: "left" });
    answer();
    expect(await first).toEqual({ kind: "done" });
  });

  it("that crashes costs its item, not the campaign, and lies among the dead letters", async () => {
    await using _worker = await startWorker(nats, { commands: ["do-one", "do-two"] });
    const broken = scriptedGenerator({
      "self-instruct": ({ messages }) => {
        if (page(messages) === "1") throw new TypeError("a bug");
        return { json: { tasks: [] } };
      },
    });
    const deps = { bus, model: () => broken, logger: silentLogger };
    await using _stages = startStages(deps);
    const { campaign: record } = await records.create({
      name: "test",
      settings: someSettings,
      documents: await bus.blobs.put(packDocuments([aDocument(1), aDocument(2)])),
    });
    const { report, failure } = await runCampaign(record, deps, never);
    expect(failure).toBeNull();
    expect(report.warnings.join()).toContain("the propose stage lost some of its items: a bug");
    // The record comes first: a campaign must not wait for what only an operator looks at.
    await expect
      .poll(async () => (await bus.deadLetters.list()).map(({ subject }) => subject))
      .toEqual([expect.stringContaining(`hindcast.task.${stagePool}.`)]);
  });

  it("that fails for a while is done by a later attempt", async () => {
    const away = new HindcastError({ code: "BUS_UNAVAILABLE", boundary: "bus", message: "away", retryable: true });
    let asked = 0;
    const flaky = scriptedGenerator({
      "self-instruct": () => ((asked += 1) === 1 ? { error: away } : { json: { tasks: [] } }),
    });
    await using _stages = startStages({ bus, model: () => flaky, logger: silentLogger });
    await bus.tasks.publish(task, never);
    await expect.poll(endOf, { timeout: 10_000 }).toMatchObject({ outcome: "completed", error: null });
    expect(asked).toBe(2);
  });

  it("that took down every coordinator is ended by the reconciler", async () => {
    await bus.tasks.publish(task, never);
    for (let delivery = 1; delivery <= limits.deliveriesMax; delivery += 1) {
      const [held] = await bus.tasks.lease(stagePool, 1, 2_000, never);
      held?.handBack();
    }
    expect(await bus.tasks.lease(stagePool, 1, 300, never)).toEqual([]);
    await expect.poll(() => bus.deadLetters.reconcile([stagePool]), { timeout: 5_000 }).toBe(1);
    expect(await endDeadTasks(bus)).toBe(1);
    expect(await endOf()).toMatchObject({ kind: "stage.ended", outcome: "failed", output: null });
  });
});
