// Requirements: 3.12.cli
import type { CampaignRecord } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { campaignFailure } from "./campaign-failure.ts";
import { exitCodeOf } from "./exit-codes.ts";

const ended = (state: CampaignRecord["state"], detail: string | null): CampaignRecord =>
  ({ id: "c-0001", state, detail }) as CampaignRecord;

describe("campaignFailure", () => {
  it.each([
    ["an unknown model", "model: nope. Choose another. (MODEL_UNKNOWN)", 2],
    ["a wrong key", "invalid x-api-key. Set a valid API key. (MODEL_UNAUTHORIZED)", 2],
    ["a spent budget", "the budget of $1.00 is spent (CAMPAIGN_BUDGET_EXHAUSTED)", 3],
    ["an outage", "Overloaded; try later. (MODEL_OVERLOADED)", 1],
  ])("fails with the code of what is behind it: %s", (_what, detail, exitCode) => {
    const failure = campaignFailure(ended("failed", detail));
    expect(detail).toContain(`(${failure.code})`);
    expect(failure.message).not.toContain(failure.code);
    expect(exitCodeOf(failure)).toBe(exitCode);
  });

  it("keeps a sentence that ends with no code of an error", () => {
    const failure = campaignFailure(ended("failed", "it stopped (GIVEN_UP)"));
    expect([failure.code, failure.message]).toEqual([
      "INTERNAL",
      "campaign c-0001 ended as failed: it stopped (GIVEN_UP)",
    ]);
    expect(campaignFailure(ended("failed", null)).message).toContain("without a reason");
  });

  it("tells a cancelled one apart", () => {
    expect(campaignFailure(ended("cancelled", "cancelled by request")).code).toBe("CAMPAIGN_CANCELLED");
  });
});
