// Requirements: 5.4.leader
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type CampaignId, type CampaignRecord, HindcastError, limits, type WorkerId } from "@hindcast/shared";
import { silentLogger } from "@hindcast/shared/node";
import { expect, it } from "vitest";
import { CampaignLeadership } from "./campaign-leadership.ts";
import type { CampaignRecords } from "./campaign-records.ts";
import type { CampaignDeps } from "./campaign-run.ts";

it("sees campaigns again after their records could not be followed", async () => {
  const campaign = { id: "c-0001" as CampaignId, state: "running" } as CampaignRecord;
  let watches = 0;
  const records = {
    watch: async function* () {
      watches += 1;
      if (watches === 1) throw new Error("not allowed");
      yield { key: campaign.id, value: campaign };
    },
  } as unknown as CampaignRecords;
  const looked = Promise.withResolvers<string>();
  const holder = (name: string): Promise<object> => (looked.resolve(name), Promise.resolve({}));
  const deps = { bus: { leases: { holder } }, logger: silentLogger, workerId: "w-1" as WorkerId };
  const stop = new AbortController();
  const running = new CampaignLeadership(deps as unknown as CampaignDeps & { workerId: WorkerId }, records).run(
    stop.signal,
  );
  expect(await looked.promise).toContain(campaign.id);
  stop.abort();
  await running;
});

it("looks no further for a campaign whose record was removed by hand", async () => {
  const campaign = { id: "c-0001" as CampaignId, state: "running" } as CampaignRecord;
  let claims = 0;
  const records = {
    watch: async function* (signal: AbortSignal) {
      yield { key: campaign.id, value: campaign };
      await once(signal, "abort");
    },
    claim: () => {
      claims += 1;
      return Promise.reject(
        new HindcastError({ code: "CAMPAIGN_NOT_FOUND", boundary: "campaign", message: "there is no such campaign" }),
      );
    },
  } as unknown as CampaignRecords;
  const lease = { token: 1, lost: new AbortController().signal, release: () => Promise.resolve() };
  const leases = {
    holder: () => Promise.resolve(null),
    acquire: () => Promise.resolve({ kind: "acquired", lease }),
  };
  const deps = { bus: { leases }, logger: silentLogger, workerId: "w-1" as WorkerId };
  const stop = new AbortController();
  const running = new CampaignLeadership(deps as unknown as CampaignDeps & { workerId: WorkerId }, records).run(
    stop.signal,
  );
  await delay(2.5 * limits.leaderLookEveryMs);
  expect(claims).toBe(1);
  stop.abort();
  await running;
});
