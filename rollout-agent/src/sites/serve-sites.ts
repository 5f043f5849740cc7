import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SitesEvent } from "@hindcast/shared/node";
import type { BuiltSite } from "./build-site.ts";
import { type ServedSite, urlsOf, writeSiteFiles } from "./site-files.ts";
import { SiteHost } from "./site-host.ts";
import { placesOf } from "./site-recipe.ts";
import { tasksOfSite } from "./tasks/tasks-of-site.ts";

export interface Serving {
  copies: number;
  port: number;
  out: string;
}

/** The sites are there until what is returned is disposed of. */
export async function serveSites(
  sites: readonly BuiltSite[],
  { copies, port, out }: Serving,
  say: (event: SitesEvent) => void,
): Promise<AsyncDisposable> {
  const stack = new AsyncDisposableStack();
  try {
    const served: ServedSite[] = [];
    for (const [index, site] of sites.entries()) {
      const folder = await mkdtemp(join(tmpdir(), "hindcast-site-"));
      stack.defer(() => rm(folder, { recursive: true, force: true }));
      const host = stack.use(
        await SiteHost.start({ site, folder, copiesMax: copies, port: port === 0 ? 0 : port + index }),
      );
      served.push({ recipe: site.recipe, origin: host.origin, tasks: tasksOfSite(site) });
    }
    for (const site of served) {
      const urls = urlsOf([site]);
      for (const { role, name } of placesOf(site.recipe)) {
        const tasks = site.tasks.filter(({ task }) => task.sites.includes(role)).length;
        say({ event: "place", name, url: urls[role]?.[0] ?? "", tasks });
      }
    }
    say({ event: "serving", ...(await writeSiteFiles(out, served)) });
    return stack;
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
