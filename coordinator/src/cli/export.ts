import { dirname, resolve } from "node:path";
import { CampaignRecord, HindcastError } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { Command } from "commander";
import { exportDataset, type ExportedRun } from "../export/export-dataset.ts";
import { exportFormats, type ExportFormat } from "../export/export-sinks.ts";
import { ExportSources } from "../export/export-sources.ts";
import { formatBytes } from "../report/format.ts";
import { commandContext, repeatable } from "./command-context.ts";
import { readReport } from "./run.ts";
import { withSession } from "./session.ts";

interface Options {
  out?: string;
  format?: string[];
  campaign?: string;
  replace?: boolean;
  allowSecrets?: boolean;
  flattenSystem?: boolean;
}

export function exportCommand(): Command {
  return new Command("export")
    .description("write what was learned as a data set folder")
    .option("--out <folder>", "where to (default: exports/ in the data directory)")
    .option("--format <name>", `one of ${exportFormats.join(", ")}; repeatable (default: all)`, repeatable)
    .option("--campaign <id>", "only what this campaign learned")
    .option("--replace", "overwrite an earlier export")
    .option("--allow-secrets", "export rows that hold something shaped like a credential")
    .option("--flatten-system", "put the system text into the first user turn")
    .action(async (options: Options, command: Command) => {
      const context = commandContext(command);
      const { terminal, dataDirectory, workingDirectory, interruption } = context;
      const directory =
        options.out === undefined ? resolve(dataDirectory, "exports") : resolve(workingDirectory, options.out);
      const formats = options.format?.map(formatNamed);
      const summary = await withSession(context, { parts: [] }, async ({ bus }) => {
        const signal = interruption.asked;
        await using sources = new ExportSources(bus, {
          folder: dirname(directory),
          campaign: options.campaign,
          signal,
        });
        return await exportDataset({
          demonstrations: sources.demonstrations(),
          episodes: sources.episodes(),
          run: () => campaignsOf(bus, sources.campaigns),
          directory,
          ...(formats === undefined ? {} : { formats }),
          replace: options.replace ?? false,
          allowSecrets: options.allowSecrets ?? false,
          flattenSystem: options.flattenSystem ?? false,
        });
      });
      terminal.result({ event: "exported", ...summary }, () =>
        [
          `wrote ${summary.files.length + summary.runFiles.length} files, ${formatBytes(summary.bytes)}, to ${summary.directory}`,
          ...heldBack(summary.heldBack.total),
          terminal.table(
            [
              { header: "file", isFlexible: true },
              { header: "rows", align: "right" },
              { header: "bytes", align: "right" },
            ],
            [...summary.files, ...summary.runFiles].map(({ path, rows, bytes }) => [
              path,
              rows === null ? "" : String(rows),
              formatBytes(bytes),
            ]),
          ),
        ].join("\n"),
      );
    });
}

function heldBack(rows: number): string[] {
  if (rows === 0) return [];
  return [
    `held back ${rows} that hold something shaped like a credential; manifest.json names them, --allow-secrets exports them too`,
  ];
}

function formatNamed(name: string): ExportFormat {
  const known = exportFormats.find((format) => format === name);
  if (known !== undefined) return known;
  throw new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message: `--format is "${name}"; write one of ${exportFormats.join(", ")}`,
  });
}

/** The campaigns that were exported from, and the report where it is one campaign. */
async function campaignsOf(bus: Bus, ids: ReadonlySet<string>): Promise<ExportedRun> {
  const all = await bus.records("CAMPAIGNS", CampaignRecord).entries();
  const campaigns = all.map(({ value }) => value).filter(({ id }) => ids.has(id));
  const only = campaigns.length === 1 ? campaigns[0]?.report : null;
  return { campaigns, report: only ? await readReport(bus, only) : null };
}
