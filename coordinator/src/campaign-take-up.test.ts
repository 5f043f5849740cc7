// Requirements: 5.10.campaign-crash
import { type CampaignId, CampaignRecord, limits } from "@hindcast/shared";
import { afterEach, describe, expect, it, vi } from "vitest";
import { someSettings } from "../../test/support/campaign-context.ts";
import type { CampaignRecords } from "./campaign-records.ts";
import { layDown, onceProven, takeUp } from "./campaign-take-up.ts";

const id = "c-0001" as CampaignId;

/** A campaign of which `results` and `records` are the newest sequences in their streams. */
function aCampaign(newest = { results: 0, records: 0 }) {
  let record = CampaignRecord.parse({
    v: 1,
    id,
    name: "test",
    settings: someSettings,
    documents: { sha256: "a".repeat(64), bytes: 1 },
    state: "running",
    detail: null,
    report: null,
    startedAt: "2026-11-20T10:00:00.000Z",
    endedAt: null,
  });
  const records: Pick<CampaignRecords, "countTakeUps"> = {
    countTakeUps: (_, next) => Promise.resolve((record = { ...record, takenUp: next(record.takenUp) })),
  };
  const bus = {
    results: { newest: () => Promise.resolve(newest.results) },
    trajectories: { newest: () => Promise.resolve(newest.records) },
  };
  const inVain = async (times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) await takeUp(bus, records, id);
  };
  return { newest, records, inVain };
}

describe("a campaign that is taken up again and again", () => {
  afterEach(() => void vi.useRealTimers());

  it("fails when too many take-ups in a row came to nothing", async () => {
    const { inVain } = aCampaign();
    await inVain(limits.campaignTakeUpsMax);
    await expect(inVain(1)).rejects.toMatchObject({ code: "INTERNAL", boundary: "campaign" });
  });

  it.each(["results", "records"] as const)(
    "goes on as long as now and then something is new among its %s",
    async (of) => {
      const { newest, inVain } = aCampaign();
      for (let time = 0; time < 4; time += 1) {
        await inVain(limits.campaignTakeUpsMax - 1);
        newest[of] += 1;
      }
      await inVain(limits.campaignTakeUpsMax);
      await expect(inVain(1)).rejects.toThrow("times in a row");
    },
  );

  it("goes on when a leader has lasted, though nothing came of it and the leader was killed then", async () => {
    vi.useFakeTimers();
    const { records, inVain } = aCampaign();
    const dies = async (afterMs: number): Promise<void> => {
      await inVain(1);
      using _proof = onceProven(() => void layDown(records, id));
      await vi.advanceTimersByTimeAsync(afterMs);
    };
    for (let time = 1; time < limits.campaignTakeUpsMax; time += 1) await dies(limits.campaignProvenMs - 1);
    await dies(limits.campaignProvenMs);
    for (let time = 1; time <= limits.campaignTakeUpsMax; time += 1) await dies(limits.campaignProvenMs - 1);
    await expect(dies(1)).rejects.toThrow("times in a row");
  });
});
