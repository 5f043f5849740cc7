import { type CampaignId, Progress, subjects } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import type { StageContext } from "./campaign-context.ts";

/** Tells whoever watches how far a campaign is; lossy by intent. */
export function progressOf(bus: Pick<Bus, "publish">, campaignId: CampaignId): StageContext["report"] {
  return (stage, done, total, note = "") =>
    bus.publish(subjects.progress(campaignId), Progress, {
      v: 1,
      kind: "progress",
      campaignId,
      stage,
      done,
      total: Math.max(done, total),
      note: note.slice(0, 200),
    });
}
