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
import { findSecret, findSecretInEpisode } from "./secrets.ts";
import type { ExportedFile } from "./sink.ts";
import { splitOf, validationPercentDefault } from "./split.ts";
import { manifestName, StagingFolder } from "./staging.ts";

export interface ExportOptions {
  /** Read once, in order; equal input gives equal files, byte for byte. */
  demonstrations: AsyncIterable<Demonstration> | Iterable<Demonstration>;
  /** Whole rollouts for the `atif` format, next to the demonstrations that were cut from them. */
  episodes?: AsyncIterable<EpisodeExport> | Iterable<EpisodeExport>;
  /** Copied into the export as `report.json`. */
  report?: CampaignReport | null;
  /** Copied into the export as `campaigns.json`. */
  campaigns?: readonly CampaignRecord[];
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

export interface ExportSummary extends ExportManifest {
  directory: string;
  bytes: number;
}

/**
 * Writes a data set folder: `messages.jsonl`, `steps.jsonl`, `atif/`, `data/*.parquet`, a data card and a manifest with
 * the SHA-256 of every file. The folder appears complete or not at all; memory is bounded by one row group.
 * @throws HindcastError `EXPORT_FAILED` when there is nothing to export, the folder is in use, or it cannot be written.
 */
export async function exportDataset(options: ExportOptions): Promise<ExportSummary> {
  try {
    await using staging = await StagingFolder.beside(options.directory, options.replace ?? false);
    const manifest = await writeFiles(options, staging.path);
    await staging.commit();
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    return { ...manifest, directory: options.directory, bytes };
  } catch (error) {
    throw classified(error, options.directory);
  }
}

async function writeFiles(options: ExportOptions, folder: string): Promise<ExportManifest> {
  await using sinks = new ExportSinks(folder, options);
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
    tally.addEpisode();
  }
  const files = await sinks.finish(tally.nameOf);
  if (options.report) files.push(await writeJson(folder, "report.json", options.report));
  if (options.campaigns) files.push(await writeJson(folder, "campaigns.json", options.campaigns));
  files.push(await writeText(folder, "README.md", datasetCard(tally.manifest(files), options.report ?? null)));
  const manifest = tally.manifest(files);
  await writeJson(folder, manifestName, manifest);
  return manifest;
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

async function writeJson(folder: string, path: string, value: unknown): Promise<ExportedFile> {
  return writeText(folder, path, `${JSON.stringify(value, null, 2)}\n`);
}

async function writeText(folder: string, path: string, text: string): Promise<ExportedFile> {
  await using file = await HashedFile.create(join(folder, path));
  await file.write(text);
  return { path, ...(await file.close()), rows: null };
}
