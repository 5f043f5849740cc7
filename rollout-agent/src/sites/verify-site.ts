// Tries every task of a site on copies of it, and measures how long a visitor waits for a first state.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SitesEvent } from "@hindcast/shared/node";
import type { BuiltSite } from "./build-site.ts";
import { urlsOf } from "./site-files.ts";
import { SiteCopy } from "./site-copy.ts";
import { SiteHost } from "./site-host.ts";
import { placesOf } from "./site-recipe.ts";
import { tasksOfSite } from "./tasks/tasks-of-site.ts";
import { problemOf } from "./verify-tasks.ts";

export async function verifySite(
  site: BuiltSite,
  { copies, say }: { copies: number; say: (event: SitesEvent) => void },
  signal: AbortSignal,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "hindcast-site-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const { recipe } = site;
  say({ event: "restored", site: recipe.name, ...(await timesOf(site, folder, signal)) });
  // A trial is over when the next one begins: its copy may be taken at once.
  const host = stack.use(await SiteHost.start({ site, folder, copiesMax: copies, port: 0, idleMsMin: 0 }));
  const urls = urlsOf([{ recipe, origin: host.origin }]);
  for (const made of tasksOfSite(site)) {
    signal.throwIfAborted();
    const { task } = made;
    const { login = [] } = placesOf(recipe).find(({ role }) => task.sites.includes(role)) ?? {};
    const problem = await problemOf(made, { urls, login });
    say({ event: "verified", site: recipe.name, taskId: task.task_id, intent: task.intent, problem });
  }
}

async function timesOf(
  site: BuiltSite,
  folder: string,
  signal: AbortSignal,
): Promise<{ startMs: number; restoreMs: number }> {
  const started = performance.now();
  await using copy = await SiteCopy.start(site, { state: join(folder, "timed"), origin: "http://127.0.0.1" }, signal);
  const startMs = performance.now() - started;
  const before = performance.now();
  await copy.restore();
  return { startMs: Math.round(startMs), restoreMs: Math.round(performance.now() - before) };
}
