// What others are told of the sites that are served: campaigns a list of sites, agents the URLs by which tasks are judged,
// `hindcast bench webarena run` the tasks, the logins and the clocks.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StorageState } from "@hindcast/shared";
import { type SiteUrls, startPages, verifiedInstruction, verifiedReference } from "@hindcast/shared/node";
import { placesOf, type SiteRecipe } from "./site-recipe.ts";
import type { MadeTask } from "./tasks/template.ts";

export interface ServedSite {
  recipe: SiteRecipe;
  origin: string;
  tasks: readonly MadeTask[];
}

export interface SiteFiles {
  sitesFile: string;
  urlsFile: string;
  tasksFile: string;
}

export async function writeSiteFiles(out: string, served: readonly ServedSite[]): Promise<SiteFiles> {
  const urls = urlsOf(served);
  const files = { sitesFile: "sites.json", urlsFile: "urls.json", tasksFile: "tasks.json" };
  const logins = served.flatMap(({ recipe, origin }) =>
    placesOf(recipe).map(({ role, login }): [string, unknown] => [`${role}_state.json`, loginOf(login, origin)]),
  );
  await mkdir(out, { recursive: true });
  for (const [name, content] of [
    [files.sitesFile, served.flatMap((site) => campaignSites(site, urls))],
    [files.urlsFile, urls],
    // Beside the URLs, where it is looked for.
    ["clocks.json", clocksOf(served)],
    [files.tasksFile, served.flatMap(({ tasks }) => tasks.map(({ task }) => task))],
    ...logins,
  ] as [string, unknown][]) {
    await writeFile(join(out, name), `${JSON.stringify(content, null, 2)}\n`);
  }
  return {
    sitesFile: join(out, files.sitesFile),
    urlsFile: join(out, files.urlsFile),
    tasksFile: join(out, files.tasksFile),
  };
}

export function urlsOf(served: readonly Pick<ServedSite, "recipe" | "origin">[]): SiteUrls {
  return Object.fromEntries(
    served.flatMap(({ recipe, origin }) =>
      placesOf(recipe).map(({ role, path }) => [role, [new URL(path, origin).href.replace(/\/$/, "")]]),
    ),
  );
}

function clocksOf(served: readonly Pick<ServedSite, "recipe">[]): Record<string, string> {
  return Object.fromEntries(
    served.flatMap(({ recipe }) => placesOf(recipe).map(({ role }) => [role, recipe.clock] as const)),
  );
}

/** As the coordinator reads `campaign.world.sitesFile`. Episodes have a copy each, so nothing that they do stays. */
function campaignSites({ recipe, origin, tasks }: ServedSite, urls: SiteUrls): object[] {
  return placesOf(recipe).map(({ role, name, login }) => {
    const manual = join(recipe.folder, "documents", `${name}.md`);
    return {
      name,
      urls: (urls[role] ?? []).map((url) => new URL(url).href),
      documents: existsSync(manual) ? [manual] : [],
      credentials: loginOf(login, origin),
      clock: recipe.clock,
      tasks: tasks
        .filter(({ task }) => task.sites.includes(role))
        .map(({ task }) => ({
          id: String(task.task_id),
          instruction: verifiedInstruction(task),
          asksForAnswer: true,
          startUrls: task.start_urls.flatMap((url) => startPages(url, urls)),
          reference: verifiedReference(task),
        })),
      keepsChanges: false,
    };
  });
}

export function loginOf(login: readonly { name: string; value: string }[], origin: string): StorageState {
  const cookies = login.map(({ name, value }) => ({
    name,
    value,
    domain: new URL(origin).hostname,
    path: "/",
    expires: -1,
    httpOnly: true,
    secure: false,
    sameSite: "Lax" as const,
  }));
  return { cookies, origins: [] };
}
