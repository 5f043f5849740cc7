// Looks at pages after the agent has stopped: goes where a check says, takes the part that its locator names, and compares
// it. Locators run in the page and never here; helpers are called by name. A page that is broken holds nothing, so a
// check on it fails; a helper or a site that is out decides nothing.
import type { ProgramHtmlCheck } from "../../../domain/webarena-reference.ts";
import { HindcastError, messageOf } from "../../../errors.ts";
import type { EvaluatedPage } from "./evaluated-page.ts";
import type { FuzzyJudge } from "./fuzzy-judge.ts";
import { unescapeHtml } from "./html-unescape.ts";
import { checkContents, type Component } from "./required-contents.ts";
import { callHelper, HelperUnavailable, type HelperContext, isAway } from "./site-helpers.ts";
import { render } from "./sites.ts";
import type { Variant } from "./string-match.ts";

export interface PageChecks {
  checks: readonly ProgramHtmlCheck[];
  helpers: HelperContext;
  judge: FuzzyJudge;
  variant: Variant;
  intent: string;
}

export async function checkPages(checks: PageChecks, signal: AbortSignal): Promise<Component[]> {
  const numbered = checks.checks.map((check, index) => ({ check, number: index + 1 }));
  // The page that the agent stopped on first, because looking at others leaves it.
  const [here, elsewhere] = [true, false].map((isHere) =>
    numbered.filter(({ check }) => (check.url === "last") === isHere),
  );
  const components: Component[] = [];
  for (const { check, number } of [...(here ?? []), ...(elsewhere ?? [])]) {
    const found = await checkPage(check, checks, signal);
    components.push(...found.map((component) => ({ ...component, name: `page ${number}: ${component.name}` })));
  }
  return components;
}

async function checkPage(
  check: ProgramHtmlCheck,
  { helpers, judge, variant, intent }: PageChecks,
  signal: AbortSignal,
): Promise<Component[]> {
  try {
    const wentWrong = await goThere(check, helpers, signal);
    if (wentWrong !== null) return [{ name: "goto", score: 0, detail: wentWrong }];
    const text = await locate(check, helpers, signal);
    if (text === null) {
      return [{ name: "locator", score: 0, detail: `nothing is there for ${check.locator.slice(0, 500)}` }];
    }
    // VisualWebArena's judge is not told what was asked.
    const asked = variant === "visualwebarena" ? "NOT USED" : intent;
    return await checkContents(
      {
        rules: check.required_contents,
        text: variant === "webarena" ? unescapeHtml(text) : text,
        of: "page",
        variant,
        intent: asked,
        reason: "",
        judge,
      },
      signal,
    );
  } catch (error) {
    signal.throwIfAborted();
    const why =
      error instanceof HelperUnavailable ? messageOf(error) : `the page could not be read: ${messageOf(error)}`;
    return [{ name: "page", score: null, detail: why }];
  }
}

/** @returns what went wrong, null where the right page is in front */
async function goThere({ url }: ProgramHtmlCheck, helpers: HelperContext, signal: AbortSignal): Promise<string | null> {
  if (url === "last") return null;
  const target = url.startsWith("func:") ? await callHelper(url, helpers, signal) : render(url, helpers.sites);
  if (target === null) return `${url} names no page`;
  try {
    await helpers.page.goto(target, signal);
    return null;
  } catch (error) {
    signal.throwIfAborted();
    // The site is away: nothing is known of the page.
    if (error instanceof HindcastError && error.retryable) throw error;
    return `${target} did not load: ${messageOf(error)}`;
  }
}

/** The text that the locator names; null where the page does not have it. */
async function locate(check: ProgramHtmlCheck, helpers: HelperContext, signal: AbortSignal): Promise<string | null> {
  const { locator } = check;
  const { page } = helpers;
  if (locator.startsWith("func:")) return await callHelper(locator, helpers, signal);
  if (locator.trim() === "") return await page.content(signal);
  if (locator.startsWith("lambda:")) return await evaluated(`(${locator.slice("lambda:".length)})()`, page, signal);
  if (!locator.startsWith("document.") && !locator.startsWith("[...document.")) {
    throw new HelperUnavailable(`the locator ${locator.slice(0, 200)} is of no known kind`);
  }
  for (const preparation of check.prep_actions ?? []) {
    // A section that is open already, or a button that is gone: the locator decides.
    if ((await evaluated(preparation, page, signal)) === null) break;
  }
  return await evaluated(locator, page, signal);
}

async function evaluated(expression: string, page: EvaluatedPage, signal: AbortSignal): Promise<string | null> {
  try {
    return textOf(await page.evaluate(expression, signal));
  } catch (error) {
    signal.throwIfAborted();
    if (isAway(error)) throw error;
    return null;
  }
}

/** Values as the published evaluator, which is Python, prints them. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "object" ? JSON.stringify(value) : String(value as number | bigint);
}
