// Judges tasks of the WebArena family in the browser that the episode left open: first what is there, then pages that it
// is sent to, and what it had sent to the sites until the episode ended.
import { evaluateWebReference, type SiteUrls } from "@hindcast/shared/node";
import type { BrowserEvaluator } from "./browser-environment.ts";

/** @param sites where the placeholders of task files point to */
export function webArenaEvaluator(sites: SiteUrls): BrowserEvaluator {
  return async ({ reference, answer }, browser, signal) => {
    if (reference?.kind !== "webarena" && reference?.kind !== "webarena-verified") return null;
    return await evaluateWebReference(reference, { answer, page: browser, sites, har: browser.har() }, signal);
  };
}
