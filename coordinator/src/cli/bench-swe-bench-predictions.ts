// `hindcast bench swe-bench predictions`: what the policy of a campaign did with its held-out instances, for SWE-bench's
// harness or our own `evaluate`.
import { resolve } from "node:path";
import { CampaignId, CampaignRecord, HindcastError } from "@hindcast/shared";
import { writePredictions } from "@hindcast/shared/node";
import { Command, Option } from "commander";
import { sweBenchPredictions } from "../export/swe-bench-predictions.ts";
import { commandContext } from "./command-context.ts";
import { withSession } from "./session.ts";

interface Options {
  campaign: string;
  retrieval: "on" | "off";
  out: string;
}

export function sweBenchPredictionsCommand(): Command {
  return new Command("predictions")
    .description("write the patches of a campaign's held-out episodes as a prediction file")
    .requiredOption("--campaign <id>", "one in repositories, e.g. c-0001")
    .addOption(new Option("--retrieval <arm>", "whose episodes").choices(["on", "off"]).default("on"))
    .option("--out <file>", "JSONL of instance_id, model_name_or_path, model_patch", "predictions.jsonl")
    .action(run);
}

async function run(options: Options, command: Command): Promise<void> {
  const context = commandContext(command);
  const { terminal, workingDirectory } = context;
  const id = CampaignId.safeParse(options.campaign);
  if (!id.success) throw refused(`--campaign is "${options.campaign}", which is no campaign's id; write e.g. c-0001`);
  const { predictions, missing } = await withSession(context, { parts: [] }, async ({ bus }) => {
    const stored = await bus.records("CAMPAIGNS", CampaignRecord).get(id.data);
    if (stored === null) throw refused(`there is no campaign ${id.data}; \`hindcast campaigns list\` shows them`);
    return await sweBenchPredictions(bus, stored.value, options.retrieval);
  });
  if (predictions.length + missing.length === 0) {
    throw refused(`campaign ${id.data} held no instance of SWE-bench back; its environment has to be swe-bench`);
  }
  const file = resolve(workingDirectory, options.out);
  await writePredictions(file, predictions);
  terminal.result({ event: "predictions", file, predictions: predictions.length, missing }, () =>
    [
      `wrote ${predictions.length} predictions to ${file}; judge them with "hindcast bench swe-bench evaluate --predictions ${file} --tasks …"`,
      ...(missing.length === 0 ? [] : [`${missing.length} held-out instances have no patch: ${missing.join(", ")}`]),
    ].join("\n"),
  );
}

function refused(message: string): HindcastError {
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
}
