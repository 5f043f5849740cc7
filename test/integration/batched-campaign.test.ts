// Requirements: 5.6.same-data, 5.6.price, 5.6.budget
// A campaign whose synthesis and votes are bought in batches, beside the same campaign bought call by call.
import {
  BatchPurpose,
  type BudgetRecord,
  CampaignRecord,
  type CampaignReport,
  type Demonstration,
  type WorkerId,
} from "@hindcast/shared";
import {
  BatchesValue,
  createModels,
  FleetPurse,
  JournaledCompletion,
  openBatches,
  silentLogger,
} from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { runCampaign } from "../../coordinator/src/campaign-run.ts";
import { anAdmitter, budgetOf, untilAdmitting } from "../support/admission.ts";
import { someSettings } from "../support/campaign-context.ts";
import { aStoredCampaign, demonstrationsOn } from "../support/campaign-records.ts";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import { aNatsServer } from "../support/nats-server.ts";
import { quickModels } from "../support/quick-models.ts";
import { anthropicScript } from "../support/scripted-wire.ts";
import { startStages } from "../support/stages.ts";
import { startWorker } from "../support/worker.ts";

const generator = "anthropic:claude-sonnet-5-5";
const judges = ["anthropic:claude-sonnet-5-5", "anthropic:claude-haiku-5-5"];
const never = new AbortController().signal;

interface Outcome {
  report: CampaignReport;
  demonstrations: Demonstration[];
  batches: number[];
  bought: number;
  singles: number;
  openAfterwards: number;
  failure: string | null;
  /** Of every answer that was bought. */
  paid: number[];
  budget: BudgetRecord | null;
}

async function run(isBatched: boolean, costUsdMax: number | null = null): Promise<Outcome> {
  await using nats = await aNatsServer();
  await using emulator = await startAnthropicEmulator();
  emulator.replyAlways(anthropicScript);
  const bus = await nats.coordinator();
  await using worker = await startWorker(nats, { commands: ["do-one", "do-two"] });
  expect(worker.log).toEqual([]);
  await using _admitter = await anAdmitter(bus);
  await untilAdmitting(bus);
  await using models = quickModels(bus, emulator, "w-campaign" as WorkerId, new FleetPurse(bus, silentLogger));
  const deps = { bus, model: models.source, logger: silentLogger };
  await using _stages = startStages(deps);
  const settings = {
    ...someSettings,
    costUsdMax,
    models: { generator, policy: "offline:rules", judges },
    batch: { purposes: isBatched ? [...BatchPurpose.options] : [], fallback: "error" as const },
  };
  const record = await aStoredCampaign(bus, 6, { settings });
  await bus.records("CAMPAIGNS", CampaignRecord).put(record.id, record);
  const { report, failure } = await runCampaign(record, deps, never);
  if (failure !== null && costUsdMax === null) throw failure;
  const open = openBatches((await bus.records("BATCHES", BatchesValue).entries()).map(({ value }) => value));
  return {
    report,
    demonstrations: await demonstrationsOn(bus),
    batches: emulator.batches.jobs.map(({ requests }) => requests.length),
    bought: emulator.batches.bought.length,
    singles: emulator.requests.filter(({ method, path }) => method === "POST" && path === "/v1/messages").length,
    openAfterwards: open.length,
    failure: failure?.code ?? null,
    paid: (await bus.records("JOURNAL", JournaledCompletion).entries()).map(({ value }) => value.costUsd ?? Number.NaN),
    budget: await budgetOf(bus, record.id),
  };
}

/** Without what differs between any two runs: times, money, and the hashes of requests to another emulator's port. */
function timeless(value: unknown): unknown {
  const dropped = new Set([
    "createdAt",
    "durationMs",
    "costUsd",
    "batched",
    "journaled",
    "startedAt",
    "endedAt",
    "requestHash",
  ]);
  return JSON.parse(JSON.stringify(value, (key, member: unknown) => (dropped.has(key) ? undefined : member)));
}

const costOf = ({ costs }: CampaignReport): number => costs.reduce((sum, { costUsd }) => sum + (costUsd ?? 0), 0);

describe("a campaign with batches", () => {
  it("arrives at the same demonstrations for half the money, in few batches, and leaves none open", async () => {
    const alone = await run(false);
    const batched = await run(true);
    expect(batched.demonstrations.length).toBeGreaterThan(10);
    expect(timeless(batched.demonstrations)).toEqual(timeless(alone.demonstrations));
    expect(batched.report.funnel).toEqual(alone.report.funnel);
    expect({ alone: alone.batches, singles: batched.singles }).toEqual({ alone: [], singles: 0 });
    expect(batched.bought).toBe(alone.singles);
    expect(costOf(batched.report)).toBeCloseTo(costOf(alone.report) / 2, 9);
    const row = batched.report.costs.find(({ purpose }) => purpose === "judge");
    expect(row?.batched).toBe((row?.calls ?? 0) - (row?.journaled ?? 0));
    expect(alone.report.costs.every((cost) => cost.batched === 0)).toBe(true);
    // Far fewer batches than calls: groups form across documents, windows and candidates.
    expect(batched.batches.length).toBeLessThan(batched.bought / 4);
    expect(batched.openAfterwards).toBe(0);
  }, 60_000);

  it("ends within its budget, with everything paid that was bought, however much more was reserved", async () => {
    // One proposal may cost $0.045 and costs a hundredth of it: what is reserved is far more than what is paid.
    const limitUsd = 0.046;
    const { failure, paid, bought, budget, openAfterwards } = await run(true, limitUsd);
    const spent = paid.reduce((sum, usd) => sum + usd, 0);
    expect(failure).toBe("CAMPAIGN_BUDGET_EXHAUSTED");
    expect(bought).toBe(paid.length);
    expect(bought).toBeGreaterThan(0);
    expect(spent).toBeLessThanOrEqual(limitUsd);
    expect(budget).toMatchObject({ open: {}, limitUsd });
    expect(budget?.settledUsd).toBeCloseTo(spent, 9);
    expect(openAfterwards).toBe(0);
  }, 60_000);

  it("is refused before anything is spent when a provider has no batches", async () => {
    await using nats = await aNatsServer();
    const bus = await nats.coordinator();
    const stopping = new AbortController();
    const config = {
      anthropicApiKey: null,
      anthropicBaseUrl: null,
      geminiApiKey: null,
      geminiBaseUrl: null,
      geminiDriver: "genai" as const,
      openaiApiKey: "some-key",
      openaiBaseUrl: null,
      pricesFile: null,
    };
    const source = createModels({ config, bus, logger: silentLogger, stopping: stopping.signal });
    const batch = { purposes: ["judge" as const], fallback: "error" as const };
    expect(() => source("openai:gpt-oss-120b", batch)).toThrow(/no batch endpoint/);
    expect(source("openai:gpt-oss-120b").id).toBe("openai:gpt-oss-120b");
    stopping.abort();
  });
});
