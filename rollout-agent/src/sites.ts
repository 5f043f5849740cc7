// Run by `hindcast sites`: what it is asked stands in its argument, what it does goes to standard output, one JSON object
// per line. Serving ends with SIGTERM, SIGINT or the end of its standard input, so that no site outlives its terminal.
import { once } from "node:events";
import { toHindcastError } from "@hindcast/shared";
import { type SitesEvent, SitesRequest } from "@hindcast/shared/node";
import { builtSite, buildSite } from "./sites/build-site.ts";
import { serveSites } from "./sites/serve-sites.ts";
import { siteLacks } from "./sites/site-needs.ts";
import { placesOf, readRecipe, siteNames } from "./sites/site-recipe.ts";
import { tasksOfSite } from "./sites/tasks/tasks-of-site.ts";
import { verifySite } from "./sites/verify-site.ts";

const say = (event: SitesEvent): void => void process.stdout.write(`${JSON.stringify(event)}\n`);
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort(new Error("interrupted")));
const { signal } = stop;

try {
  const request = SitesRequest.parse(JSON.parse(process.argv[2] ?? "{}"));
  if (request.verb === "serve") process.stdin.resume().once("end", () => stop.abort(new Error("nobody is there")));
  const recipes = (request.names.length === 0 ? siteNames() : request.names).map((name) => readRecipe(name));
  if (request.verb === "list") {
    for (const recipe of recipes) {
      const places = placesOf(recipe).map(({ role, name }) => `${name} (${role})`);
      const folder = builtSite(recipe, request.cache)?.folder ?? null;
      const lacks = folder === null ? await siteLacks(recipe, signal) : [];
      say({ event: "listed", site: recipe.name, folder, lacks, places: places.join(", ") });
    }
  } else {
    await using entries = new AsyncDisposableStack();
    const sites = [];
    for (const recipe of recipes) {
      const started = performance.now();
      const { site, entry } = await buildSite(recipe, request.cache, signal);
      entries.use(entry);
      sites.push(site);
      const seconds = Math.round((performance.now() - started) / 1_000);
      if (entry.isNew || request.verb === "build") {
        say({ event: "built", site: recipe.name, folder: site.folder, seconds });
      }
    }
    switch (request.verb) {
      case "build":
        break;
      case "tasks":
        for (const site of sites) {
          say({ event: "tasks", site: site.recipe.name, tasks: tasksOfSite(site).map(({ task }) => task) });
        }
        break;
      case "serve": {
        await using _served = await serveSites(sites, request, say);
        if (!signal.aborted) await once(signal, "abort");
        break;
      }
      case "verify":
        for (const site of sites) await verifySite(site, { ...request, say }, signal);
    }
  }
} catch (error) {
  if (!signal.aborted) {
    const { code, message } = toHindcastError(error, "environment");
    say({ event: "error", code, message });
    process.exitCode = 1;
  }
}
process.stdin.destroy();
