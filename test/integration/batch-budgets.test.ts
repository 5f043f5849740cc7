// Batches within budgets: real admission on a real server, and a provider that bills what it answers.
// Requirements: 5.6.budget, 5.5.budget
import { setTimeout as delay } from "node:timers/promises";
import type { CampaignId, WorkerId } from "@hindcast/shared";
import {
  batchCostOf,
  type Bus,
  type Completion,
  type CompletionRequest,
  FleetPurse,
  type Model,
  onAccount,
  shippedPrices,
  silentLogger,
} from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { aRequest, noAbort } from "../conformance/model-fixtures.ts";
import { aCampaign, admissionStatus, anAdmitter, anAgent, budgetOf, untilAdmitting } from "../support/admission.ts";
import { type BatchProcess, type BatchProcessOptions, startBatchProcess } from "../support/batch-process.ts";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import type { EmulatedBatches } from "../support/emulators/batches.ts";
import type { Emulator } from "../support/emulators/emulator.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";

const model = "anthropic:claude-sonnet-5-5";
let nats: TestNats;
let bus: Bus;
let emulator: Emulator & { batches: EmulatedBatches };

beforeEach(async () => {
  nats = await aNatsServer();
  bus = await nats.coordinator();
  emulator = await startAnthropicEmulator();
  emulator.replyAlways({ kind: "answer", text: "yes, and with a few words more than that" });
});
afterEach(async () => {
  await emulator[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

const question = (n: number | string): CompletionRequest =>
  aRequest({
    purpose: "judge",
    messages: [{ role: "user", content: [{ kind: "text", text: `question ${n} ${"word ".repeat(100)}` }] }],
  });

/** A process with a connection, a desk and a purse of its own; nobody dies, so a busy machine must not look like it. */
async function aProcess(owner: string, tuning: BatchProcessOptions["tuning"] = {}): Promise<BatchProcess> {
  const own = await nats.connect("coordinator");
  const purse = new FleetPurse(own, silentLogger);
  return startBatchProcess({ bus: own, emulator, owner, purse, tuning: { leaseTtlMs: 20_000, ...tuning } });
}

interface Asked {
  bought: Completion[];
  codes: string[];
}

async function askAll(asked: Model, questions: readonly (number | string)[]): Promise<Asked> {
  const outcomes = await Promise.allSettled(questions.map((n) => asked.complete(question(n), noAbort)));
  return {
    bought: outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : [])),
    codes: outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? [(outcome.reason as { code: string }).code] : [],
    ),
  };
}

/** What the provider bills for what it answered in batches, by its own counts. */
const billed = (answers: readonly Completion[]): number =>
  answers
    .filter(({ journaled }) => !journaled)
    .reduce((sum, { usage }) => sum + (batchCostOf(usage, model, shippedPrices, Date.now()) ?? Number.NaN), 0);

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const numbered = (name: string, count: number): string[] => range(count).map((n) => `${name} ${n}`);

describe("batches of a campaign with a budget", () => {
  it("never overspend it, from several processes at once and with others' batches, and use it up", async () => {
    await using _admitter = await anAdmitter(bus);
    await untilAdmitting(bus);
    // A request may cost 0.003 and costs a quarter of it, so the budget is spent in a few rounds.
    emulator.replyAlways({ kind: "answer", text: "a word or two ".repeat(40) });
    const limitUsd = 0.02;
    const [poor, rich] = [await aCampaign(bus, "c-0001", { costUsdMax: limitUsd }), await aCampaign(bus, "c-0002")];
    const processes = await Promise.all(["w-a", "w-b", "w-c"].map((owner) => aProcess(owner, { requestsMax: 12 })));
    const most: number[] = [];
    const watching = new AbortController();
    const watch = (async () => {
      while (!watching.signal.aborted) {
        const [budget] = (await admissionStatus(bus)).budgets;
        if (budget !== undefined) most.push(budget.settledUsd + budget.escrowUsd);
        await delay(5);
      }
    })();
    const outcomes = await Promise.all(
      processes.flatMap((each, at) => [
        askAll(onAccount(each.model, { campaignId: poor }), numbered(`poor ${at}`, 16)),
        askAll(onAccount(each.model, { campaignId: rich }), numbered(`rich ${at}`, 10)),
      ]),
    );
    watching.abort();
    await watch;
    const ofPoor = outcomes.filter((_, at) => at % 2 === 0);
    const spent = billed(ofPoor.flatMap(({ bought }) => bought));
    expect(spent).toBeGreaterThan(limitUsd / 2);
    expect(Math.max(...most)).toBeLessThanOrEqual(limitUsd);
    expect(new Set(ofPoor.flatMap(({ codes }) => codes))).toEqual(new Set(["CAMPAIGN_BUDGET_EXHAUSTED"]));
    // Others, in the same batches, are not held up by it.
    expect(outcomes.filter((_, at) => at % 2 === 1).map(({ bought }) => bought.length)).toEqual([10, 10, 10]);
    await Promise.all(processes.map((each) => each[Symbol.asyncDispose]()));
    const stored = await budgetOf(bus, poor);
    expect(stored?.open).toEqual({});
    expect(stored?.settledUsd).toBeCloseTo(spent, 9);
    expect(emulator.batches.bought).toHaveLength(outcomes.reduce((sum, { bought }) => sum + bought.length, 0));
    // What is left is less than one more request may cost.
    expect(limitUsd - spent).toBeLessThan(0.005);
  });

  it("reserve and pay once, whichever step their process dies at", async () => {
    await using _admitter = await anAdmitter(bus);
    await untilAdmitting(bus);
    const count = 3;
    let world = 0;
    const worldAt = async (dieAt?: number): Promise<number> => {
      world += 1;
      const campaignId = await aCampaign(bus, `c-${1_000 + world}`, { costUsdMax: 1 });
      // Another endpoint is another lane, another register and other journal keys: worlds do not meet.
      await using own = await startAnthropicEmulator();
      own.replyAlways({ kind: "answer", text: "yes" });
      const before = await nats.connect("coordinator");
      const purse = new FleetPurse(before, silentLogger);
      const options = { bus: before, emulator: own, owner: `w-before-${world}`, purse, tuning: { tendMs: 60_000 } };
      await using doomed = startBatchProcess({ ...options, ...(dieAt !== undefined && { dieAt }) });
      const first = askAll(onAccount(doomed.model, { campaignId }), range(count)).catch(() => null);
      // On a busy machine it may also lose its lease, and then the heir has everything to do.
      await Promise.race([first, doomed.died, delay(8_000)]);
      if (dieAt !== undefined) {
        await before.close();
        const after = { bus, emulator: own, owner: `w-after-${world}`, purse: new FleetPurse(bus, silentLogger) };
        await using heir = startBatchProcess(after);
        const { bought } = await askAll(onAccount(heir.model, { campaignId }), range(count));
        expect(bought, `died at step ${dieAt}`).toHaveLength(count);
        await expect.poll(async () => (await budgetOf(bus, campaignId))?.open, { timeout: 15_000 }).toEqual({});
      } else await expect.poll(async () => (await budgetOf(bus, campaignId))?.open, { timeout: 15_000 }).toEqual({});
      expect(own.batches.bought, `died at step ${dieAt}`).toHaveLength(count);
      const usages = own.batches.jobs.flatMap(({ outcomes }) => outcomes);
      expect(usages, `died at step ${dieAt}`).toHaveLength(count);
      const settled = (await budgetOf(bus, campaignId))?.settledUsd ?? Number.NaN;
      paid.push(settled);
      return doomed.steps();
    };
    const paid: number[] = [];
    const steps = await worldAt();
    expect(steps).toBeGreaterThan(30);
    const points = range(steps).map((n) => n + 1);
    for (let i = 0; i < points.length; i += 24) await Promise.all(points.slice(i, i + 24).map(worldAt));
    // The same answers cost the same, however often somebody died over them.
    expect(paid[0]).toBeGreaterThan(0);
    for (const each of paid) expect(each).toBeCloseTo(paid[0]!, 9);
  }, 60_000);

  it("are charged for what was answered alone, where a part has expired or was cancelled", async () => {
    await using _admitter = await anAdmitter(bus);
    await untilAdmitting(bus);
    const campaignId = await aCampaign(bus, "c-0001", { costUsdMax: 1 });
    await using it = await aProcess("w-expiry", { triesMax: 1 });
    let seen = 0;
    emulator.batches.fate = () => (++seen % 2 === 0 ? "expired" : "answer");
    const { bought, codes } = await askAll(onAccount(it.model, { campaignId }), range(6));
    expect([bought.length, new Set(codes)]).toEqual([3, new Set(["MODEL_TIMEOUT"])]);
    await expect.poll(async () => (await budgetOf(bus, campaignId))?.open, { timeout: 15_000 }).toEqual({});
    expect((await budgetOf(bus, campaignId))?.settledUsd).toBeCloseTo(billed(bought), 9);
  });

  it("wait for dollars that other batches have reserved, and go when those are paid", async () => {
    await using _admitter = await anAdmitter(bus);
    await untilAdmitting(bus);
    // Two requests may cost at most about 0.0052; three do not fit at once.
    const campaignId = await aCampaign(bus, "c-0001", { costUsdMax: 0.0065 });
    await using it = await aProcess("w-waits");
    emulator.batches.isHeld = true;
    const asking = askAll(onAccount(it.model, { campaignId }), range(3));
    await expect.poll(() => emulator.batches.jobs.length).toBe(1);
    expect(emulator.batches.jobs[0]?.requests.length).toBeLessThan(3);
    await delay(300);
    expect(emulator.batches.jobs).toHaveLength(1);
    emulator.batches.isHeld = false;
    const { bought, codes } = await asking;
    expect([bought.length, codes]).toEqual([3, []]);
    expect(emulator.batches.jobs.length).toBeGreaterThan(1);
  });

  it("count on the budget of the fleet as single calls do, and go on under whoever admits next", async () => {
    const dying = await nats.connect("coordinator");
    await using _first = await anAdmitter(dying, { id: "w-first", fleetUsdMax: 0.02 });
    await untilAdmitting(bus);
    await using _second = await anAdmitter(bus, { id: "w-second", fleetUsdMax: 0.02 });
    const campaignId = await aCampaign(bus, "c-0001");
    await using it = await aProcess("w-fleet");
    emulator.batches.isHeld = true;
    const asking = askAll(onAccount(it.model, { campaignId }), range(4));
    await expect.poll(() => emulator.batches.jobs.length).toBe(1);
    const held = (await budgetOf(bus, "fleet"))?.open ?? {};
    expect(Object.values(held)).toMatchObject([{ holder: "batches" }]);
    // Without a word; the next one finds the reservation in the bucket and lets no single call have its dollars.
    await dying.close();
    emulator.batches.isHeld = false;
    const { bought } = await asking;
    expect(bought).toHaveLength(4);
    await expect.poll(async () => (await budgetOf(bus, "fleet"))?.open, { timeout: 20_000 }).toEqual({});
    const worker = await nats.connect("w-1" as WorkerId);
    const agent = anAgent(worker, emulator, { name: "agent", campaignId: "c-0001" as CampaignId });
    const single = await agent.model.complete(aRequest(), noAbort);
    await agent.admission[Symbol.asyncDispose]();
    const stored = await budgetOf(bus, "fleet");
    expect(stored?.settledUsd).toBeCloseTo(billed(bought) + (single.costUsd ?? Number.NaN), 9);
    expect(stored?.settledUsd).toBeLessThanOrEqual(0.02);
  }, 40_000);

  it("are given up by the desk when a process that slept reserves for a batch that is closed", async () => {
    await using _admitter = await anAdmitter(bus);
    await untilAdmitting(bus);
    const campaignId = await aCampaign(bus, "c-0001", { costUsdMax: 1 });
    const purse = new FleetPurse(bus, silentLogger);
    expect(await purse.hold({ batch: "bat-gone", campaignId, usdMax: 0.5 }, noAbort)).toBe(true);
    expect(await purse.hold({ batch: "bat-gone", campaignId, usdMax: 0.5 }, noAbort)).toBe(true);
    expect(await purse.hold({ batch: "bat-more", campaignId, usdMax: 0.6 }, noAbort)).toBe(false);
    expect(Object.keys((await budgetOf(bus, campaignId))?.open ?? {})).toEqual(["bat-gone.c-0001"]);
    await expect.poll(async () => (await budgetOf(bus, campaignId))?.open, { timeout: 20_000 }).toEqual({});
    expect((await budgetOf(bus, campaignId))?.settledUsd).toBe(0);
  }, 30_000);
});
