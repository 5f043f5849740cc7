// In which order tasks run that share sites: each after those it depends on, and a site is reset where a task asks for
// it or a run begins on it. Tasks of different chains may run at once.
import type { WebArenaSite } from "../../../domain/webarena-reference.ts";
import type { TaskMetadata } from "./browsergym-metadata.ts";
import { invalid } from "./task-file.ts";

export interface OrderedTask {
  taskId: number;
  /** Tasks of this very run that must have ended before. */
  after: number[];
  /** Sites that are put back to their first state before it. */
  resetBefore: WebArenaSite[];
}

/**
 * The chosen tasks in an order that honours every chain; where the chains leave a choice, by number. A dependency that
 * was not chosen is replaced by what it depends on itself, so that a subset keeps the order of the whole.
 * @throws HindcastError CONFIG_INVALID where tasks depend on one another in a circle, or one has no metadata
 */
export function orderTasks(chosen: readonly number[], metadata: readonly TaskMetadata[]): OrderedTask[] {
  const byId = new Map(metadata.map((task) => [task.taskId, task]));
  const wanted = new Set(chosen);
  const known = (taskId: number): TaskMetadata => {
    const task = byId.get(taskId);
    if (task === undefined) throw invalid(`task ${taskId} is not in the metadata that says what it depends on`);
    return task;
  };
  const nearest = nearestChosen(wanted, known);
  const waiting = new Map([...wanted].map((taskId) => [taskId, nearest(taskId)]));
  const ordered: OrderedTask[] = [];
  const touched = new Set<WebArenaSite>();
  while (waiting.size > 0) {
    const ready = [...waiting].filter(([, after]) => after.every((id) => !waiting.has(id))).map(([id]) => id);
    if (ready.length === 0) throw invalid(`tasks depend on one another in a circle: ${[...waiting.keys()].join(", ")}`);
    for (const taskId of ready.toSorted((a, b) => a - b)) {
      const { sites, requiresReset } = known(taskId);
      const resetBefore = sites.filter((site) => requiresReset || !touched.has(site));
      for (const site of sites) touched.add(site);
      ordered.push({ taskId, after: waiting.get(taskId) ?? [], resetBefore });
      waiting.delete(taskId);
    }
  }
  return ordered;
}

/** The chosen tasks that one depends on, through any number of tasks that were not chosen. */
function nearestChosen(wanted: ReadonlySet<number>, known: (taskId: number) => TaskMetadata) {
  return (taskId: number): number[] => {
    const found = new Set<number>();
    const seen = new Set<number>();
    const open = [...known(taskId).dependsOn];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (seen.has(id)) continue;
      seen.add(id);
      if (wanted.has(id)) found.add(id);
      else open.push(...known(id).dependsOn);
    }
    return [...found].toSorted((a, b) => a - b);
  };
}
