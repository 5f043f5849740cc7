import { join } from "node:path";
import type { Demonstration } from "@hindcast/shared";
import { atifFromEpisode, type EpisodeExport } from "./atif-episode.ts";
import { atifFromDemonstration, type AtifTrajectory } from "./atif.ts";
import { HashedFile } from "./hashed-file.ts";
import type { ExportedFile, ExportSink } from "./sink.ts";

/** One ATIF file per demonstration and per episode; the format knows no splits, each file names its document. */
export class AtifSink implements ExportSink {
  readonly #folder: string;
  readonly #files: ExportedFile[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  async write(demonstration: Demonstration): Promise<void> {
    await this.#write(`atif/demonstrations/${demonstration.id}.json`, atifFromDemonstration(demonstration));
  }

  async writeEpisode(episode: EpisodeExport): Promise<void> {
    await this.#write(`atif/episodes/${episode.ended.episodeId}.json`, atifFromEpisode(episode));
  }

  finish(): Promise<ExportedFile[]> {
    return Promise.resolve(this.#files);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Every file is closed by the write that made it.
  }

  async #write(path: string, trajectory: AtifTrajectory): Promise<void> {
    await using file = await HashedFile.create(join(this.#folder, path));
    await file.write(`${JSON.stringify(trajectory, null, 1)}\n`);
    this.#files.push({ path, ...(await file.close()), rows: null });
  }
}
