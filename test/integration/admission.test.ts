// Requirements: 5.5.budget, 5.5.lanes, 5.5.pause, 5.5.fair, 5.5.fallback, 5.5.takeover
// Admission on the real bus, with agents that ask a provider in miniature which counts what it is asked.
import type { WorkerId } from "@hindcast/shared";
import {
  AdmissionDone,
  AdmissionResume,
  AdmissionSettle,
  AdmissionSettled,
  HindcastError,
  type LaneStatus,
  subjects,
} from "@hindcast/shared";
import { type Bus, type Completion, costOf, shippedPrices } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { aRequest, noAbort } from "../conformance/model-fixtures.ts";
import {
  aCampaign,
  admissionStatus,
  anAdmitter,
  anAgent,
  budgetOf,
  openSettings,
  untilAdmitting,
} from "../support/admission.ts";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import type { Emulator } from "../support/emulators/emulator.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";

let nats: TestNats;
let coordinator: Bus;
let worker: Bus;
let emulator: Emulator;

beforeEach(async () => {
  nats = await aNatsServer();
  coordinator = await nats.coordinator();
  worker = await nats.connect("w-1" as WorkerId);
  emulator = await startAnthropicEmulator();
  emulator.replyAlways({ kind: "answer", text: "yes" });
});
afterEach(async () => {
  await emulator[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

const text = (words: string): Partial<ReturnType<typeof aRequest>> => ({
  messages: [{ role: "user", content: [{ kind: "text", text: words }] }],
});

/** Asks until the budget is spent. @returns the answers that were bought. */
async function askUntilSpent(ask: (n: number) => Promise<Completion>): Promise<Completion[]> {
  const bought: Completion[] = [];
  for (let n = 0; n < 10_000; n += 1) {
    try {
      bought.push(await ask(n));
    } catch (error) {
      if (error instanceof HindcastError && error.code === "CAMPAIGN_BUDGET_EXHAUSTED") return bought;
      throw error;
    }
  }
  throw new Error("the budget was never spent");
}

/** What the provider bills for all that it answered, by its own counts. */
function billed(answers: readonly Completion[]): number {
  return answers.reduce(
    (sum, { usage }) => sum + (costOf(usage, "anthropic:claude-sonnet-5-5", shippedPrices, Date.now()) ?? Number.NaN),
    0,
  );
}

describe("a campaign's budget", () => {
  it("is never exceeded by fifty agents at once, and is used up to the last call that fits", async () => {
    await using _admitter = await anAdmitter(coordinator);
    await untilAdmitting(coordinator);
    const limitUsd = 0.1;
    const campaignId = await aCampaign(coordinator, "c-0001", { costUsdMax: limitUsd });
    const agents = Array.from({ length: 50 }, (_, n) => anAgent(worker, emulator, { name: `agent-${n}`, campaignId }));
    const answers = (
      await Promise.all(
        agents.map(({ model }, a) =>
          askUntilSpent((n) => model.complete(aRequest(text(`${a} ${n} ${"word ".repeat(200)}`)), noAbort)),
        ),
      )
    ).flat();
    await Promise.all(agents.map(({ admission }) => admission[Symbol.asyncDispose]()));
    expect(emulator.requests).toHaveLength(answers.length);
    const spent = billed(answers);
    expect(spent).toBeLessThanOrEqual(limitUsd);
    // What is left is less than one call may cost.
    expect(limitUsd - spent).toBeLessThan(0.02);
    const stored = await budgetOf(coordinator, campaignId);
    expect(stored?.open).toEqual({});
    expect(stored?.settledUsd).toBeCloseTo(spent, 9);
  });

  it("holds when whoever admits dies in the middle, and nothing of it is lost or spent twice", async () => {
    const dying = await nats.connect("coordinator");
    await using _first = await anAdmitter(dying, { id: "w-first" });
    await untilAdmitting(coordinator);
    await using _second = await anAdmitter(coordinator, { id: "w-second" });
    const limitUsd = 0.1;
    const campaignId = await aCampaign(coordinator, "c-0001", { costUsdMax: limitUsd });
    const agents = Array.from({ length: 12 }, (_, n) => anAgent(worker, emulator, { name: `agent-${n}`, campaignId }));
    const kill = async (): Promise<void> => {
      await until(() => emulator.requests.length >= 30);
      // Without a word: its lease runs out by itself, and what it had granted is only in the bucket.
      await dying.close();
    };
    const [, ...answers] = await Promise.all([
      kill(),
      ...agents.map(({ model }, a) =>
        askUntilSpent((n) => model.complete(aRequest(text(`${a} ${n} ${"word ".repeat(200)}`)), noAbort)),
      ),
    ]);
    await Promise.all(agents.map(({ admission }) => admission[Symbol.asyncDispose]()));
    const spent = billed(answers.flat());
    expect(spent).toBeLessThanOrEqual(limitUsd);
    expect(limitUsd - spent).toBeLessThan(0.02);
    const stored = await budgetOf(coordinator, campaignId);
    expect(stored).toMatchObject({ open: {}, term: 2 });
    expect(stored?.settledUsd).toBeCloseTo(spent, 9);
  }, 40_000);

  it("is not moved by a settlement that nobody has reserved", async () => {
    await using _admitter = await anAdmitter(coordinator);
    await untilAdmitting(coordinator);
    const campaignId = await aCampaign(coordinator, "c-0001", { costUsdMax: 1 });
    const { model, admission } = anAgent(worker, emulator, { name: "agent", campaignId });
    await model.complete(aRequest(), noAbort);
    await admission[Symbol.asyncDispose]();
    const before = await budgetOf(coordinator, campaignId);
    const value: AdmissionSettle = {
      v: 1,
      kind: "admission.settle",
      ticket: "agent-1",
      holder: "agent",
      lane: (await lanes())[0]?.lane ?? "",
      outcome: "answered",
      usage: null,
      costUsd: 5,
      retryAfterMs: null,
      detail: "",
      durationMs: 1,
      learned: [],
    };
    const settle = { subject: subjects.admission("settle"), request: AdmissionSettle, reply: AdmissionSettled, value };
    expect(await worker.request(settle)).toMatchObject({ isKnown: false });
    expect(await budgetOf(coordinator, campaignId)).toEqual(before);
    expect((await admissionStatus(coordinator)).zombieSettlements).toBe(1);
  });

  it("refuses a model of unknown price before anything is sent, and a fleet's limit binds every campaign", async () => {
    await using _admitter = await anAdmitter(coordinator, { fleetUsdMax: 0.02 });
    await untilAdmitting(coordinator);
    const campaignId = await aCampaign(coordinator, "c-0001");
    const { model } = anAgent(worker, emulator, { name: "agent", campaignId });
    const unpriced = anAgent(worker, emulator, { name: "other", campaignId, model: "anthropic:claude-unheard-of" });
    await expect(unpriced.model.complete(aRequest(), noAbort)).rejects.toMatchObject({ code: "MODEL_PRICE_UNKNOWN" });
    expect(emulator.requests).toEqual([]);
    const bought = await askUntilSpent((n) => model.complete(aRequest(text(`${n} ${"word ".repeat(2_000)}`)), noAbort));
    expect(billed(bought)).toBeLessThanOrEqual(0.02);
  });
});

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await isSo());) {
    if (Date.now() > deadline) throw new Error("it never came to be so");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const lanes = async (): Promise<LaneStatus[]> => (await admissionStatus(coordinator)).lanes;

describe("a lane", () => {
  const oneAtATime = (lane: string): ReturnType<typeof openSettings.limitsOf> => ({
    ...openSettings.limitsOf(lane),
    concurrency: { min: 1, start: 1, max: 1 },
  });

  it("that is broken, and a request that never ends, do not hold up the others", async () => {
    await using broken = await startAnthropicEmulator();
    broken.replyAlways({ kind: "failure", reason: "overloaded" });
    await using _admitter = await anAdmitter(coordinator);
    await untilAdmitting(coordinator);
    const campaignId = await aCampaign(coordinator, "c-0001");
    const stop = new AbortController();
    const onBroken = Array.from({ length: 20 }, (_, n) => {
      const { model } = anAgent(worker, broken, { name: `broken-${n}`, campaignId });
      return model.complete(aRequest(), stop.signal).catch((error: unknown) => error);
    });
    emulator.reply({ kind: "silence" });
    const { model } = anAgent(worker, emulator, { name: "good", campaignId });
    const straggler = model.complete(aRequest(text("never")), stop.signal).catch((error: unknown) => error);
    await until(() => emulator.requests.length === 1 && broken.requests.length >= 5);
    const startedAt = performance.now();
    for (let n = 0; n < 30; n += 1) await model.complete(aRequest(text(`good ${n}`)), noAbort);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect((await lanes()).filter(({ block }) => block === "breaker")).toHaveLength(1);
    // The straggler alone, when the last answer has been settled behind its caller's back.
    await until(async () => (await lanes()).some(({ block, inFlight }) => block === null && inFlight === 1));
    stop.abort();
    await Promise.all([...onBroken, straggler]);
  }, 20_000);

  it("is shared by two campaigns as their weights are", async () => {
    await using _admitter = await anAdmitter(coordinator, { limitsOf: oneAtATime });
    await untilAdmitting(coordinator);
    const [one, three] = [
      await aCampaign(coordinator, "c-0001", { weight: 1 }),
      await aCampaign(coordinator, "c-0002", { weight: 3 }),
    ];
    const allWait = Promise.withResolvers<void>();
    emulator.reply(async () => {
      await allWait.promise;
      return { kind: "answer", text: "first" };
    });
    const agents = [one, three].map((campaignId) => anAgent(worker, emulator, { name: campaignId, campaignId }));
    const calls = agents.flatMap(({ model }, which) =>
      Array.from({ length: 20 }, (_, n) => model.complete(aRequest(text(`campaign ${which} call ${n}`)), noAbort)),
    );
    await until(async () => (await lanes())[0]?.waiting === 39);
    allWait.resolve();
    await Promise.all(calls);
    const order = emulator.requests.map(({ body }) => /campaign (\d)/.exec(JSON.stringify(body))?.[1]);
    expect(order.slice(1, 25).filter((which) => which === "1").length).toBeGreaterThanOrEqual(17);
    expect(order.slice(1, 25).filter((which) => which === "0").length).toBeGreaterThanOrEqual(5);
  });

  it("is paused by a spend limit, says so, and goes on when an operator resumes it", async () => {
    await using _admitter = await anAdmitter(coordinator);
    await untilAdmitting(coordinator);
    const campaignId = await aCampaign(coordinator, "c-0001");
    const told: string[] = [];
    const observer = {
      began: () => undefined,
      told: (reason: string) => void told.push(reason),
      ended: () => undefined,
    };
    const { model } = anAgent(worker, emulator, { name: "agent", campaignId, observer });
    emulator.reply({ kind: "failure", reason: "spend-limit" });
    const answer = model.complete(aRequest(), noAbort);
    await until(async () => told.length > 0);
    const [lane] = await lanes();
    expect(lane).toMatchObject({ block: "paused", waiting: 1, inFlight: 0 });
    expect(lane?.until).not.toBeNull();
    expect(told[0]).toContain(lane?.detail);
    expect(emulator.requests).toHaveLength(1);
    await coordinator.request({
      subject: subjects.admission("resume"),
      request: AdmissionResume,
      reply: AdmissionDone,
      value: { v: 1, kind: "admission.resume", lane: lane?.lane ?? "" },
    });
    expect(await answer).toMatchObject({ text: "yes", attempts: 2 });
    expect((await lanes())[0]).toMatchObject({ block: null, waiting: 0 });
  });

  it("keeps its rate, however many ask", async () => {
    const requestsPerMinute = 600;
    await using _admitter = await anAdmitter(coordinator, {
      limitsOf: (lane) => ({ ...openSettings.limitsOf(lane), requestsPerMinute: 60 * 10 }),
    });
    await untilAdmitting(coordinator);
    const campaignId = await aCampaign(coordinator, "c-0001");
    const times: number[] = [];
    emulator.replyAlways(() => (times.push(Date.now()), { kind: "answer", text: "yes" }));
    const calls = Array.from({ length: 50 }, (_, a) =>
      anAgent(worker, emulator, { name: `agent-${a}`, campaignId }),
    ).map(async ({ model }, a) => {
      for (let n = 0; n < 3; n += 1) await model.complete(aRequest(text(`${a} ${n}`)), noAbort);
    });
    await Promise.all(calls);
    // The bucket holds ten seconds' worth; the rest came at the rate.
    const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000;
    expect(times).toHaveLength(150);
    expect(150).toBeLessThanOrEqual(requestsPerMinute / 6 + (seconds + 0.5) * (requestsPerMinute / 60));
  }, 20_000);
});

describe("where nobody admits", () => {
  it("lanes without a budget are used by a share, a budget waits, and both are as before when somebody does", async () => {
    const [open, limited] = [
      await aCampaign(coordinator, "c-0001"),
      await aCampaign(coordinator, "c-0002", { costUsdMax: 1 }),
    ];
    const told: string[] = [];
    const observer = {
      began: () => undefined,
      told: (reason: string) => void told.push(reason),
      ended: () => undefined,
    };
    const free = anAgent(worker, emulator, { name: "free", campaignId: open });
    const bound = anAgent(worker, emulator, { name: "bound", campaignId: limited, observer });
    const waiting = bound.model.complete(aRequest(text("bound")), noAbort);
    expect(await free.model.complete(aRequest(text("free")), noAbort)).toMatchObject({ text: "yes" });
    await until(() => told.length > 0);
    expect(emulator.requests).toHaveLength(1);
    await using _admitter = await anAdmitter(coordinator);
    expect(await waiting).toMatchObject({ text: "yes" });
    expect(emulator.requests).toHaveLength(2);
    await bound.admission[Symbol.asyncDispose]();
    expect((await budgetOf(coordinator, limited))?.settledUsd).toBeGreaterThan(0);
  });
});

describe("a process whose turn it is to admit", () => {
  it("leaves nothing of a service that it could open by half only, and opens all of it at its next turn", async () => {
    const endpoints = 9;
    let [calls, open] = [0, 0];
    const serve: Bus["serve"] = async (endpoint) => {
      calls += 1;
      if (calls === 6)
        throw new HindcastError({ code: "BUS_UNAVAILABLE", boundary: "bus", message: "the server is away" });
      const served = await coordinator.serve(endpoint);
      open += 1;
      return {
        [Symbol.asyncDispose]: async () => {
          open -= 1;
          await served[Symbol.asyncDispose]();
        },
      };
    };
    const failing = new Proxy(coordinator, {
      get: (bus, key) => {
        if (key === "serve") return serve;
        const value = bus[key as keyof Bus] as unknown;
        return typeof value === "function" ? (value.bind(bus) as unknown) : value;
      },
    });
    await using _admitter = await anAdmitter(failing);
    await expect.poll(() => calls).toBe(6 + endpoints);
    await untilAdmitting(coordinator);
    expect(open).toBe(endpoints);
  });
});
