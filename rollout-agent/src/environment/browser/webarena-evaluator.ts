// Judges tasks of the WebArena family in the browser that the episode left open: first what is there, then pages that it
// is sent to, and what it had sent to the sites until the episode ended.
import { evaluateWebReference, modelJudge, type SiteUrls } from "@hindcast/shared/node";
import type { BrowserEvaluator } from "./browser-environment.ts";

/** @param sites where the placeholders of task files point to */
export function webArenaEvaluator(sites: SiteUrls): BrowserEvaluator {
  return async ({ reference, answer, judge: source }, browser, signal) => {
    if (reference?.kind !== "webarena" && reference?.kind !== "webarena-verified") return null;
    const name = reference.kind === "webarena" ? reference.judge : undefined;
    const asked = name === undefined || source === undefined ? {} : { judge: modelJudge(source(name)) };
    const left = { answer, page: browser, sites, har: browser.har(), ...asked };
    return await evaluateWebReference(reference, left, signal);
  };
}
