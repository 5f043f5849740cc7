// Requirements: 5.5.takeover
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CampaignId } from "../../domain/ids.ts";
import { HindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Bus } from "../bus/bus.ts";
import { silentLogger } from "../logger.ts";
import type { AdmissionClientMetrics } from "./admission-client-metrics.ts";
import { BudgetLookup } from "./budget-lookup.ts";
import { FleetAdmission } from "./fleet-admission.ts";

const nobody = new HindcastError({
  code: "BUS_UNAVAILABLE",
  boundary: "bus",
  message: "no responders",
  retryable: true,
});
const request = {
  model: "anthropic:m",
  lane: "anthropic.m.0",
  account: null,
  inputTokens: 1,
  outputTokens: 1,
  usdMax: null,
};

/** A bus on which somebody admits or nobody does, and buckets that hold what is given. */
function aBus(records: Record<string, unknown> = {}): {
  bus: Pick<Bus, "request" | "records">;
  asked: string[];
  admits: boolean;
} {
  const asked: string[] = [];
  const it = {
    asked,
    admits: true,
    bus: {
      request: async ({ value }: { value: { kind: string } }) => {
        asked.push(value.kind);
        if (!it.admits) throw nobody;
        return { v: 1, kind: "admission.done" };
      },
      records: () => ({ get: async (key: string) => records[key] ?? null }),
    } as unknown as Pick<Bus, "request" | "records">,
  };
  return it;
}

describe("a process that found nobody to admit", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("asks until somebody does, although it has nothing more to send, and then is quiet again", async () => {
    const it = aBus();
    const away = vi.fn<(isAway: boolean) => void>();
    const metrics = { away, admitted: () => undefined, failed: () => undefined } as unknown as AdmissionClientMetrics;
    await using admission = new FleetAdmission({ bus: it.bus, holder: "h", logger: silentLogger, metrics });
    await vi.advanceTimersByTimeAsync(limits.admissionRenewMs);
    expect(it.asked).toEqual([]);
    it.admits = false;
    const ticket = await admission.admit(request, new AbortController().signal);
    ticket.settle({
      kind: "answered",
      usage: null,
      costUsd: 0,
      retryAfterMs: null,
      detail: "",
      durationMs: 1,
      buckets: [],
    });
    expect(away.mock.calls).toEqual([[true]]);
    await vi.advanceTimersByTimeAsync(limits.admissionRenewMs);
    expect(away.mock.calls).toEqual([[true]]);
    it.admits = true;
    await vi.advanceTimersByTimeAsync(limits.admissionRenewMs);
    expect(away.mock.calls).toEqual([[true], [false]]);
    it.asked.length = 0;
    await vi.advanceTimersByTimeAsync(3 * limits.admissionRenewMs);
    expect(it.asked).toEqual([]);
  });
});

describe("what is known of an account's budget", () => {
  const campaign = "c-0001" as CampaignId;

  it("is remembered where there is one, and looked up again where there was none", async () => {
    const records: Record<string, unknown> = {};
    const budgets = new BudgetLookup(aBus(records).bus);
    budgets.learn(campaign, false);
    expect(await budgets.isBudgeted(campaign)).toBe(false);
    // An operator sets a limit on everything.
    records["fleet"] = { value: {}, revision: 1 };
    expect(await budgets.isBudgeted(campaign)).toBe(true);
    delete records["fleet"];
    expect(await budgets.isBudgeted(campaign)).toBe(true);
    budgets.learn(campaign, false);
    expect(await budgets.isBudgeted(campaign)).toBe(false);
  });
});
