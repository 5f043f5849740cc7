// Requirements: 5.4.leader
import type { CampaignId, CampaignRecord, WorkerId } from "@hindcast/shared";
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
