import { resolve } from "node:path";
import { CampaignRecord, HindcastError, type Demonstration, type TaskResult } from "@hindcast/shared";
import { assembleAttempt, type Bus } from "@hindcast/shared/node";
import { Command } from "commander";
import { exportDataset, type ExportOptions } from "../export/export-dataset.ts";
import type { EpisodeExport } from "../export/atif-episode.ts";
import { exportFormats, type ExportFormat } from "../export/export-sinks.ts";
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
        const demonstrations = await readDemonstrations(bus, options.campaign, interruption.asked);
        return exportDataset({
          demonstrations,
          episodes: episodesOf(bus, demonstrations),
          ...(await campaignsOf(bus, demonstrations)),
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

function formatNamed(name: string): ExportFormat {
  const known = exportFormats.find((format) => format === name);
  if (known !== undefined) return known;
  throw new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message: `--format is "${name}"; write one of ${exportFormats.join(", ")}`,
  });
}

/** What the index would hold now: the newest of each id, without those that were retired, by id. */
async function readDemonstrations(
  bus: Bus,
  campaign: string | undefined,
  signal: AbortSignal,
): Promise<Demonstration[]> {
  const last = await bus.demonstrations.lastSequence();
  const found = new Map<string, Demonstration>();
  if (last === 0) return [];
  for await (const { sequence, id, demonstration } of bus.demonstrations.follow(1, signal)) {
    if (demonstration === null) found.delete(id);
    else if (campaign === undefined || demonstration.campaignId === campaign) found.set(id, demonstration);
    if (sequence >= last) break;
  }
  // In the order of storage, which is that of the agents' luck, equal data sets would differ.
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The rollouts that the demonstrations were cut from, each once. */
async function* episodesOf(bus: Bus, demonstrations: readonly Demonstration[]): AsyncGenerator<EpisodeExport> {
  const seen = new Set<string>();
  for (const { campaignId, environment, lineage } of demonstrations) {
    if (seen.has(lineage.episodeId)) continue;
    seen.add(lineage.episodeId);
    const ended: TaskResult | null = await bus.results.get(campaignId, lineage.taskId);
    if (ended?.kind !== "episode.ended") continue;
    const records = await bus.trajectories.read(campaignId, lineage.episodeId);
    const assembled = assembleAttempt(records, ended.attempt, ended.fencingToken);
    if (assembled === null) continue;
    yield { environment, instruction: lineage.taskInstruction, trajectory: assembled.trajectory, ended };
  }
}

/** The campaigns that the demonstrations come from, and the report where it is one campaign. */
async function campaignsOf(
  bus: Bus,
  demonstrations: readonly Demonstration[],
): Promise<Pick<ExportOptions, "campaigns" | "report">> {
  const ids = new Set(demonstrations.map(({ campaignId }) => campaignId));
  const all = await bus.records("CAMPAIGNS", CampaignRecord).entries();
  const campaigns = all.map(({ value }) => value).filter(({ id }) => ids.has(id));
  const only = campaigns.length === 1 ? campaigns[0]?.report : null;
  return { campaigns, report: only ? await readReport(bus, only) : null };
}
