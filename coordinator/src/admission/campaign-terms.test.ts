// Requirements: 5.5.budget
import type { CampaignRecord, Sha256 } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { expect, it } from "vitest";
import { aCampaignRecord } from "../../../test/support/campaign-records.ts";
import { TermsOfCampaigns } from "./campaign-terms.ts";

const day = 86_400_000;
const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();
const record = (partial: Partial<CampaignRecord>): CampaignRecord =>
  aCampaignRecord({ documents: { sha256: "0".repeat(64) as Sha256, bytes: 0 }, startedAt: ago(30 * day), ...partial });

it("tells which campaigns are over, and which for so long that none of their batches is open", async () => {
  const changes: { key: string; value: CampaignRecord | null }[] = [
    { key: "c-running", value: record({}) },
    { key: "c-ended", value: record({ state: "finished", endedAt: ago(3 * day) }) },
    { key: "c-long", value: record({ state: "failed", endedAt: ago(8 * day) }) },
    { key: "c-again", value: record({ state: "failed", endedAt: ago(8 * day) }) },
    { key: "c-again", value: record({ state: "running" }) },
    { key: "c-gone", value: record({ state: "failed", endedAt: ago(8 * day) }) },
    { key: "c-gone", value: null },
  ];
  const bus = { records: () => ({ watch: () => changes }) } as unknown as Pick<Bus, "records">;
  const terms = new TermsOfCampaigns(bus);
  await terms.follow(new AbortController().signal, () => undefined);
  const names = [...new Set(changes.map(({ key }) => key)), "fleet"];
  expect(names.filter((name) => terms.isOver(name))).toEqual(["c-ended", "c-long"]);
  expect(names.filter((name) => terms.isLongOver(name))).toEqual(["c-long"]);
});
