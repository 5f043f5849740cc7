// Checks that need more than one setting.
import { HindcastError } from "@hindcast/shared";
import { batchProblem, resolveEmbedder } from "@hindcast/shared/node";
import type { LoadedConfig } from "./load.ts";
import { selectModels } from "./select-models.ts";

/** @throws CONFIG_INVALID with all of them. */
export function checkAcrossFields(loaded: LoadedConfig): void {
  const { admission, campaign, cluster, models } = loaded.config;
  const problems: string[] = [];
  const refuse = (path: string, sentence: string): void => {
    problems.push(`${loaded.sources.get(path) ?? "default"}: ${path} ${sentence}`);
  };
  if (campaign.limits.stepTimeMs > campaign.limits.wallTimeMs) {
    refuse(
      "campaign.limits.stepTimeMs",
      `is ${campaign.limits.stepTimeMs}, more than the whole episode's wallTimeMs of ${campaign.limits.wallTimeMs}; lower it`,
    );
  }
  if (campaign.limits.observationBytesMax > campaign.limits.outputBytesMax) {
    refuse("campaign.limits.observationBytesMax", "is above outputBytesMax, so it could never be reached; lower it");
  }
  const { concurrencyMin, concurrencyStart, concurrencyMax } = admission;
  if (concurrencyMin > concurrencyStart || concurrencyStart > concurrencyMax) {
    refuse(
      "admission.concurrencyStart",
      `is ${concurrencyStart}, not between concurrencyMin (${concurrencyMin}) and concurrencyMax (${concurrencyMax})`,
    );
  }
  if (cluster.natsUrl === null && cluster.natsUser !== null) {
    refuse("cluster.natsUser", "is set without cluster.natsUrl; the cluster started here makes its own credentials");
  }
  if (new Set(models.judges).size !== models.judges.length) {
    refuse(
      "models.judges",
      `names a judge twice (${models.judges.join(", ")}); a second vote of one model decides nothing`,
    );
  }
  problems.push(
    ...worldProblems(loaded),
    ...missingKeys(loaded),
    ...batchProblems(loaded),
    ...embedderProblems(loaded),
  );
  if (problems.length > 0) {
    throw new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message: problems.join("; ") });
  }
}

/** A world that is not said, or said twice: what is there of it is looked at when a campaign begins. */
function worldProblems({ config, sources }: LoadedConfig): string[] {
  const { environment, world } = config.campaign;
  const source = sources.get("campaign.environment") ?? "default";
  const refuse = (sentence: string): string[] => [`${source}: campaign.environment is ${environment}, ${sentence}`];
  switch (environment) {
    case "shell":
      return [];
    case "browser": {
      const hasSites = world.startUrls.length > 0 || world.sitesFile !== null;
      if (world.miniWobTasks.length > 0 && hasSites) {
        return refuse("of MiniWoB's pages and of sites at once; make two campaigns");
      }
      return world.miniWobTasks.length > 0 || hasSites
        ? []
        : refuse("but nothing says where; set campaign.world.miniWobTasks, startUrls or sitesFile");
    }
    case "swe-bench":
      return world.instances !== null ? [] : refuse("but there are no instances; set campaign.world.instances");
    case "plug-in":
      return world.plugIn !== null ? [] : refuse("but nothing says which; set campaign.world.plugIn");
  }
}

/** A model whose provider cannot be called is refused before anything is spent. */
function missingKeys({ config, keys, sources }: LoadedConfig): string[] {
  const needs: Record<string, { isThere: boolean; remedy: string }> = {
    anthropic: { isThere: keys.anthropicApiKey !== null, remedy: "set ANTHROPIC_API_KEY or ANTHROPIC_API_KEY_FILE" },
    gemini: { isThere: keys.geminiApiKey !== null, remedy: "set GEMINI_API_KEY or GEMINI_API_KEY_FILE" },
    openai: {
      isThere: keys.openaiApiKey !== null || config.models.openaiBaseUrl !== null,
      remedy: "set HINDCAST_OPENAI_BASE_URL or OPENAI_API_KEY",
    },
  };
  const chosen = selectModels({ config, keys });
  const named: [string, string][] = [
    ["models.generator", chosen.generator],
    ["models.policy", chosen.policy],
    ...chosen.judges.map((judge): [string, string] => ["models.judges", judge]),
  ];
  return named.flatMap(([path, model]) => {
    const need = needs[model.split(":")[0] ?? ""];
    return need === undefined || need.isThere
      ? []
      : [`${sources.get(path) ?? "default"}: ${path} is ${model}, but its key is missing; ${need.remedy}`];
  });
}

/** Batches that a model's provider does not have. */
function batchProblems({ config, keys, sources }: LoadedConfig): string[] {
  const { purposes } = config.campaign.batch;
  if (purposes.length === 0) return [];
  const { generator, judges } = selectModels({ config, keys });
  const isVoting = purposes.includes("judge");
  const models = [...(isVoting ? judges : []), ...(purposes.length > Number(isVoting) ? [generator] : [])];
  const problems = new Set(models.flatMap((model) => batchProblem(model, config.models.geminiDriver) ?? []));
  const source = sources.get("campaign.batch.purposes") ?? "default";
  return [...problems].map((problem) => `${source}: campaign.batch.purposes asks for batches, but ${problem}`);
}

function embedderProblems({ config, keys, sources }: LoadedConfig): string[] {
  const { embedder, embeddingDimensions } = config.index;
  const resolved = resolveEmbedder(
    { embedder, dimensions: embeddingDimensions },
    {
      hasGeminiKey: keys.geminiApiKey !== null,
      hasOpenAiKey: keys.openaiApiKey !== null,
      openaiBaseUrl: config.models.openaiBaseUrl,
    },
  );
  if (!("sentence" in resolved)) return [];
  const path = resolved.setting === "embedder" ? "index.embedder" : "index.embeddingDimensions";
  return [`${sources.get(path) ?? "default"}: ${path} ${resolved.sentence}`];
}
