// How long an episode stood still after its agent was killed: from the signal to the next committed step.
import { episodeResults, type History } from "./history.ts";
import { quantile } from "../load/statistics.ts";
import type { Fault } from "./nemesis.ts";

export interface Recovery {
  episodes: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** @param workerOf the worker id of a fleet member, or null for a process that runs no episodes. */
export function recoveryOf(
  history: History,
  faults: readonly Fault[],
  workerOf: (member: string) => string | null,
): Recovery {
  const byEpisode = Map.groupBy(history.records, ({ value }) => value.episodeId);
  const ends = new Map(episodeResults(history).map(({ value, at }) => [value.episodeId, at]));
  const times: number[] = [];
  /** The last record of each episode when it was killed: until a newer one comes, a further kill is the same standstill. */
  const stoodAt = new Map<string, number>();
  for (const { kind, member, at } of faults) {
    const worker = workerOf(member);
    if (kind !== "kill" || worker === null) continue;
    for (const [episode, records] of byEpisode) {
      const before = records.filter((record) => record.at <= at).at(-1);
      if (before?.value.workerId !== worker || (ends.get(episode) ?? Infinity) <= at) continue;
      if (stoodAt.get(episode) === before.sequence) continue;
      stoodAt.set(episode, before.sequence);
      // Under a newer token: what the killed process had sent already is no recovery.
      const next = records.find(
        ({ at: storedAt, value }) =>
          storedAt > at && value.kind === "step.recorded" && value.fencingToken > before.value.fencingToken,
      );
      const back = next?.at ?? ends.get(episode);
      if (back !== undefined) times.push(back - at);
    }
  }
  return {
    episodes: times.length,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    maxMs: Math.max(0, ...times),
  };
}
