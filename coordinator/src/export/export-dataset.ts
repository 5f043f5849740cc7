import { join } from "node:path";
import {
  HindcastError,
  messageOf,
  toHindcastError,
  type CampaignRecord,
  type CampaignReport,
  type Demonstration,
} from "@hindcast/shared";
import type { EpisodeExport } from "./atif-episode.ts";
import { datasetCard } from "./dataset-card.ts";
import { ExportTally } from "./export-tally.ts";
import { HashedFile } from "./hashed-file.ts";
import type { ExportManifest } from "./manifest.ts";
import { ExportSinks, type ExportFormat } from "./export-sinks.ts";
import { RunFacts } from "./run-facts.ts";
import { findSecret, findSecretInEpisode } from "./secrets.ts";
import type { ExportedFile } from "./sink.ts";
import { splitOf, validationPercentDefault } from "./split.ts";
import { manifestName, StagingFolder } from "./staging.ts";

export interface ExportOptions {
  /** Read once, in order; equal input gives equal files, byte for byte. */
  demonstrations: AsyncIterable<Demonstration> | Iterable<Demonstration>;
  /** Whole rollouts for the `atif` format, next to the demonstrations that were cut from them. */
  episodes?: AsyncIterable<EpisodeExport> | Iterable<EpisodeExport>;
  /** Where the demonstrations come from; asked once, when all of them have been read. */
  run?: () => Promise<ExportedRun>;
  directory: string;
  /** @default all of them */
  formats?: readonly ExportFormat[];
  /** Overwrites an earlier export in `directory`. @default false */
  replace?: boolean;
  /** Exports rows that hold something shaped like a credential. @default false */
  allowSecrets?: boolean;
  /** Puts the system text into the first user turn, for chat templates without a system role. @default false */
  flattenSystem?: boolean;
  /** Share of source documents, in percent, whose rows go to validation. @default 10 */
  validationPercent?: number;
  rowsPerShard?: number;
}

export interface ExportedRun {
  /** Copied into the export as `run/report.json`. */
  report: CampaignReport | null;
  /** Copied into the export as `run/campaigns.json`. */
  campaigns: readonly CampaignRecord[] | null;
}

export interface ExportSummary extends ExportManifest {
  directory: string;
  /** Files that are of the run and not of the data: another run with the same seed has others. */
  runFiles: ExportedFile[];
  /** Of all files but the manifest. */
  bytes: number;
}

/**
 * Writes a data set folder: `messages.jsonl`, `steps.jsonl`, `atif/`, `data/*.parquet`, a data card and a manifest with
 * the SHA-256 of every file; beside them `run/` with what is of the run and not of the data, which the manifest leaves
 * out. The folder appears complete or not at all; memory is bounded by one row group and some 500 bytes per row.
 * @throws HindcastError `EXPORT_FAILED` when there is nothing to export, the folder is in use, or it cannot be written.
 */
export async function exportDataset(options: ExportOptions): Promise<ExportSummary> {
  try {
    await using staging = await StagingFolder.beside(options.directory, options.replace ?? false);
    const { manifest, runFiles } = await writeFiles(options, staging.path);
    await staging.commit();
    const bytes = [...manifest.files, ...runFiles].reduce((sum, file) => sum + file.bytes, 0);
    return { ...manifest, directory: options.directory, runFiles, bytes };
  } catch (error) {
    throw classified(error, options.directory);
  }
}

async function writeFiles(
  options: ExportOptions,
  folder: string,
): Promise<{ manifest: ExportManifest; runFiles: ExportedFile[] }> {
  await using sinks = new ExportSinks(folder, options);
  await using run = new RunFacts(folder);
  const tally = new ExportTally();
  for await (const demonstration of options.demonstrations) {
    if (!tally.isFirst(demonstration)) continue;
    const secret = options.allowSecrets === true ? null : findSecret(demonstration);
    if (secret !== null) {
      tally.hold(demonstration.id, secret);
      continue;
    }
    const split = splitOf(demonstration.lineage.documentSource, options.validationPercent ?? validationPercentDefault);
    await sinks.write(demonstration, split);
    await run.add(demonstration);
    tally.add(demonstration, split);
  }
  refuseEmpty(tally);
  for await (const episode of sinks.atif === null ? [] : (options.episodes ?? [])) {
    const secret = options.allowSecrets === true ? null : findSecretInEpisode(episode);
    if (secret !== null) {
      tally.hold(episode.ended.episodeId, secret);
      continue;
    }
    await sinks.atif?.writeEpisode(episode);
    await run.addEpisode(episode);
    tally.addEpisode();
  }
  const files = await sinks.finish(tally.nameOf);
  const exported = (await options.run?.()) ?? { report: null, campaigns: null };
  const runFiles = await run.finish(exported);
  files.push(await writeText(folder, "README.md", datasetCard(tally.manifest(files), exported.report)));
  const manifest = tally.manifest(files);
  await writeText(folder, manifestName, `${JSON.stringify(manifest, null, 2)}\n`);
  return { manifest, runFiles };
}

function refuseEmpty(tally: ExportTally): void {
  if (tally.exported > 0) return;
  throw new HindcastError({
    code: "EXPORT_FAILED",
    boundary: "export",
    message:
      tally.heldBack === 0
        ? "There is nothing to export: no demonstration was accepted yet."
        : `There is nothing to export: all ${tally.heldBack} demonstrations hold something shaped like a credential. ` +
          "Look at them, and allow secrets if these are none.",
  });
}

function classified(error: unknown, directory: string): HindcastError {
  if (!(error instanceof Error && "syscall" in error)) return toHindcastError(error, "export");
  return new HindcastError({
    code: "EXPORT_FAILED",
    boundary: "export",
    message: `The export to ${directory} could not be written (${messageOf(error)}); what was there before is unchanged.`,
    cause: error,
  });
}

async function writeText(folder: string, path: string, text: string): Promise<ExportedFile> {
  await using file = await HashedFile.create(join(folder, path));
  await file.write(text);
  return { path, ...(await file.close()), rows: null };
}
