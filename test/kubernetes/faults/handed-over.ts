// Which episodes an agent held when it was evicted, and what became of them, by what the streams hold.
import type { EpisodeId, WorkerId } from "@hindcast/shared";
import { episodeResults, type History } from "../../chaos/history.ts";

type Recorded = History["records"][number];

export interface HandedOver {
  episodeId: EpisodeId;
  /** Stored by the agent that is gone. */
  steps: number;
  /** Whether that one said so itself; otherwise its lease ran out. */
  isInOrder: boolean;
  successor: WorkerId;
  attempt: number;
  /** From the eviction until the other began. */
  afterMs: number;
}

/**
 * @param evictedAt epoch milliseconds
 * @throws Error where an episode was not continued by another agent, from its last stored step, to its end
 */
export function handedOver(history: History, worker: WorkerId, evictedAt: number): HandedOver[] {
  const results = new Map(episodeResults(history).map(({ value }) => [value.episodeId, value]));
  const episodes = Map.groupBy(history.records, ({ value }) => value.episodeId);
  return [...episodes].flatMap(([episodeId, records]) => {
    const own = records.filter(({ value }) => value.workerId === worker);
    if (!isHeld(own, evictedAt) || results.get(episodeId)?.workerId === worker) return [];
    const last = own.at(-1)!.value;
    const steps = stepsOf(own);
    const later = records.filter(({ value }) => value.fencingToken > last.fencingToken);
    const started = later.flatMap(({ value }) => (value.kind === "episode.started" ? [value] : [])).at(0);
    const end = results.get(episodeId);
    const begun = later[0];
    if (started === undefined || end === undefined || begun === undefined)
      throw new Error(`${episodeId} was open in the evicted pod, and nobody went on with it`);
    const { attempt, workerId: successor, resumedFrom } = started;
    if (attempt !== last.attempt + 1 || end.attempt !== attempt || end.workerId !== successor)
      throw new Error(
        `${episodeId} ended as attempt ${end.attempt} of ${end.workerId}, not ${attempt} of ${successor}`,
      );
    if ((resumedFrom?.step ?? 0) !== steps)
      throw new Error(`${episodeId} was continued from step ${resumedFrom?.step ?? "0, afresh"}, not from ${steps}`);
    const isInOrder = own.some(({ value }) => value.kind === "attempt.yielded");
    return [{ episodeId, steps, isInOrder, successor, attempt, afterMs: begun.at - evictedAt }];
  });
}

function isHeld(own: readonly Recorded[], evictedAt: number): boolean {
  const before = own.findLast(({ at }) => at <= evictedAt)?.value.kind;
  return before === "attempt.begun" || before === "episode.started" || before === "step.recorded";
}

function stepsOf(own: readonly Recorded[]): number {
  let steps = 0;
  for (const { value } of own) {
    if (value.kind === "episode.started") steps = value.resumedFrom?.step ?? 0;
    if (value.kind === "step.recorded") steps = value.step.index;
  }
  return steps;
}
