// Requirements: 6.10.author
import { describe, expect, it } from "vitest";
import type { AdmissionRequest, AttemptResult } from "./admission.ts";
import { CappedAdmission } from "./capped-admission.ts";

const never = new AbortController().signal;
const open = { isPausing: false, admit: () => Promise.resolve({ settle: () => undefined }) };
const need = (usdMax: number | null): AdmissionRequest => ({
  model: "anthropic:m",
  lane: "anthropic",
  account: null,
  inputTokens: 1,
  outputTokens: 1,
  usdMax,
});
const came = (costUsd: number | null): AttemptResult => ({
  kind: "answered",
  usage: null,
  costUsd,
  retryAfterMs: null,
  detail: "",
  durationMs: 1,
  buckets: [],
});
const spent = { code: "CAMPAIGN_BUDGET_EXHAUSTED" };

describe("an admission with a cap", () => {
  it("holds the most that open calls may cost, and gives back what they did not", async () => {
    const admission = new CappedAdmission(open, { usdMax: 1, allowUnknownPrices: false });
    const first = await admission.admit(need(0.6), never);
    await expect(admission.admit(need(0.6), never)).rejects.toMatchObject(spent);
    first.settle(came(0.1));
    (await admission.admit(need(0.6), never)).settle(came(0.3));
    await expect(admission.admit(need(0.7), never)).rejects.toMatchObject(spent);
    await admission.admit(need(0.6), never);
  });

  it("keeps what may have been billed, and nothing for a call that was not admitted", async () => {
    const closed = { isPausing: false, admit: () => Promise.reject(new Error("closed")) };
    const refusing = new CappedAdmission(closed, { usdMax: 1, allowUnknownPrices: false });
    for (let i = 0; i < 3; i++) await expect(refusing.admit(need(0.9), never)).rejects.toThrow("closed");
    const admission = new CappedAdmission(open, { usdMax: 1, allowUnknownPrices: false });
    (await admission.admit(need(0.6), never)).settle(came(null));
    await expect(admission.admit(need(0.6), never)).rejects.toMatchObject(spent);
  });

  it("admits no call of an unknown price unless that is allowed", async () => {
    const strict = new CappedAdmission(open, { usdMax: 1, allowUnknownPrices: false });
    await expect(strict.admit(need(null), never)).rejects.toMatchObject({ code: "MODEL_PRICE_UNKNOWN" });
    const lax = new CappedAdmission(open, { usdMax: 1, allowUnknownPrices: true });
    await expect(lax.admit(need(null), never)).resolves.toBeDefined();
  });
});
