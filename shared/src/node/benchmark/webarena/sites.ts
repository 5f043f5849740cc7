// Where the sites of the WebArena family are: configuration, because everybody hosts them elsewhere. Task files name
// them by placeholders such as `__SHOPPING__`; `render` puts a site's URL in their place and `derender` takes it out.
import { z } from "zod";
import { WebArenaSite } from "../../../domain/webarena-reference.ts";

const siteUrl = z
  .string()
  .regex(/^https?:\/\/[^\s|]+$/, "must be an http(s) URL")
  .refine((url) => URL.canParse(url), "must be an http(s) URL")
  // As browsers show it (host in lower case, no port of the scheme's own): pages' addresses are compared with it.
  .transform((url) => new URL(url).href.replace(/\/+$/, ""));

/** URLs of the sites that there are. A site with several was recorded in several places; the first one is in use. */
export const SiteUrls = z.partialRecord(
  WebArenaSite,
  z.union([siteUrl.transform((url) => [url]), z.array(siteUrl).min(1).max(20)]),
);
export type SiteUrls = z.infer<typeof SiteUrls>;

/** Between several start pages of one task. */
export const pageSeparator = " |AND| ";

export function placeholderOf(site: WebArenaSite): string {
  return `__${site.toUpperCase()}__`;
}

/** The sites whose placeholders a text holds. `__SHOPPING__` is not in `__SHOPPING_ADMIN__`: both end in underscores. */
export function sitesIn(text: string): WebArenaSite[] {
  return WebArenaSite.options.filter((site) => text.includes(placeholderOf(site)));
}

/** Every placeholder of a configured site replaced by its URL; others stay as they are. */
export function render(text: string, urls: SiteUrls): string {
  let rendered = text;
  for (const site of WebArenaSite.options) {
    const url = urls[site]?.[0];
    if (url !== undefined) rendered = rendered.replaceAll(placeholderOf(site), url);
  }
  return rendered;
}

/** The pages that a task starts on, in order. */
export function startPages(startUrl: string, urls: SiteUrls): string[] {
  return startUrl.split(pageSeparator).map((url) => render(url.trim(), urls));
}

/**
 * A URL of one of `sites` with the placeholder in its place; the site with the longest URL is tried first, because a
 * shop's administration lies below the shop. Null: it belongs to none of them.
 */
export function derender(text: string, sites: readonly WebArenaSite[], urls: SiteUrls): string | null {
  const longest = (site: WebArenaSite): number => Math.max(0, ...(urls[site] ?? []).map((url) => url.length));
  for (const site of sites.toSorted((a, b) => longest(b) - longest(a))) {
    for (const url of urls[site] ?? []) {
      if (text.includes(url)) return text.replaceAll(url, placeholderOf(site));
    }
  }
  return null;
}
