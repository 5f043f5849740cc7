// The worlds that an agent's settings give it.
import type { EnvironmentKind } from "@hindcast/shared";
import { type Logger, readSiteUrls } from "@hindcast/shared/node";
import { defaultGuestPath } from "../sandbox/bubblewrap.ts";
import type { SandboxProvider } from "../sandbox/sandbox.ts";
import { webArenaEvaluator } from "./browser/webarena-evaluator.ts";
import type { EnvironmentProvider } from "./environment.ts";
import { createEnvironmentProvider } from "./index.ts";
import { noWorlds, readWorldsFile } from "./plug-in/world-configuration.ts";
import { type SweBenchConfig, sweBenchSources } from "./swe-bench/sources.ts";

export interface EnvironmentSettings extends SweBenchConfig {
  worldsFile: string | null;
  sitesFile: string | null;
  chromiumPath: string | null;
  miniWobFolder: string | null;
  guestPath: string | null;
}

/** @throws CONFIG_INVALID for a file of worlds or of sites that cannot be read */
export function environmentsOf(
  settings: EnvironmentSettings,
  { sandboxes, cluster, log }: { sandboxes: SandboxProvider; cluster: string; log: Logger },
): (kind: EnvironmentKind) => EnvironmentProvider {
  const { worldsFile, sitesFile, chromiumPath, miniWobFolder, guestPath } = settings;
  const worlds = worldsFile === null ? noWorlds : readWorldsFile(worldsFile);
  const browsers = {
    chromiumPath,
    miniWobFolder,
    guestPath: guestPath ?? defaultGuestPath,
    cluster,
    evaluators: [webArenaEvaluator(sitesFile === null ? {} : readSiteUrls(sitesFile))],
  };
  const sweBench = sweBenchSources(settings, sandboxes);
  return (kind) => createEnvironmentProvider(kind, { sandboxes, worlds, browsers, sweBench, log });
}
