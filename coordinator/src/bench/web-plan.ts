// Tasks of the WebArena family in the order in which they run, with what each lacks here. Sites are shared and tasks
// change them, so tasks run one after the other, and a site is put back where a task asks for it.
import type { StorageState, WebArenaSite } from "@hindcast/shared";
import {
  type AnyWebArenaTask,
  feasibilityOf,
  orderTasks,
  requirementsOf,
  type SiteUrls,
  type TaskMetadata,
} from "@hindcast/shared/node";

export type WebTask = AnyWebArenaTask["tasks"][number];

export interface WebSites {
  urls: SiteUrls;
  /** Logged-in browser state by site, for tasks that start logged in. */
  logins: Partial<Record<WebArenaSite, StorageState>>;
  /** Puts a site back to its first state; absent: nobody can. */
  resets: Partial<Record<WebArenaSite, (signal: AbortSignal) => Promise<void>>>;
  /** What a site's pages take for the present, ISO 8601; absent: the machine's clock. */
  clocks: Partial<Record<WebArenaSite, string>>;
}

export interface PlannedWebTask {
  task: WebTask;
  /** Sites that are put back before it, as far as they can be. */
  resetBefore: WebArenaSite[];
  /** Why it cannot run here; null where it can. */
  unavailable: string | null;
}

export interface WebPlanOptions {
  read: AnyWebArenaTask;
  sites: WebSites;
  /** Which tasks follow which; null: by number, and sites are put back as the task file says. */
  metadata: readonly TaskMetadata[] | null;
  /** Whether a model can be asked about free answers. */
  judge: boolean;
}

export function planWebTasks({ read, sites, metadata, judge }: WebPlanOptions): PlannedWebTask[] {
  const byId = new Map<number, WebTask>(read.tasks.map((task) => [task.task_id, task]));
  const required = new Map(metadata?.map((entry) => [entry.taskId, entry.requiresReset]));
  const order =
    metadata === null
      ? [...byId.keys()].toSorted((a, b) => a - b).map((taskId) => ({ taskId, resetBefore: null }))
      : orderTasks([...byId.keys()], metadata);
  const touched = new Set<WebArenaSite>();
  return order.flatMap(({ taskId, resetBefore }) => {
    const task = byId.get(taskId);
    if (task === undefined) return [];
    const asksForReset = required.get(taskId) ?? ("require_reset" in task && task.require_reset);
    const needed = resetBefore ?? task.sites.filter((site) => asksForReset || !touched.has(site));
    for (const site of task.sites) touched.add(site);
    return [{ task, resetBefore: needed, unavailable: lackOf(task, { sites, judge, asksForReset }) }];
  });
}

function lackOf(
  task: WebTask,
  { sites, judge, asksForReset }: { sites: WebSites; judge: boolean; asksForReset: boolean },
): string | null {
  const feasibility = feasibilityOf(task, { sites: sites.urls, judge, vision: false });
  if (feasibility.kind === "unavailable") return feasibility.reason;
  const loggedOut = loginsNeeded(task).filter((site) => sites.logins[site] === undefined);
  if (loggedOut.length > 0) {
    return `it starts logged in, and there is no login for ${loggedOut.join(", ")}`;
  }
  const fixed = task.sites.filter((site) => sites.resets[site] === undefined);
  if (asksForReset && fixed.length > 0) {
    return `it asks for sites in their first state, and nothing here resets ${fixed.join(", ")}`;
  }
  const clocks = clocksOf(task, sites);
  return clocks.length < 2 ? null : `its sites have different clocks (${clocks.join(", ")}), and a browser has one`;
}

/** Of the sites that it needs, each once. One browser shows them all, so a task with several cannot run. */
export function clocksOf(task: WebTask, { clocks }: Pick<WebSites, "clocks">): string[] {
  return [...new Set(requirementsOf(task).sites.flatMap((site) => clocks[site] ?? []))];
}

/** Task files name a state file after its sites: `./.auth/gitlab.reddit_state.json`. Wikipedia has nobody to log in. */
export function loginsNeeded(task: WebTask): WebArenaSite[] {
  if (!("require_login" in task) || !requirementsOf(task).login) return [];
  const file = task.storage_state?.split("/").at(-1) ?? "";
  const named = file.replace(/_state\.json$/, "").split(".");
  return task.sites.filter((site) => named.includes(site));
}
