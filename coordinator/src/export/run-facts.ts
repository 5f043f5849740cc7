// What an export says of the run that made it: when, in which attempt, by which worker, at what cost. It lies in a folder
// of its own, because everything else is a function of documents, settings, seed and answers: a run that lost half of
// its processes on the way exports the same bytes, and these alone differ.
import { join } from "node:path";
import type { CampaignRecord, CampaignReport, Demonstration } from "@hindcast/shared";
import type { EpisodeExport } from "./atif-episode.ts";
import { HashedFile } from "./hashed-file.ts";
import type { ExportedFile } from "./sink.ts";

/** The one folder of an export that two runs with the same seed do not share. */
const runFolder = "run";

export interface RunSummary {
  report: CampaignReport | null;
  campaigns: readonly CampaignRecord[] | null;
}

export class RunFacts implements AsyncDisposable {
  readonly #folder: string;
  readonly #open = new Map<string, { file: HashedFile; rows: number }>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async add({ id, lineage, createdAt }: Demonstration): Promise<void> {
    await this.#line("demonstrations", {
      demonstration_id: id,
      episode_id: lineage.episodeId,
      attempt: lineage.attempt,
      created_at: createdAt,
      cost_usd: lineage.costUsd,
    });
  }

  /** Costs in US dollars, null: unknown, which is not 0. Times in milliseconds. */
  async addEpisode({ trajectory, ended }: EpisodeExport): Promise<void> {
    await this.#line("episodes", {
      episode_id: ended.episodeId,
      attempt: ended.attempt,
      worker_id: ended.workerId,
      fencing_token: ended.fencingToken,
      ended_at: ended.endedAt,
      duration_ms: ended.durationMs,
      cost_usd: ended.costUsd,
      steps: trajectory.steps.map(({ index, turn, timings }) => ({
        step: index,
        costs_usd: turn.calls.map(({ costUsd }) => costUsd),
        retrieve_ms: timings.retrieveMs,
        act_ms: timings.actMs,
        environment_ms: timings.environmentMs,
      })),
    });
  }

  /** Closes the files and lists them in a manifest of their own. */
  async finish({ report, campaigns }: RunSummary): Promise<ExportedFile[]> {
    const files: ExportedFile[] = [];
    for (const [name, { file, rows }] of this.#open) {
      files.push({ path: `${runFolder}/${name}.jsonl`, ...(await file.close()), rows });
    }
    if (report !== null) files.push(await this.#json("report", report));
    if (campaigns !== null) files.push(await this.#json("campaigns", campaigns));
    files.sort((a, b) => (a.path < b.path ? -1 : 1));
    return [...files, await this.#json("manifest", { kind: "hindcast.export.run", version: 1, files })];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { file } of this.#open.values()) await file[Symbol.asyncDispose]();
  }

  async #line(name: string, row: object): Promise<void> {
    let open = this.#open.get(name);
    if (open === undefined) {
      open = { file: await HashedFile.create(join(this.#folder, runFolder, `${name}.jsonl`)), rows: 0 };
      this.#open.set(name, open);
    }
    await open.file.write(`${JSON.stringify(row)}\n`);
    open.rows += 1;
  }

  async #json(name: string, value: unknown): Promise<ExportedFile> {
    const path = `${runFolder}/${name}.json`;
    await using file = await HashedFile.create(join(this.#folder, path));
    await file.write(`${JSON.stringify(value, null, 2)}\n`);
    return { path, ...(await file.close()), rows: null };
  }
}
