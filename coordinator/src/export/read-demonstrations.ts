// What an export reads, in an order that does not depend on who stored what when, holding names and never contents: some
// 150 bytes per demonstration and as many per episode.
import type { CampaignId, Demonstration, TaskResult } from "@hindcast/shared";
import type { Bus, DemonstrationName } from "@hindcast/shared/node";
import { acceptedTrajectory } from "../trajectory-collector.ts";
import type { EpisodeExport } from "./atif-episode.ts";

/** Demonstrations that are read ahead: each takes a round trip. */
const readAheadMax = 32;

/** What the index would hold now, by id, of one campaign or of all. */
export async function* readDemonstrations(
  bus: Pick<Bus, "demonstrations">,
  { campaign, signal }: { campaign?: string | undefined; signal: AbortSignal },
): AsyncGenerator<Demonstration> {
  const environments = new Map<DemonstrationName["id"], string>();
  for await (const { id, environment } of bus.demonstrations.names(signal)) environments.set(id, environment);
  // In the order of storage, which is that of the agents' luck, equal data sets would differ.
  const ids = [...environments.keys()].sort();
  const read = (id: DemonstrationName["id"]): Promise<Demonstration | null> =>
    bus.demonstrations.get({ id, environment: environments.get(id) ?? "" });
  for await (const demonstration of readInOrder(ids, read, signal)) {
    if (demonstration === null) continue;
    if (campaign === undefined || demonstration.campaignId === campaign) yield demonstration;
  }
}

/** Remembers, while demonstrations pass by, where they come from. */
export class ExportSources {
  readonly #bus: Pick<Bus, "demonstrations" | "results" | "trajectories">;
  readonly #signal: AbortSignal;
  /** The first demonstration of each episode, by which the others' lineage is found again. */
  readonly #episodes = new Map<string, DemonstrationName>();
  readonly campaigns = new Set<CampaignId>();

  constructor(bus: Pick<Bus, "demonstrations" | "results" | "trajectories">, signal: AbortSignal) {
    this.#bus = bus;
    this.#signal = signal;
  }

  async *through(demonstrations: AsyncIterable<Demonstration>): AsyncGenerator<Demonstration> {
    for await (const demonstration of demonstrations) {
      const { id, environment, campaignId, lineage } = demonstration;
      this.campaigns.add(campaignId);
      if (!this.#episodes.has(lineage.episodeId)) this.#episodes.set(lineage.episodeId, { id, environment });
      yield demonstration;
    }
  }

  /** The rollouts that the demonstrations were cut from, each once, as its terminal record accepted it; what was forgotten or has expired is left out. */
  async *episodes(): AsyncGenerator<EpisodeExport> {
    const read = (name: DemonstrationName): Promise<EpisodeExport | null> => this.#episodeOf(name);
    for await (const episode of readInOrder([...this.#episodes.values()], read, this.#signal)) {
      if (episode !== null) yield episode;
    }
  }

  async #episodeOf(name: DemonstrationName): Promise<EpisodeExport | null> {
    const demonstration = await this.#bus.demonstrations.get(name);
    if (demonstration === null) return null;
    const { campaignId, environment, lineage } = demonstration;
    const ended: TaskResult | null = await this.#bus.results.get(campaignId, lineage.taskId);
    if (ended?.kind !== "episode.ended") return null;
    const records = await this.#bus.trajectories.read(campaignId, lineage.episodeId);
    const accepted = acceptedTrajectory(records, ended);
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
