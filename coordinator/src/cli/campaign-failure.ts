import { type CampaignRecord, ErrorCode, HindcastError } from "@hindcast/shared";

/**
 * Why a campaign did not finish. Its record tells that in one sentence with the code of the error behind it, as in
 * `… Choose a model that the provider offers. (MODEL_UNKNOWN)`; the command fails with that very code.
 */
export function campaignFailure({ id, state, detail }: CampaignRecord): HindcastError {
  const why = detail ?? "without a reason";
  const [, sentence, name] = /^(.*?)(?: \(([A-Z_]+)\))?$/s.exec(why) ?? [];
  const code = ErrorCode.safeParse(name);
  return new HindcastError({
    code: state === "cancelled" ? "CAMPAIGN_CANCELLED" : code.success ? code.data : "INTERNAL",
    boundary: "campaign",
    message: `campaign ${id} ended as ${state}: ${code.success ? sentence : why}`,
  });
}
