import { type CampaignEnvironment, CampaignSettings, networkOfRules } from "@hindcast/shared";
import type { LoadedConfig } from "./load.ts";
import { selectModels } from "./select-models.ts";

/**
 * What of the configuration decides a campaign: stored with it and hashed into its ids.
 * @param environment a world with its scenes, once they are stored
 */
export function campaignSettings(
  loaded: Pick<LoadedConfig, "config" | "keys">,
  environment: CampaignEnvironment = "shell",
): CampaignSettings {
  const { documents: _documents, world: _world, windowPolicy, windowsMax, network: rules, ...settings } = loaded.config.campaign;
  const { why: _why, ...models } = selectModels(loaded);
  const network = networkOfRules(rules);
  return CampaignSettings.parse({
    ...settings,
    ...(network === undefined ? {} : { network }),
    environment,
    windowPolicy: windowPolicy === "faithful" ? { kind: "faithful" } : { kind: "bounded", windowsMax },
    models,
  });
}
