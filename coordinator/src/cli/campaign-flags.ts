import { BatchPurpose } from "@hindcast/shared";
import type { SettingFlag } from "./command-context.ts";

/** Flags of `run` and `plan`: the settings one changes most; `--set` reaches all others. */
export const campaignFlags: SettingFlag[] = [
  {
    flags: "--docs <source>",
    path: "campaign.documents",
    description: "folder, file, glob, man:NAME or help:COMMAND; repeatable",
  },
  { flags: "--environment <kind>", path: "campaign.environment", description: "world in which the agents act" },
  { flags: "--miniwob <page>", path: "campaign.world.miniWobTasks", description: "MiniWoB page; repeatable" },
  { flags: "--instances <place>", path: "campaign.world.instances", description: "SWE-bench instances" },
  { flags: "--profile <name>", path: "profile", description: "plus, or faithful to the paper" },
  { flags: "--documents-max <n>", path: "campaign.documentsMax", description: "documents used" },
  { flags: "--tasks-per-document <n>", path: "campaign.tasksPerDocument", description: "tasks proposed per document" },
  { flags: "--seed <n>", path: "campaign.seed", description: "seed of every choice" },
  { flags: "--max-usd <dollars>", path: "campaign.costUsdMax", description: "dollars after which the campaign stops" },
  {
    flags: "--no-evaluation",
    path: "campaign.evaluation.tasksPerKindMax",
    value: 0,
    description: "do not measure the gain",
  },
  { flags: "--generator <model>", path: "models.generator", description: "model that writes tasks and instructions" },
  { flags: "--policy <model>", path: "models.policy", description: "model that acts" },
  { flags: "--judge <model>", path: "models.judges", description: "member of the committee; repeatable" },
  {
    flags: "--batch",
    path: "campaign.batch.purposes",
    value: BatchPurpose.options,
    description: "buy synthesis and votes in batches, at half the price and hours later",
  },
  { flags: "--agents <n>", path: "cluster.agents", description: "rollout agents of a cluster that is started here" },
  { flags: "--slots <n>", path: "cluster.slots", description: "episodes that each agent runs at once" },
];
