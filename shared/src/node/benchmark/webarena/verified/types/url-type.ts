// URLs: a base, compared as it is or by a pattern, and query parameters, compared one by one. Missing, null and empty
// parameters are the same; of several values the first in order counts, as in the published evaluator.
import type { WebArenaSite } from "../../../../../domain/webarena-reference.ts";
import { derender, placeholderOf, type SiteUrls } from "../../sites.ts";
import { joinUrl, parseQuery, splitUrl, unquote } from "../../url-parts.ts";
import { fits, isPattern } from "../bounded-pattern.ts";
import { Normalized, valueType, type ReadContext, type ValueType } from "../normalized.ts";
import { withoutBase64Query } from "./base64-query.ts";
import { normalUrl } from "./url-normal-form.ts";

/** The sites of a task and where they are. */
export interface SiteFrame {
  sites: readonly WebArenaSite[];
  urls: SiteUrls;
}

type QueryValues = ReadonlyMap<string, readonly unknown[]>;

interface UrlValue {
  /** With the placeholder of its site, without query. */
  base: string;
  query: QueryValues;
  isPattern: boolean;
}

export interface UrlOptions {
  frame: SiteFrame;
  /** Instead of the parameters that the URL itself has. */
  query?: Readonly<Record<string, readonly (string | null)[]>>;
  decodeBase64Query?: boolean;
  ignoredParams?: readonly string[];
  ignoredPatterns?: readonly string[];
  /** Reads parameters as types. */
  readQuery?: (query: QueryValues, context: ReadContext) => QueryValues;
}

/** Reads a URL as one of `frame`'s. @throws Error where it is none, and for a task's URL where it is of no site */
export function readUrl(text: string, options: UrlOptions, context: ReadContext): UrlValue {
  const given = text.trim();
  if (given === "") throw new Error("the URL is empty");
  if (isPattern(given) && context.side === "task") {
    return {
      base: given,
      query: readQuery(new Map(Object.entries(options.query ?? {})), options, context),
      isPattern: true,
    };
  }
  const { frame } = options;
  const rendered = renderStart(given.replace(/\/+$/, ""), frame);
  if (/^ssh:\/\//i.test(rendered) || (/^git@/i.test(rendered) && !rendered.includes("://"))) {
    return { base: sshBase(rendered), query: new Map(), isPattern: false };
  }
  const normal = normalUrl(rendered);
  const placed = derender(normal, frame.sites, frame.urls);
  if (placed === null && context.side === "task") throw new Error(`${given} is of none of the task's sites`);
  const parts = splitUrl(placed ?? normal);
  const base64 =
    options.decodeBase64Query === true && options.query === undefined ? withoutBase64Query(parts.path) : null;
  const query =
    options.query === undefined
      ? plainQuery([...(base64?.queries ?? []), parts.query.trim()].filter((one) => one !== "").join("&"))
      : new Map(Object.entries(options.query));
  const base = joinUrl({ ...parts, host: parts.host.toLowerCase(), path: base64?.path ?? parts.path, query: "" });
  return { base, query: readQuery(query, options, context), isPattern: false };
}

/** A type for the URLs of one check; only URLs that the same type has read are compared. */
export function urlType(options: UrlOptions): ValueType {
  const { query, ...others } = options;
  return valueType<UrlValue>({
    name: "URL",
    read: (value, context) => {
      if (typeof value !== "string") throw new Error("a URL is a text");
      // Parameters that a check names stand for those of its own URL only.
      return readUrl(value, context.side === "task" && query !== undefined ? options : others, context);
    },
    equal: (task, other) =>
      task.some((one) => other.some((two) => samePlace(one, two, options.frame) && sameQuery(one.query, two.query))),
    print: ({ base, query: values }) => printUrl(base, values),
  });
}

/** Whether any alternative of a task's URL has the base of any of another's. */
export function haveSamePlace(task: Normalized, other: Normalized, frame: SiteFrame): boolean {
  // Both were read by a `urlType`, whose values are these.
  const [wanted, given] = [task.alternatives as readonly UrlValue[], other.alternatives as readonly UrlValue[]];
  return wanted.some((one) => given.some((two) => samePlace(one, two, frame)));
}

function samePlace(task: UrlValue, other: UrlValue, frame: SiteFrame): boolean {
  if (!task.isPattern) return barePath(task.base) === barePath(other.base);
  const pattern = `^${renderStart(task.base.slice(1, -1), frame)}$`;
  const isFit = fits(pattern, renderStart(other.base, frame), { at: "start" });
  if (isFit === null) throw new Error(`the task's URL is no pattern that can be read: ${task.base}`);
  return isFit;
}

function barePath(base: string): string {
  return base.toLowerCase().replace(/\/+$/, "");
}

function sameQuery(task: QueryValues, other: QueryValues): boolean {
  return [...new Set([...task.keys(), ...other.keys()])].every((name) => {
    const [wanted, given] = [task.get(name)?.[0] ?? "", other.get(name)?.[0] ?? ""];
    const pattern = textOf(wanted);
    if (isPattern(pattern)) return fits(pattern, textOf(given), { at: "start" }) === true;
    return wanted instanceof Normalized ? wanted.equals(given) : wanted === given;
  });
}

function textOf(value: unknown): string {
  return value instanceof Normalized ? value.toString() : String(value as string);
}

function readQuery(query: QueryValues, options: UrlOptions, context: ReadContext): QueryValues {
  const { ignoredParams = [], ignoredPatterns = [] } = options;
  const kept = new Map<string, readonly unknown[]>();
  for (const [name, values] of query) {
    const isIgnored =
      ignoredParams.includes(name) ||
      ignoredPatterns.some((pattern) => fits(pattern, name, { at: "anywhere", ignoreCase: true }) === true);
    if (isIgnored) continue;
    const plain = values.map((value) => (typeof value === "string" ? value.toLowerCase().trim() : value));
    kept.set(
      name,
      plain.toSorted((a, b) => (String(a as string) < String(b as string) ? -1 : 1)),
    );
  }
  return options.readQuery === undefined || kept.size === 0 ? kept : options.readQuery(kept, context);
}

/** Parameters decoded once by their form and once more, as the published evaluator does. */
function plainQuery(query: string): QueryValues {
  const values = new Map<string, readonly string[]>();
  for (const [name, given] of parseQuery(query, { keepBlank: true })) {
    values.set(unquote(name), given.map(unquote).toSorted());
  }
  return values;
}

/** A placeholder at the start of a text, replaced. */
function renderStart(text: string, { sites, urls }: SiteFrame): string {
  for (const site of sites) {
    const placeholder = placeholderOf(site);
    const url = urls[site]?.[0];
    if (url !== undefined && text.startsWith(placeholder)) return text.replaceAll(placeholder, url);
  }
  return text;
}

/** Clone addresses are compared without host and port. */
function sshBase(url: string): string {
  const isFull = /^ssh:\/\//i.test(url);
  const { host, path } = splitUrl(url);
  const [user, place] = isFull
    ? [host.includes("@") ? host.slice(0, host.indexOf("@")) : "git", path]
    : [url.slice(0, url.indexOf("@")), url.slice(url.indexOf("@") + 1).replace(/^[^:]*:/, "")];
  return `${user.toLowerCase()}@__SSH_HOST__:${place.replace(/^\/+/, "").toLowerCase()}`;
}

function printUrl(base: string, query: QueryValues): string {
  const pairs = [...query]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, values]) => values.map((value) => `${name}=${textOf(value)}`));
  const parts = splitUrl(base);
  return joinUrl({ ...parts, query: pairs.join("&") });
}
