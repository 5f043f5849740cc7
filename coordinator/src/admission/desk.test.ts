// Requirements: 5.5.takeover, 5.5.budget, 5.5.lanes
import {
  type AdmissionReserve,
  type AdmissionSettle,
  type BudgetRecord,
  type CampaignId,
  CampaignSettings,
  HindcastError,
  limits,
} from "@hindcast/shared";
import { laneLimitsOf, type RecordStore, silentLogger } from "@hindcast/shared/node";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { someSettings } from "../../../test/support/campaign-context.ts";
import { AdmissionMetrics } from "./admission-metrics.ts";
import { BudgetBook } from "./budget-book.ts";
import { Desk, type DeskDeps } from "./desk.ts";

const campaignId = "c-0001" as CampaignId;
const lane = "anthropic.claude-sonnet-5.000000000000";

/** A bucket as the server keeps it: what is asked for by revision is refused when another is the newest. */
function aBucket(): RecordStore<BudgetRecord> & { record: () => BudgetRecord | undefined } {
  const stored = new Map<string, { value: BudgetRecord; revision: number }>();
  let revisions = 0;
  const write = async (key: string, value: BudgetRecord, revision: number): Promise<number> => {
    if ((stored.get(key)?.revision ?? 0) !== revision) {
      throw new HindcastError({ code: "BUS_CONFLICT", boundary: "bus", message: `${key} is at another revision` });
    }
    stored.set(key, { value: structuredClone(value), revision: (revisions += 1) });
    return revisions;
  };
  const unused = (): never => {
    throw new Error("a budget is only created, read and updated");
  };
  return {
    get: async (key) => stored.get(key) ?? null,
    create: (key, value) => write(key, value, 0),
    update: write,
    entries: async () => [...stored].map(([key, entry]) => ({ key, ...entry })),
    put: unused,
    delete: unused,
    watch: unused,
    record: () => stored.get(campaignId)?.value,
  };
}

/** Of campaigns with these terms, none of which is over unless it is said. */
const termsOf = (
  of: DeskDeps["terms"]["of"] = async () => ({ priority: 1, weight: 1, costUsdMax: 1 }),
  over: readonly string[] = [],
): DeskDeps["terms"] => {
  const isOver = (account: string): boolean => over.includes(account);
  return { of, isOver, isLongOver: isOver } as unknown as DeskDeps["terms"];
};

async function aDesk(bucket: RecordStore<BudgetRecord>, partial: Partial<DeskDeps> = {}): Promise<Desk> {
  const book = new BudgetBook(bucket);
  await book.open();
  const limitsOf = (name: string): ReturnType<typeof laneLimitsOf> =>
    laneLimitsOf(name, [], { min: 1, start: 8, max: 8 });
  const desk = new Desk({
    settings: { fleetUsdMax: null, allowUnknownPrices: false, limitsOf },
    book,
    terms: termsOf(),
    logger: silentLogger,
    metrics: new AdmissionMetrics(new Registry()),
    onFenced: () => undefined,
    ...partial,
  });
  desk.inherit();
  return desk;
}

const reserve = (ticket: string, partial: Partial<AdmissionReserve> = {}): AdmissionReserve => ({
  v: 1,
  kind: "admission.reserve",
  ticket,
  holder: "h-1",
  lane,
  model: "anthropic:claude-sonnet-5-5",
  campaignId,
  inputTokens: 10,
  outputTokens: 10,
  usdMax: 0.4,
  waitMs: 1_000,
  ...partial,
});

const settle = (ticket: string, costUsd: number | null): AdmissionSettle => ({
  v: 1,
  kind: "admission.settle",
  ticket,
  holder: "h-1",
  lane,
  outcome: "answered",
  usage: null,
  costUsd,
  retryAfterMs: null,
  detail: "",
  durationMs: 1,
  learned: [],
});

describe("the desk", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("writes what it grants before it says so, and gives the same answer to whoever asks again", async () => {
    const bucket = aBucket();
    const desk = await aDesk(bucket);
    expect(await desk.reserve(reserve("t-1"))).toMatchObject({ kind: "admission.granted", isBudgeted: true });
    expect(bucket.record()?.open).toEqual({ "t-1": { usd: 0.4, holder: "h-1" } });
    expect(await desk.reserve(reserve("t-1"))).toMatchObject({ kind: "admission.granted" });
    expect(Object.keys(bucket.record()?.open ?? {})).toEqual(["t-1"]);
  });

  it("charges a dead holder's reservations in full; what it settles afterwards is ignored and counted", async () => {
    const bucket = aBucket();
    const desk = await aDesk(bucket);
    await desk.reserve(reserve("t-1"));
    vi.advanceTimersByTime(limits.admissionHolderTtlMs + 1);
    await desk.sweep();
    expect(bucket.record()).toMatchObject({ settledUsd: 0.4, open: {} });
    expect(await desk.settle(settle("t-1", 0.01))).toBe(false);
    expect(bucket.record()).toMatchObject({ settledUsd: 0.4, open: {} });
    expect(desk.status()).toMatchObject({ zombieSettlements: 1, lanes: [{ inFlight: 0, concurrency: 8 }] });
  });

  it("lets a holder live that says so, however long its call takes", async () => {
    const bucket = aBucket();
    const desk = await aDesk(bucket);
    await desk.reserve(reserve("t-1"));
    for (let passedMs = 0; passedMs < 300_000; passedMs += limits.admissionRenewMs) {
      vi.advanceTimersByTime(limits.admissionRenewMs);
      desk.saw("h-1");
      await desk.sweep();
    }
    expect(await desk.settle(settle("t-1", 0.1))).toBe(true);
    expect(bucket.record()).toMatchObject({ settledUsd: 0.1, open: {} });
  });

  it("goes on exactly where another stopped, which from then on cannot spend any more", async () => {
    const bucket = aBucket();
    const fenced = vi.fn<(error: unknown) => void>();
    const first = await aDesk(bucket, { onFenced: fenced });
    await first.reserve(reserve("t-1"));
    await first.reserve(reserve("t-2"));
    const second = await aDesk(bucket);
    // $0.8 are open, so a third call waits for a settlement, at either desk.
    expect(await first.settle(settle("t-2", 0.1)).catch((error: unknown) => error)).toMatchObject({
      code: "BUS_UNAVAILABLE",
    });
    expect(fenced).toHaveBeenCalledOnce();
    const third = second.reserve(reserve("t-3"));
    expect(await second.settle(settle("t-2", 0.1))).toBe(true);
    expect(await third).toMatchObject({ kind: "admission.granted" });
    expect(await second.settle(settle("t-2", 0.1))).toBe(false);
    expect(bucket.record()).toMatchObject({
      settledUsd: 0.1,
      term: 2,
      open: { "t-1": { usd: 0.4 }, "t-3": { usd: 0.4 } },
    });
  });

  it("holds nothing for an ask that comes behind its own settlement: nobody would ever settle it again", async () => {
    const bucket = aBucket();
    const slow = Promise.withResolvers<{ priority: number; weight: number; costUsdMax: number }>();
    const desk = await aDesk(bucket, { terms: termsOf(() => slow.promise) });
    const asked = desk.reserve(reserve("t-1"));
    // Its caller gave up while the campaign's terms were read.
    await desk.settle({ ...settle("t-1", 0), outcome: "unused" });
    slow.resolve({ priority: 1, weight: 1, costUsdMax: 1 });
    expect(await asked).toMatchObject({ kind: "admission.waiting", detail: "it is settled" });
    expect(desk.status()).toMatchObject({ lanes: [{ inFlight: 0, waiting: 0 }], budgets: [{ escrowUsd: 0 }] });
  });

  it("tells a caller after its wait what it waits for, keeps its place, and forgets it when it does not come back", async () => {
    const desk = await aDesk(aBucket());
    await desk.reserve(reserve("t-1"));
    await desk.reserve(reserve("t-2"));
    const waiting = desk.reserve(reserve("t-3"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await waiting).toMatchObject({ kind: "admission.waiting", block: "budget" });
    await desk.sweep();
    expect(desk.status().lanes[0]?.waiting).toBe(1);
    await vi.advanceTimersByTimeAsync(11_000);
    await desk.sweep();
    expect(desk.status().lanes[0]?.waiting).toBe(0);
  });

  it("refuses at once what can never be paid, and says what to do", async () => {
    const desk = await aDesk(aBucket());
    await desk.reserve(reserve("t-1"));
    await desk.settle(settle("t-1", 0.7));
    expect(await desk.reserve(reserve("t-2"))).toEqual({
      v: 1,
      kind: "admission.refused",
      code: "CAMPAIGN_BUDGET_EXHAUSTED",
      message:
        "$0.7000 of $1 of the budget of c-0001 are spent and the next call may cost up to $0.4000; raise the limit (--max-usd) to go on",
    });
  });

  it("remembers for a while what is settled, but of many only the newest", async () => {
    const desk = await aDesk(aBucket());
    const isRemembered = async (ticket: string): Promise<boolean> => {
      const reply = await desk.reserve(reserve(ticket, { waitMs: 1 }));
      return reply.kind === "admission.waiting" && reply.detail === "it is settled";
    };
    const unused = { ...settle("t-first", 0), outcome: "unused" as const };
    await desk.settle(unused);
    expect(await isRemembered("t-first")).toBe(true);
    for (let n = 0; n < 65_535; n += 1) await desk.settle({ ...unused, ticket: `t-${n}` });
    // Settled again, it is the newest, and the one after it gives way.
    await desk.settle(unused);
    await desk.settle({ ...unused, ticket: "t-last" });
    expect(await isRemembered("t-first")).toBe(true);
    expect(await isRemembered("t-0")).toBe(false);
    vi.advanceTimersByTime(2 * limits.admissionWaitMs + 1);
    await desk.sweep();
    expect(await isRemembered("t-first")).toBe(false);
  });

  it("sends on at once whoever comes when it is closed, or whose terms are read only then", async () => {
    const slow = Promise.withResolvers<{ priority: number; weight: number; costUsdMax: number }>();
    const desk = await aDesk(aBucket(), { terms: termsOf(() => slow.promise) });
    const asked = desk.reserve(reserve("t-1")).catch((error: unknown) => error);
    desk.close();
    slow.resolve({ priority: 1, weight: 1, costUsdMax: 1 });
    expect(await asked).toMatchObject({ code: "BUS_UNAVAILABLE", retryable: true });
    await expect(desk.reserve(reserve("t-2"))).rejects.toMatchObject({ code: "BUS_UNAVAILABLE", retryable: true });
  });

  it("shows how much of the fullest budget is used, and none of a campaign that is over", async () => {
    const registry = new Registry();
    const terms = termsOf(undefined, ["c-0003"]);
    const desk = await aDesk(aBucket(), { terms, metrics: new AdmissionMetrics(registry) });
    const spends = { "c-0001": 0.1, "c-0002": 0.8, "c-0003": 0.95 };
    for (const [campaign, costUsd] of Object.entries(spends)) {
      await desk.reserve(reserve(`t-${campaign}`, { campaignId: campaign as CampaignId, usdMax: 1 }));
      await desk.settle(settle(`t-${campaign}`, costUsd));
    }
    await desk.sweep();
    const shown = async (name: string): Promise<number | undefined> =>
      (await registry.getSingleMetric(name)?.get())?.values.find(({ labels }) => labels["account"] === "campaigns")
        ?.value;
    expect(await shown("hindcast_budget_used_ratio")).toBeCloseTo(0.8);
    expect(await shown("hindcast_budget_limit_usd")).toBe(2);
    expect(await shown("hindcast_budget_settled_usd")).toBeCloseTo(0.9);
  });

  it("knows campaigns that were stored before there were priorities", () => {
    const { priority: _priority, weight: _weight, ...older } = someSettings;
    expect(CampaignSettings.parse(older)).toMatchObject({ priority: "normal", weight: 1 });
  });
});
