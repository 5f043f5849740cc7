// What an export reads, in an order that does not depend on who stored what when. Each stream is read once, from front to
// back, into a spool; memory holds names and never contents: some 150 bytes per demonstration and as many per episode.
import {
  type CampaignId,
  decode,
  type Demonstration,
  type DemonstrationId,
  encode,
  type EpisodeId,
  type TaskId,
  TaskResult,
} from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { acceptedTrajectory } from "../trajectory-collector.ts";
import type { EpisodeExport } from "./atif-episode.ts";
import { Spool } from "./spool.ts";

/** Episodes that are read ahead: large observations are blobs, and each of those takes a round trip. */
const readAheadMax = 32;

export interface ExportSourcesOptions {
  /** Has room for what is exported, for as long as that takes. */
  folder: string;
  /** @default all campaigns */
  campaign?: string | undefined;
  signal: AbortSignal;
}

export class ExportSources implements AsyncDisposable {
  readonly #bus: Pick<Bus, "demonstrations" | "results" | "trajectories">;
  readonly #options: ExportSourcesOptions;
  /** The first demonstration of each episode, by which the others' lineage is found again. */
  readonly #episodes = new Map<EpisodeId, DemonstrationId>();
  readonly #spools: AsyncDisposable[] = [];
  #demonstrations: Spool<DemonstrationId> | null = null;
  /** Campaigns of the demonstrations that passed by. */
  readonly campaigns = new Set<CampaignId>();

  constructor(bus: Pick<Bus, "demonstrations" | "results" | "trajectories">, options: ExportSourcesOptions) {
    this.#bus = bus;
    this.#options = options;
  }

  /** What the index would hold now, by id. */
  async *demonstrations(): AsyncGenerator<Demonstration> {
    const { signal, campaign } = this.#options;
    const spool = (this.#demonstrations = await this.#spool<DemonstrationId>());
    for await (const { id, bytes } of this.#bus.demonstrations.stored()) {
      signal.throwIfAborted();
      spool.delete(id);
      if (bytes.byteLength > 0) await spool.append(id, bytes);
    }
    // In the order of storage, which is that of the agents' luck, equal data sets would differ.
    for (const id of [...spool.keys].sort()) {
      signal.throwIfAborted();
      const demonstration = await this.#demonstration(id);
      if (demonstration === null || (campaign !== undefined && demonstration.campaignId !== campaign)) continue;
      const { campaignId, lineage } = demonstration;
      this.campaigns.add(campaignId);
      if (!this.#episodes.has(lineage.episodeId)) this.#episodes.set(lineage.episodeId, id);
      yield demonstration;
    }
  }

  /**
   * The rollouts that the demonstrations were cut from, each once, as its terminal record accepted it; what was forgotten
   * or has expired is left out. Asked for when the demonstrations have passed by.
   */
  async *episodes(): AsyncGenerator<EpisodeExport> {
    const results = await this.#spool<TaskId>();
    const records = await this.#spool<EpisodeId>();
    for (const campaign of this.campaigns) {
      for await (const result of this.#bus.results.each(campaign)) {
        this.#options.signal.throwIfAborted();
        if (result.kind !== "episode.ended" || !this.#episodes.has(result.episodeId)) continue;
        await results.append(result.taskId, encode(TaskResult, result));
      }
      for await (const { episodeId, bytes } of this.#bus.trajectories.stored(campaign)) {
        this.#options.signal.throwIfAborted();
        if (this.#episodes.has(episodeId)) await records.append(episodeId, bytes);
      }
    }
    const read = (id: DemonstrationId): Promise<EpisodeExport | null> => this.#episodeOf(id, results, records);
    for await (const episode of readInOrder([...this.#episodes.values()], read, this.#options.signal)) {
      if (episode !== null) yield episode;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const spool of this.#spools) await spool[Symbol.asyncDispose]();
  }

  async #spool<K extends string>(): Promise<Spool<K>> {
    const spool = await Spool.create<K>(this.#options.folder);
    this.#spools.push(spool);
    return spool;
  }

  async #demonstration(id: DemonstrationId): Promise<Demonstration | null> {
    const [bytes] = (await this.#demonstrations?.read(id)) ?? [];
    return bytes === undefined ? null : this.#bus.demonstrations.restore(id, bytes);
  }

  async #episodeOf(
    id: DemonstrationId,
    results: Spool<TaskId>,
    records: Spool<EpisodeId>,
  ): Promise<EpisodeExport | null> {
    const demonstration = await this.#demonstration(id);
    if (demonstration === null) return null;
    const { environment, lineage } = demonstration;
    const [result] = await results.read(lineage.taskId);
    if (result === undefined) return null;
    const ended = decode(TaskResult, result);
    if (ended.kind !== "episode.ended") return null;
    const stored = await records.read(lineage.episodeId);
    const accepted = acceptedTrajectory(await this.#bus.trajectories.restore(lineage.episodeId, stored), ended);
    if ("problem" in accepted) return null;
    return { environment, instruction: lineage.taskInstruction, trajectory: accepted.trajectory, ended };
  }
}

/** Reads several at once and gives them in order. */
async function* readInOrder<K, T>(
  keys: readonly K[],
  read: (key: K) => Promise<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const ahead: Promise<T>[] = [];
  for (let next = 0; next < keys.length || ahead.length > 0;) {
    signal.throwIfAborted();
    for (const key of keys.slice(next, next + readAheadMax - ahead.length)) {
      const reading = read(key);
      // Whoever awaits it gets the failure; until then it is not an unhandled one.
      reading.catch(() => undefined);
      ahead.push(reading);
      next += 1;
    }
    const first = ahead.shift();
    if (first !== undefined) yield await first;
  }
}
