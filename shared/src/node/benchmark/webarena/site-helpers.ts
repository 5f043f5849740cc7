// The helper functions that task files call by `func:name(arguments)`. They are read as calls of known names with literal
// arguments and never evaluated: task files come from elsewhere.
import { z } from "zod";
import { HindcastError } from "../../../errors.ts";
import { unescapeHtml } from "./html-unescape.ts";
import type { EvaluatedPage } from "./evaluated-page.ts";
import type { SiteUrls } from "./sites.ts";
import { splitUrl } from "./url-parts.ts";

export interface HelperContext {
  page: EvaluatedPage;
  /** Where the agent stopped, whatever page is in front by now. */
  lastUrl: string;
  sites: SiteUrls;
  /** The shop's administrator, for its REST interface. */
  shopAdmin: { username: string; password: string };
  /** @default the global fetch */
  fetch?: typeof fetch;
}

/** The account that WebArena's shop images come with. */
export const publishedShopAdmin = { username: "admin", password: "admin1234" };

/** The helper or what it needs is not there: nothing is known about the agent's work. */
export class HelperUnavailable extends Error {}

interface Call {
  name: string;
  /** Null: the page. */
  args: (string | null)[];
}

/** @returns null where the text is no call with literal arguments */
export function parseCall(text: string): Call | null {
  const call = /^func:\s*([A-Za-z_]\w*)\(([\s\S]*)\)\s*$/.exec(text);
  if (call === null) return null;
  const [, name = "", list = ""] = call;
  const args: (string | null)[] = [];
  const argument = /\s*(?:(__page__)|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*(,|$)/y;
  let isMore = list.trim() !== "";
  while (isMore) {
    const found = argument.exec(list);
    if (found === null) return null;
    args.push(found[1] === undefined ? (found[2] ?? found[3] ?? "").replace(/\\(.)/g, "$1") : null);
    isMore = found[4] === ",";
  }
  return { name, args };
}

/**
 * The helper's text, `__last_url__` in an argument being where the agent stopped; null where there is nothing to tell of.
 * @throws HelperUnavailable where the helper is unknown or the site does not answer
 */
export async function callHelper(text: string, context: HelperContext, signal: AbortSignal): Promise<string | null> {
  const call = parseCall(text);
  if (call === null) throw new HelperUnavailable(`${text.slice(0, 200)} is no call with literal arguments`);
  const args = call.args.map((arg) => arg?.replaceAll("__last_url__", context.lastUrl) ?? null);
  const first = args.find((arg) => arg !== null) ?? "";
  switch (call.name) {
    case "reddit_get_post_url":
      return redditPostUrl(first);
    case "gitlab_get_project_memeber_role":
      return await gitlabMemberRole(first, context.page, signal);
    case "shopping_get_latest_order_url":
      return await shopLatestOrderUrl(context, signal);
    case "shopping_get_sku_latest_review_author":
      return (await shopLatestReview(first, context, signal))?.nickname ?? null;
    case "shopping_get_sku_latest_review_rating":
      return percentOf(await shopLatestReview(first, context, signal));
    case "shopping_get_sku_latest_review_text":
      return (await shopLatestReview(first, context, signal))?.detail ?? null;
    case "get_query_text":
      return await queryText(first, context.page, signal);
    default:
      throw new HelperUnavailable(`the helper ${call.name} is not known here`);
  }
}

/** The post's own page for any page below it, e.g. of one comment. */
export function redditPostUrl(url: string): string {
  const { scheme, host, path } = splitUrl(url);
  const [, kind, forum, post] = path.split("/");
  if (kind !== "f" || forum === undefined || post === undefined) return url;
  return `${scheme}://${host}/f/${forum}/${post}/`;
}

/** The browser or a site is away: that says nothing of the page. */
export function isAway(error: unknown): boolean {
  return error instanceof HindcastError && error.retryable;
}

/** Null where the member is not on the page. */
async function gitlabMemberRole(account: string, page: EvaluatedPage, signal: AbortSignal): Promise<string | null> {
  const expression = `(() => {
    const names = [...document.querySelectorAll("td[data-label='Account'] span.gl-avatar-labeled-sublabel")];
    const index = names.findIndex((name) => name.outerText === ${JSON.stringify(`@${account}`)});
    return document.querySelectorAll("td.col-max-role span")[index].outerText;
  })()`;
  try {
    return z.string().parse(await page.evaluate(expression, signal));
  } catch (error) {
    signal.throwIfAborted();
    if (isAway(error)) throw error;
    return null;
  }
}

/** VisualWebArena: the text of the first element that fits, null where none does. */
async function queryText(selector: string, page: EvaluatedPage, signal: AbortSignal): Promise<string | null> {
  const expression = `document.querySelector(${JSON.stringify(selector)}).outerText`;
  try {
    return unescapeHtml(z.string().parse(await page.evaluate(expression, signal)));
  } catch (error) {
    signal.throwIfAborted();
    if (isAway(error)) throw error;
    return null;
  }
}

const Orders = z.object({ items: z.array(z.object({ increment_id: z.union([z.string(), z.number()]) })).nullable() });
const Review = z.object({
  nickname: z.string(),
  detail: z.string().optional(),
  ratings: z.array(z.object({ percent: z.union([z.number(), z.string()]) })),
});
type Review = z.infer<typeof Review>;

async function shopLatestOrderUrl(context: HelperContext, signal: AbortSignal): Promise<string | null> {
  const query = new URLSearchParams({
    "searchCriteria[sortOrders][0][field]": "created_at",
    "searchCriteria[sortOrders][0][direction]": "DESC",
    "searchCriteria[pageSize]": "1",
  });
  const { items } = await shopGet(`/rest/V1/orders?${query.toString()}`, Orders, context, signal);
  const newest = items?.[0];
  if (newest === undefined) return null;
  return `${shopUrl(context)}/sales/order/view/order_id/${Number(newest.increment_id)}/`;
}

async function shopLatestReview(sku: string, context: HelperContext, signal: AbortSignal): Promise<Review | undefined> {
  const reviews = await shopGet(
    `/rest/V1/products/${encodeURIComponent(sku)}/reviews`,
    z.array(Review),
    context,
    signal,
  );
  return reviews.at(-1);
}

function percentOf(review: Review | undefined): string | null {
  const percent = review?.ratings[0]?.percent;
  return percent === undefined ? null : String(percent);
}

async function shopGet<T>(path: string, schema: z.ZodType<T>, context: HelperContext, signal: AbortSignal): Promise<T> {
  const token = await shopRequest("/rest/default/V1/integration/admin/token", z.string(), context, {
    method: "POST",
    body: JSON.stringify(context.shopAdmin),
    headers: { "content-type": "application/json" },
    signal,
  });
  return await shopRequest(path, schema, context, {
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    signal,
  });
}

async function shopRequest<T>(
  path: string,
  schema: z.ZodType<T>,
  context: HelperContext,
  init: RequestInit,
): Promise<T> {
  const url = `${shopUrl(context)}${path}`;
  try {
    const response = await (context.fetch ?? fetch)(url, init);
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    return schema.parse(await response.json());
  } catch (error) {
    init.signal?.throwIfAborted();
    throw new HelperUnavailable(`the shop's interface at ${url} could not be read`, { cause: error });
  }
}

function shopUrl({ sites }: HelperContext): string {
  const url = sites.shopping?.[0];
  if (url === undefined) throw new HelperUnavailable("no URL is configured for the shop");
  return url;
}
