// Requirements: 5.7.pause, 5.7.retune
import { CampaignRecord } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { someSettings } from "../../test/support/campaign-context.ts";
import { Steering } from "./steering.ts";

/** As an earlier version stored it: it knew neither pauses nor tuning. */
const old = {
  v: 1,
  id: "c-0001",
  name: "test",
  settings: someSettings,
  documents: { sha256: "a".repeat(64), bytes: 1 },
  state: "running",
  detail: null,
  report: null,
  startedAt: "2026-11-20T10:00:00.000Z",
  endedAt: null,
};
const record = (partial: Partial<CampaignRecord> = {}): CampaignRecord => ({
  ...CampaignRecord.parse(old),
  ...partial,
});

describe("Steering", () => {
  it("reads records of before there were pauses", () => {
    expect(record()).toMatchObject({ resumed: 0, tuning: {}, leader: null });
  });

  it("comes to rest when the campaign is paused, and when it was resumed without the pause having been seen", () => {
    const [paused, resumed] = [new Steering(), new Steering()];
    for (const steering of [paused, resumed]) {
      steering.begin(record({ resumed: 1 }));
      steering.follow(record({ resumed: 1 }));
      expect(steering.rest.aborted).toBe(false);
    }
    paused.follow(record({ state: "paused", resumed: 1 }));
    resumed.follow(record({ resumed: 2 }));
    expect([paused.rest.aborted, resumed.rest.aborted]).toEqual([true, true]);
  });

  it("is not stopped by a pause that was over before it began, heard of late", () => {
    const steering = new Steering();
    steering.follow(record({ state: "paused", resumed: 0 }));
    steering.begin(record({ resumed: 1 }));
    steering.follow(record({ state: "paused", resumed: 0 }));
    expect(steering.rest.aborted).toBe(false);
  });

  it("is stopped by a pause that it heard of before it knew with what it begins", () => {
    const steering = new Steering();
    steering.follow(record({ state: "paused", resumed: 1 }));
    steering.begin(record({ resumed: 1 }));
    expect(steering.rest.aborted).toBe(true);
  });

  it("says what was tuned last, and that it was", () => {
    const steering = new Steering();
    const seen: unknown[] = [];
    steering.onTuning = () => seen.push(steering.tuning.episodesInFlightMax);
    steering.begin(record());
    steering.follow(record({ tuning: { episodesInFlightMax: 3 } }));
    expect(seen).toEqual([undefined, 3]);
  });
});
