// The patches that a campaign's held-out episodes in repositories ended with, as SWE-bench's harness reads them.
import type { CampaignRecord } from "@hindcast/shared";
import { type Bus, modelPatchName, type Prediction } from "@hindcast/shared/node";
import { heldOutInstructionId } from "../evaluation/held-out-in-world.ts";
import { rolloutIds } from "../rollout.ts";
import { readWorld } from "../world.ts";

export interface CampaignPredictions {
  predictions: Prediction[];
  /** Held-out instances without a stored patch: not tried, ended by a fault, or judged by an earlier version. */
  missing: string[];
}

/**
 * @param arm whether demonstrations were retrieved
 * @throws PROTOCOL_INVALID, BUS_NOT_FOUND
 */
export async function sweBenchPredictions(
  bus: Pick<Bus, "blobs" | "results">,
  { id, settings }: Pick<CampaignRecord, "id" | "settings">,
  arm: "on" | "off",
): Promise<CampaignPredictions> {
  const world = await readWorld(bus, settings);
  const found: CampaignPredictions = { predictions: [], missing: [] };
  for (const scene of world?.heldOut ?? []) {
    if (scene.reference.kind !== "swe-bench") continue;
    const { instanceId } = scene.reference;
    const { taskId } = rolloutIds(id, { id: heldOutInstructionId(id, scene) }, { use: "evaluate", arm });
    const ended = await bus.results.get(id, taskId);
    const artifacts = ended?.kind === "episode.ended" ? ended.evaluation?.artifacts : undefined;
    const patch = artifacts?.find(({ name }) => name === modelPatchName);
    if (patch === undefined) {
      found.missing.push(instanceId);
      continue;
    }
    found.predictions.push({
      instance_id: instanceId,
      model_name_or_path: `hindcast+${settings.models.policy}+retrieval-${arm}`,
      model_patch: Buffer.from(await bus.blobs.get(patch.blob)).toString("utf8"),
    });
  }
  return found;
}
