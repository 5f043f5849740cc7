// Requirements: 3.9.cost
import { type ModelCall, noUsage } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { CostLedger } from "./cost-ledger.ts";

describe("CostLedger", () => {
  const usage = { ...noUsage, inputTokens: 10 };
  const call: ModelCall = {
    purpose: "act",
    model: "m",
    resolvedModel: "m",
    requestHash: "h",
    journaled: false,
    durationMs: 0,
    usage,
    costUsd: 1,
  };
  const rest = (total: { usage: typeof usage; costUsd: number | null }): CostLedger => {
    const ledger = new CostLedger(null);
    ledger.add([call]);
    ledger.addRest({ purpose: "act", model: "m" }, total, [call]);
    return ledger;
  };

  it("charges what an episode used beyond the calls that its steps record", () => {
    expect(rest({ usage: { ...usage, inputTokens: 25 }, costUsd: 3 }).rows()).toMatchObject([
      { calls: 2, usage: { inputTokens: 25 }, costUsd: 3 },
    ]);
  });

  it("adds nothing where every call is recorded, and keeps an unknown price unknown", () => {
    expect(rest({ usage, costUsd: 1 }).rows()).toMatchObject([{ calls: 1, costUsd: 1 }]);
    expect(rest({ usage: { ...usage, inputTokens: 25 }, costUsd: null }).rows()).toMatchObject([{ costUsd: null }]);
  });
});
