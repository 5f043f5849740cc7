// What a task needs before it can be tried, and whether that is there. A task whose site nobody hosts is `unavailable`
// with the reason: it was not failed, and it does not leave the denominator silently.
import type { WebArenaSite } from "../../../domain/webarena-reference.ts";
import { pageSeparator, placeholderOf, sitesIn, type SiteUrls } from "./sites.ts";
import type { VerifiedTask } from "./verified-task.ts";
import type { WebArenaTask } from "./webarena-task.ts";

export interface TaskRequirements {
  sites: WebArenaSite[];
  /** A model that judges fuzzy answers. */
  judge: boolean;
  /** A model that looks at images, of the task or of the page. */
  vision: boolean;
  /** Logged-in browser state. */
  login: boolean;
  /** The shop's REST interface with an administrator's account. */
  shopApi: boolean;
}

export type Feasibility = { kind: "ok" } | { kind: "unavailable"; reason: string };

export function requirementsOf(task: WebArenaTask | VerifiedTask): TaskRequirements {
  const sites = [...new Set([...task.sites, ...sitesIn(JSON.stringify(task))])];
  if ("start_urls" in task) return { sites, judge: false, vision: false, login: true, shopApi: false };
  const checks = task.eval.program_html ?? [];
  const asksJudge = [task.eval.reference_answers, ...checks.map((check) => check.required_contents)].some(
    (answers) => answers?.fuzzy_match !== undefined,
  );
  return {
    sites,
    judge: asksJudge,
    vision: (task.image ?? null) !== null || task.eval.eval_types.includes("page_image_query"),
    login: task.require_login && task.storage_state !== null,
    shopApi: checks.some(({ url, locator }) => [url, locator].some((text) => text.startsWith("func:shopping_"))),
  };
}

export interface Offered {
  sites: SiteUrls;
  /** Whether a model can be asked about fuzzy answers. */
  judge: boolean;
  vision: boolean;
}

export function feasibilityOf(task: WebArenaTask | VerifiedTask, offered: Offered): Feasibility {
  const needs = requirementsOf(task);
  const missing = needs.sites.filter((site) => offered.sites[site] === undefined);
  if (missing.length > 0) {
    const names = missing.map((site) => `${site} (${placeholderOf(site)})`).join(", ");
    return { kind: "unavailable", reason: `no URL is configured for ${names}` };
  }
  if (needs.vision && !offered.vision) return { kind: "unavailable", reason: "it needs a model that sees images" };
  if (needs.judge && !offered.judge) {
    return { kind: "unavailable", reason: "its answer is judged by a model, and none is configured" };
  }
  return { kind: "ok" };
}

/** The task's start pages as its file names them. */
export function startPlaces(task: WebArenaTask | VerifiedTask): string[] {
  return "start_urls" in task ? task.start_urls : task.start_url.split(pageSeparator);
}
