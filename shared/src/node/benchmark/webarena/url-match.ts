// Whether the page that the agent stopped on is the right one. `GOLD in PRED`: host and path of a reference are part of
// the page's, and each of its query parameters has one of the values asked for. `EXACT`: the URLs are equal.
import { alternativeSeparator, type Variant } from "./string-match.ts";
import { parseQuery, splitUrl } from "./url-parts.ts";

export interface UrlRule {
  /** Alternatives joined by ` |OR| `, placeholders already replaced. */
  reference: string;
  note: "GOLD in PRED" | "EXACT";
  variant: Variant;
}

export function urlMatches(pageUrl: string, { reference, note, variant }: UrlRule): boolean {
  const references = reference.split(alternativeSeparator);
  // A page has no URL that is empty, and a reference that is empty would be part of every one.
  if (references.some((url) => url.trim() === "")) return false;
  if (variant === "visualwebarena") {
    const page = withoutOneSlash(pageUrl);
    const wanted = references.map(withoutOneSlash);
    return note === "EXACT" ? wanted.includes(page) : wanted.some((url) => page.includes(url));
  }
  return note === "EXACT"
    ? references.map(withoutSlashes).includes(withoutSlashes(pageUrl))
    : goldInPage(pageUrl, references);
}

function goldInPage(pageUrl: string, references: readonly string[]): boolean {
  const page = placeOf(withoutSlashes(pageUrl));
  const wanted = references.map((url) => placeOf(withoutSlashes(url)));
  if (!wanted.some(({ base }) => page.base.includes(base))) return false;
  // Values of all references count together, as in the published evaluator.
  const values = new Map<string, Set<string>>();
  for (const { query } of wanted) {
    for (const [name, given] of query) {
      values.set(name, new Set([...(values.get(name) ?? []), ...given]));
    }
  }
  return [...values].every(([name, any]) => (page.query.get(name) ?? []).some((value) => any.has(value)));
}

function placeOf(url: string): { base: string; query: Map<string, string[]> } {
  const { host, path, query } = splitUrl(url);
  return { base: host + withoutParameters(path), query: parseQuery(query, { keepBlank: false }) };
}

/** `;` and what follows it in the last segment, which Python's urlparse takes for no part of the path. */
function withoutParameters(path: string): string {
  const at = path.indexOf(";", path.lastIndexOf("/") + 1);
  return at === -1 ? path : path.slice(0, at);
}

function withoutSlashes(url: string): string {
  return url.replace(/\/+$/, "");
}

function withoutOneSlash(url: string): string {
  return url.endsWith("/") ? url.slice(0, -1) : url;
}
