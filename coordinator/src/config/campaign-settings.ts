import {
  type CampaignEnvironment,
  CampaignSettings,
  environmentKind,
  HindcastError,
  networkOfRules,
} from "@hindcast/shared";
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
  const {
    documents: _documents,
    world: _world,
    windowPolicy,
    windowsMax,
    network: rules,
    ...settings
  } = loaded.config.campaign;
  const { why: _why, ...models } = selectModels(loaded);
  const network = networkOfRules(rules);
  const kind = environmentKind(environment);
  if (network !== undefined && kind !== "shell") throw noWayOut(kind);
  return CampaignSettings.parse({
    ...settings,
    ...(network === undefined ? {} : { network }),
    environment,
    windowPolicy: windowPolicy === "faithful" ? { kind: "faithful" } : { kind: "bounded", windowsMax },
    models,
  });
}

function noWayOut(kind: string): HindcastError {
  return new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message: `campaign.network is for environments of kind shell, and campaign.environment is ${kind}; leave its rules out`,
  });
}
