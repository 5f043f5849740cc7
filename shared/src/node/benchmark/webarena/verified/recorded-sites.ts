// Where a task's sites were when an episode was recorded, where nobody says so: the published evaluator takes the place
// of the first requests, and so does this, for logs that come from elsewhere.
import type { WebArenaSite } from "../../../../domain/webarena-reference.ts";
import type { SiteUrls } from "../sites.ts";
import { splitUrl } from "../url-parts.ts";
import type { NetworkEvent } from "./har.ts";

export function sitesOfRecording(
  sites: readonly WebArenaSite[],
  configured: SiteUrls,
  events: readonly NetworkEvent[],
): SiteUrls {
  if (sites.every((site) => configured[site] !== undefined) || events.length === 0) return configured;
  const guessed: SiteUrls = { ...configured };
  for (const [index, site] of sites.entries()) {
    if (guessed[site] !== undefined) continue;
    const { scheme, host } = splitUrl(events[Math.min(index, events.length - 1)]?.url ?? "");
    guessed[site] = [`${scheme}://${host}${site === "shopping_admin" ? "/admin" : ""}`];
  }
  return guessed;
}
