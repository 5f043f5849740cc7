import { Command } from "commander";
import { campaignSettings } from "../config/campaign-settings.ts";
import { configJsonSchema, settingsTable, variablesTable } from "../config/documentation.ts";
import { leaves } from "../config/leaves.ts";
import type { LoadedConfig } from "../config/load.ts";
import { selectModels } from "../config/select-models.ts";
import { commandContext, type CommandContext } from "./command-context.ts";

export function configCommand(): Command {
  return new Command("config")
    .description("show every setting with its value and where the value comes from")
    .option("--schema", "print the JSON Schema of the configuration file instead, for editors")
    .option("--markdown", "print what there is to set as Markdown tables instead")
    .action(({ schema, markdown }: { schema?: boolean; markdown?: boolean }, command: Command) => {
      if (schema === true) process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
      else if (markdown === true) process.stdout.write(`${settingsTable()}\n\n${variablesTable()}\n`);
      else showValues(commandContext(command));
    });
}

function showValues({ terminal, loaded }: CommandContext): void {
  const models = selectModels(loaded);
  const rows = configRows(loaded);
  const keys = redactedKeys(loaded);
  terminal.result({ event: "config", settings: rows, keys, models, campaign: campaignSettings(loaded) }, () =>
    [
      terminal.table(
        [{ header: "setting" }, { header: "value", isFlexible: true }, { header: "source" }],
        [
          ...rows.map(({ path, value, source }) => [path, JSON.stringify(value), source]),
          ...Object.entries(keys).map(([name, value]) => [name, value ?? "none", value === null ? "" : "environment"]),
        ],
      ),
      "",
      `generator ${models.generator}, policy ${models.policy}, judges ${models.judges.join(", ")}: ${models.why}`,
    ].join("\n"),
  );
}

function configRows({ config, sources }: LoadedConfig): { path: string; value: unknown; source: string }[] {
  return leaves.map(({ path }) => {
    const value = path.split(".").reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], config);
    return { path, value, source: sources.get(path) ?? "default" };
  });
}

/** Whether a key is there, never what it is. */
export function redactedKeys({ keys }: Pick<LoadedConfig, "keys">): Record<string, string | null> {
  return {
    ANTHROPIC_API_KEY: keys.anthropicApiKey === null ? null : "***",
    GEMINI_API_KEY: keys.geminiApiKey === null ? null : "***",
    OPENAI_API_KEY: keys.openaiApiKey === null ? null : "***",
  };
}
