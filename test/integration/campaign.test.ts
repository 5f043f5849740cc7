// Requirements: 3.2.proposal, 3.2.declined, 3.2.duplicates, 3.6.kinds, 3.6.windows, 3.7.replay, 3.7.committee, 3.13.report, 3.bad.two-campaigns
import {
  HindcastError,
  type CampaignId,
  type CampaignRecord,
  type CampaignReport,
  type Demonstration,
  streams,
} from "@hindcast/shared";
import { type Bus, type Model, silentLogger } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CampaignOutcome, runCampaign } from "../../coordinator/src/campaign-run.ts";
import { someSettings } from "../support/campaign-context.ts";
import { aStoredCampaign, demonstrationsOn } from "../support/campaign-records.ts";
import { aDemonstration } from "../support/messages.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { rawNats } from "../support/raw-nats.ts";
import { scriptedGenerator } from "../support/scripted-generator.ts";
import type { Line, ScriptedModel } from "../support/scripted-model.ts";
import { startStages } from "../support/stages.ts";
import { startWorker, type TestWorker } from "../support/worker.ts";

const commands = ["do-one", "do-two"];
const never = new AbortController().signal;
let nats: TestNats;
let bus: Bus;
let worker: TestWorker;

beforeEach(async () => {
  nats = await aNatsServer();
  bus = await nats.coordinator();
  worker = await startWorker(nats, { commands });
});
afterEach(async () => {
  await worker[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

const aRecord = (id = "c-0001", partial: Partial<CampaignRecord["settings"]> = {}): Promise<CampaignRecord> =>
  aStoredCampaign(bus, 2, { id: id as CampaignId, settings: { ...someSettings, ...partial } });

/** One coordinator: it leads the campaign and works on its stages. */
async function outcomeOf(generator: Model, record?: CampaignRecord, signal = never): Promise<CampaignOutcome> {
  const deps = { bus, model: () => generator, logger: silentLogger };
  await using _stages = startStages(deps);
  return await runCampaign(record ?? (await aRecord()), deps, signal);
}

async function run(generator: Model, record?: CampaignRecord, signal = never): Promise<CampaignReport> {
  const { report, failure } = await outcomeOf(generator, record, signal);
  if (failure !== null) throw failure;
  return report;
}

const demonstrations = (): Promise<Demonstration[]> => demonstrationsOn(bus);

const countsOf = (report: CampaignReport, stage: string): Record<string, number> =>
  report.funnel.find(({ name }) => name === stage)?.counts ?? {};

describe("a campaign on a real bus", () => {
  it("follows Algorithm 1 from documents to demonstrations, and every count adds up", async () => {
    const report = await run(scriptedGenerator());
    expect(countsOf(report, "documents")).toEqual({ "learned from": 2 });
    expect(countsOf(report, "tasks")).toEqual({ "declined: needs network": 2, duplicate: 2, "rolled-out": 2 });
    // Two episodes of two steps: three windows each, two instruction kinds.
    expect(countsOf(report, "windows")).toEqual({ constructed: 6 });
    expect(countsOf(report, "candidates")).toEqual({ accepted: 12 });
    expect(countsOf(report, "replay")).toEqual({ verified: 12 });
    expect(countsOf(report, "demonstrations")).toEqual({ indexed: 12 });
    expect(report.outcomes.submitted).toBe(2);
    expect(Object.values(report.outcomes).reduce((sum, count) => sum + count, 0)).toBe(2);

    const found = await demonstrations();
    expect(found).toHaveLength(12);
    const full = found.find(({ instruction, steps }) => instruction.kind === "new-task" && steps.length === 2);
    expect(full).toMatchObject({
      instruction: { text: "Carry out do-one and do-two" },
      replay: "verified",
      score: 4,
      steps: [{ reason: "reason 1", summary: "Ran do-one." }, { reason: "reason 2" }],
      lineage: { from: 0, to: 2, keptSteps: [1, 2], isOffline: true },
    });
    expect(
      found.find(({ instruction, steps }) => instruction.kind === "replicate" && steps.length === 2)?.instruction.text,
    ).toBe("Replicate the following: Ran do-one. Then: Ran do-two.");
  });

  it("summarises each transition once, however many windows it is part of", async () => {
    const generator = scriptedGenerator();
    await run(generator);
    expect(generator.asked("summarise-transition")).toBe(4);
    expect(generator.asked("new-task-instruction")).toBe(6);
  });

  it("arrives at the same demonstrations when it is run again from the top after a crash", async () => {
    const stop = new AbortController();
    const generator = scriptedGenerator();
    let votes = 0;
    const dying = scriptedGenerator({
      judge: () => {
        if ((votes += 1) === 5) stop.abort(new Error("killed"));
        return {
          json: {
            checklist: [{ item: "done", met: true }],
            criteria: { aligned: true, coherent: true, natural: true, reasonable: true },
            score: 4,
            reason: "fine",
            verdict: "yes",
          },
        };
      },
    });
    const record = await aRecord();
    await expect(run(dying, record, stop.signal)).rejects.toThrow("killed");
    const stepsBefore = worker.log.filter((line) => line.startsWith("step")).length;
    await run(generator, record);
    const again = await demonstrations();

    await worker[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
    nats = await aNatsServer();
    bus = await nats.coordinator();
    worker = await startWorker(nats, { commands });
    await run(scriptedGenerator(), await aRecord());
    // What differs is when the episodes ended; everything else must not.
    const withoutTime = (found: Demonstration[]): unknown =>
      JSON.parse(JSON.stringify(found).replaceAll(/"(createdAt|durationMs)":("[^"]*"|[\d.]+)/g, '"$1":0'));
    expect(withoutTime(again)).toEqual(withoutTime(await demonstrations()));
    expect(stepsBefore).toBeGreaterThan(0);
  });

  it("starts although all that was learned before it was removed by hand", async () => {
    await bus.demonstrations.put(aDemonstration(1));
    await using raw = await rawNats(nats);
    await raw.manager.streams.purge(streams.demonstrations);
    const report = await run(scriptedGenerator(), await aRecord(), AbortSignal.timeout(30_000));
    expect(countsOf(report, "demonstrations")).toEqual({ indexed: 12 });
  });

  it("does not learn again what an earlier campaign learned", async () => {
    await run(scriptedGenerator());
    const second = await run(scriptedGenerator(), await aRecord("c-0002"));
    expect(countsOf(second, "tasks")).toEqual({ "declined: needs network": 2, duplicate: 4 });
    expect(await demonstrations()).toHaveLength(12);
  });

  it("keeps two campaigns at once apart", async () => {
    const [one, two] = await Promise.all([
      run(scriptedGenerator(), await aRecord("c-0001")),
      run(scriptedGenerator(), await aRecord("c-0002")),
    ]);
    expect(countsOf(one, "demonstrations")).toEqual({ indexed: 12 });
    expect(countsOf(two, "demonstrations")).toEqual({ indexed: 12 });
    expect(new Set((await demonstrations()).map(({ campaignId }) => campaignId)).size).toBe(2);
  });

  it("reports rulings that stay open because a judge is out, and rejects nothing for it", async () => {
    const error = new HindcastError({ code: "MODEL_OVERLOADED", boundary: "model", message: "529", retryable: true });
    const report = await run(scriptedGenerator({ judge: () => ({ error }) }));
    expect(countsOf(report, "candidates")).toEqual({ "open: a judge abstained": 12 });
    expect(await demonstrations()).toEqual([]);
  });

  it("asks a judge again that was out, and takes what it then says", async () => {
    const error = new HindcastError({ code: "MODEL_OVERLOADED", boundary: "model", message: "529", retryable: true });
    const criteria = { aligned: true, coherent: true, natural: true, reasonable: true };
    const yes = { checklist: [], criteria, score: 4, reason: "fine", verdict: "yes" };
    const isFirstRound = (seed: number): boolean => seed === someSettings.seed;
    const generator = scriptedGenerator({ judge: ({ seed }) => (isFirstRound(seed) ? { error } : { json: yes }) });
    expect(countsOf(await run(generator), "candidates")).toEqual({ accepted: 12 });
  });

  it("keeps the paper's word with replay off: unchecked", async () => {
    const report = await run(scriptedGenerator(), await aRecord("c-0001", { verifyByReplay: false }));
    expect(countsOf(report, "replay")).toEqual({ unchecked: 12 });
  });

  it("stops before asking for more when its budget is spent, and reports what it has", async () => {
    const generator: ScriptedModel = scriptedGenerator({
      "summarise-transition": () => ({ completion: { text: "s", costUsd: 1 } }),
    });
    const { report, failure } = await outcomeOf(generator, await aRecord("c-0001", { costUsdMax: 2 }));
    expect(failure).toMatchObject({ code: "CAMPAIGN_BUDGET_EXHAUSTED" });
    expect(generator.asked("judge")).toBe(0);
    expect(report.warnings.join()).toMatch(/stopped early/);
    // Calls that were under way when the limit was reached are paid for, and counted.
    const spent = report.costs.find(({ purpose }) => purpose === "summarise-transition")?.costUsd;
    expect(spent).toBeGreaterThanOrEqual(2);
    expect(spent).toBeLessThanOrEqual(4);
    expect(countsOf(report, "tasks")["rolled-out"]).toBeGreaterThan(0);
  });

  it("waits for a generator that is away and then goes on", async () => {
    const error = new HindcastError({ code: "MODEL_OVERLOADED", boundary: "model", message: "529", retryable: true });
    let asked = 0;
    const done = {
      asksForAnswer: false,
      answer: null,
      expectedResult: "done",
      instruction: "Carry out what was done",
    };
    const line = (): Line => ((asked += 1) === 1 ? { error } : { json: done });
    const report = await run(scriptedGenerator({ "new-task-instruction": line }));
    expect(countsOf(report, "demonstrations")).toEqual({ indexed: 12 });
    expect(report.warnings.join()).toMatch(/generator was away/);
  });

  it("loses one item, not the campaign, to a request that the generator cannot answer", async () => {
    const error = new HindcastError({ code: "MODEL_REQUEST_INVALID", boundary: "model", message: "400" });
    const report = await run(scriptedGenerator({ "new-task-instruction": () => ({ error }) }));
    // Three windows of each episode have no new task; their replications stand.
    expect(countsOf(report, "candidates")).toEqual({ accepted: 6, "no usable instruction": 6 });
    expect(countsOf(report, "demonstrations")).toEqual({ indexed: 6 });
  });

  it("ends at once on what waiting cannot cure", async () => {
    const error = new HindcastError({ code: "MODEL_UNAUTHORIZED", boundary: "model", message: "wrong key" });
    const { failure } = await outcomeOf(scriptedGenerator({ "self-instruct": () => ({ error }) }));
    expect(failure).toMatchObject({ code: "MODEL_UNAUTHORIZED", message: "wrong key" });
  });

  it("counts steps that were made, and for the throughput those of this run only", async () => {
    const record = await aRecord();
    const first = await run(scriptedGenerator(), record);
    expect(first.steps).toBe(4);
    expect(first.stepsPerSecond).toBeGreaterThan(0);
    expect(await run(scriptedGenerator(), record)).toMatchObject({ steps: 4, stepsPerSecond: 0 });
  });

  it("leaves out a task whose files do not fit a message instead of failing", async () => {
    const proposal = {
      asksForAnswer: false,
      expectedResult: "done",
      guidance: [],
      setup: [],
      needs: [],
      instruction: "Sort the great list",
      files: [
        { path: "a", content: "x".repeat(150_000) },
        { path: "b", content: "x".repeat(150_000) },
      ],
    };
    const report = await run(scriptedGenerator({ "self-instruct": () => ({ json: { tasks: [proposal] } }) }));
    expect(report.outcomes).toMatchObject({ unavailable: 1, submitted: 0 });
    expect(report.warnings.join()).toMatch(/do not fit a message/);
  });

  it("survives model answers that are empty, not JSON or refused, and says so", async () => {
    for (const line of ["", "no json", { completion: { stop: "refusal" as const } }]) {
      const report = await run(
        scriptedGenerator({ "self-instruct": () => line }),
        await aRecord(`c-${Math.random().toString(36).slice(2)}`),
      );
      expect(report.warnings.join()).toMatch(/no usable proposals/);
      expect(countsOf(report, "demonstrations")).toEqual({});
    }
  });
});
