import { readPrices } from "@hindcast/shared/node";
import { Command } from "commander";
import { campaignSettings } from "../config/campaign-settings.ts";
import { selectModels } from "../config/select-models.ts";
import { formatCount, formatCountOf, formatUsd } from "../report/format.ts";
import { placesOf, worldOf } from "../worlds/world-of.ts";
import { campaignFlags } from "./campaign-flags.ts";
import { addSettingFlags, commandContext } from "./command-context.ts";
import { assumptions, estimate, type Estimate } from "./estimate.ts";
import { exitCodes } from "./exit-codes.ts";
import { readDocuments } from "./read-documents.ts";
import { withShippedWorld } from "./shipped-world.ts";
import type { Terminal } from "./terminal.ts";

export function planCommand(): Command {
  return addSettingFlags(new Command("plan"), campaignFlags)
    .description("estimate calls, tokens and dollars of a campaign without spending any")
    .option("--dry-run", "what it always does; accepted for clarity")
    .action(async (_options: unknown, command: Command) => {
      const context = withShippedWorld(commandContext(command, campaignFlags));
      const { terminal, loaded } = context;
      const source = await worldOf(
        loaded.config.campaign,
        placesOf(context.env, context.loaded.config.cluster.natsUrl === null),
      );
      const { documents } = await readDocuments(context, source?.documents);
      const settings = campaignSettings(loaded);
      const prices = readPrices(loaded.config.models.pricesFile);
      const plan = estimate(documents, settings, prices);
      const isOverBudget = settings.costUsdMax !== null && plan.costUsd !== null && plan.costUsd > settings.costUsdMax;
      const models = selectModels(loaded);
      terminal.result({ event: "plan", ...plan, pricesAsOf: prices.asOf, assumptions, models, isOverBudget }, () =>
        [
          describe(terminal, plan),
          "",
          `models: ${models.why}; prices of ${prices.asOf}. Assumed: ${assumptions.stepsPerEpisode} steps per episode, no cache hits, every candidate judged.`,
          ...(isOverBudget
            ? [`above the budget of ${formatUsd(settings.costUsdMax)}: the campaign would stop before its end`]
            : []),
        ].join("\n"),
      );
      if (isOverBudget) process.exitCode = exitCodes.budget;
    });
}

function describe(terminal: Terminal, plan: Estimate): string {
  const rows = plan.calls.map((each) => [
    each.batched ? `${each.purpose} (batch)` : each.purpose,
    each.model,
    formatCount(Math.round(each.calls)),
    formatCount(each.inputTokens),
    formatCount(each.outputTokens),
    formatUsd(each.costUsd),
  ]);
  const total = (what: "calls" | "inputTokens" | "outputTokens"): string =>
    formatCount(plan.calls.reduce((sum, each) => sum + each[what], 0));
  return [
    `${formatCountOf(plan.documents, "document")} to learn from, ${formatCount(plan.heldOut)} held out → ` +
      `${formatCountOf(plan.tasks, "task")} → ${formatCountOf(plan.episodes, "episode")} with evaluation, ` +
      `at most ${formatCountOf(plan.candidates, "candidate")}`,
    "",
    terminal.table(
      [
        { header: "purpose" },
        { header: "model", isFlexible: true },
        { header: "calls", align: "right" },
        { header: "input tokens", align: "right" },
        { header: "output tokens", align: "right" },
        { header: "dollars", align: "right" },
      ],
      rows,
      [["sum", "", total("calls"), total("inputTokens"), total("outputTokens"), formatUsd(plan.costUsd)]],
    ),
  ].join("\n");
}
