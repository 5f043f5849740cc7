// `--world code` and `--world web`: worlds that need no data of the user's, as the settings that one would write for them.
import { join } from "node:path";
import { HindcastError } from "@hindcast/shared";
import { workerVariables } from "@hindcast/shared/node";
import { layCodeDemo } from "../worlds/code-demo.ts";
import type { CommandContext, FlagValue } from "./command-context.ts";

export const shippedWorlds = ["code", "web"] as const;
type ShippedWorld = (typeof shippedWorlds)[number];

/** Stands for the instances of the package that is shipped. */
const shippedCode = "shipped:code";
/** Pages that have a guide among the shipped documents, one of each kind of action. */
const pages = ["enter-text", "click-checkboxes", "click-option", "click-button"];

/** Settings that flags of the user's own may still change. */
export function shippedWorldFlags(world: ShippedWorld | undefined): FlagValue[] {
  const flag = `--world ${world}`;
  switch (world) {
    case undefined:
      return [];
    case "code":
      return [
        { path: "campaign.environment", value: "swe-bench", flag },
        { path: "campaign.world.instances", value: shippedCode, flag },
      ];
    case "web":
      return [
        { path: "campaign.environment", value: "browser", flag },
        { path: "campaign.world.miniWobTasks", value: pages, flag },
      ];
  }
}

/** Where the shipped package is the world, its repositories, documents and a cache lie in the data directory, and agents are told so. */
export function withShippedWorld(context: CommandContext): CommandContext {
  const { loaded, dataDirectory, env } = context;
  const { campaign, cluster } = loaded.config;
  if (campaign.environment !== "swe-bench" || campaign.world.instances !== shippedCode) return context;
  if (cluster.natsUrl !== null) {
    const message = `${shippedCode} lies on this machine, and the agents of ${cluster.natsUrl} could not reach it; leave cluster.natsUrl out`;
    throw new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
  }
  const demo = layCodeDemo(join(dataDirectory, "worlds"), env);
  const { sweBenchCache, sweBenchRepositories } = workerVariables;
  const given = (name: string): string[] => [env[name] ?? ""].filter((value) => value !== "");
  return {
    ...context,
    env: {
      ...env,
      [sweBenchCache.name]: given(sweBenchCache.name)[0] ?? join(dataDirectory, "swe-bench"),
      [sweBenchRepositories.name]: [...given(sweBenchRepositories.name), demo.repositories].join(","),
    },
    loaded: {
      ...loaded,
      config: {
        ...loaded.config,
        campaign: {
          ...campaign,
          documents: campaign.documents.length === 0 ? [demo.documents] : campaign.documents,
          world: { ...campaign.world, instances: demo.instances },
        },
      },
    },
  };
}
