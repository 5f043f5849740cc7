// Judges an episode of WebArena, WebArena-Lite or VisualWebArena: the score is the product of what its task asks for.
// Whatever could not be decided (a judge that is out, a site's interface that does not answer) makes the verdict
// `unknown`, unless something else has failed for certain.
import type { Evaluation } from "../../../domain/episode.ts";
import type { WebArenaReference } from "../../../domain/webarena-reference.ts";
import type { EvaluatedPage } from "./evaluated-page.ts";
import { noJudge, type FuzzyJudge } from "./fuzzy-judge.ts";
import { checkPages } from "./program-html.ts";
import { answerText, checkContents, type Component } from "./required-contents.ts";
import { publishedShopAdmin, type HelperContext } from "./site-helpers.ts";
import { render, type SiteUrls } from "./sites.ts";
import { urlMatches } from "./url-match.ts";

export interface WebArenaEvaluation {
  reference: WebArenaReference;
  /** What the agent stopped with; null where it gave no answer. */
  answer: string | null;
  /** The page in front when the agent stopped; null where there is none to look at any more. */
  page: EvaluatedPage | null;
  sites: SiteUrls;
  /** @default none: fuzzy answers stay undecided */
  judge?: FuzzyJudge;
  /** @default the account that the published shop has */
  shopAdmin?: HelperContext["shopAdmin"];
  /** Reaches the shop's interface. @default the global fetch */
  fetch?: typeof fetch;
}

const evaluator = "webarena";

export async function evaluateWebArena(given: WebArenaEvaluation, signal: AbortSignal): Promise<Evaluation> {
  const { eval: rules } = given.reference;
  const components: Component[] = [];
  // Pages last: looking at them leaves the page that URLs are compared with.
  const order = ["string_match", "url_match", "page_image_query", "program_html"] as const;
  for (const type of order.filter((one) => rules.eval_types.includes(one))) {
    components.push(...(await componentsOf(type, given, signal)));
  }
  return evaluationOf(evaluator, components);
}

async function componentsOf(
  type: WebArenaReference["eval"]["eval_types"][number],
  given: WebArenaEvaluation,
  signal: AbortSignal,
): Promise<Component[]> {
  const { reference, page, sites, judge = noJudge } = given;
  const { eval: rules, variant, intent } = reference;
  switch (type) {
    case "string_match":
      return await checkContents(
        {
          rules: rules.reference_answers ?? {},
          text: answerText(given.answer, variant),
          of: "answer",
          variant,
          intent,
          reason: rules.string_note ?? "",
          judge,
        },
        signal,
      );
    case "url_match": {
      if (page === null) return [noPage("url_match")];
      const wanted = render(rules.reference_url ?? "", sites);
      const note = rules.url_note ?? (variant === "visualwebarena" ? "EXACT" : "GOLD in PRED");
      const holds = urlMatches(page.url(), { reference: wanted, note, variant });
      const detail = `${page.url()} ${holds ? "is" : "is not"} ${wanted}`;
      return [{ name: "url_match", score: holds ? 1 : 0, detail }];
    }
    case "page_image_query":
      return [{ name: "page_image_query", score: null, detail: "images are not judged here" }];
    case "program_html": {
      if (page === null) return [noPage("program_html")];
      const helpers: HelperContext = {
        page,
        lastUrl: page.url(),
        sites,
        shopAdmin: given.shopAdmin ?? publishedShopAdmin,
        ...(given.fetch === undefined ? {} : { fetch: given.fetch }),
      };
      return await checkPages({ checks: rules.program_html ?? [], helpers, judge, variant, intent }, signal);
    }
  }
}

function noPage(name: string): Component {
  return { name, score: null, detail: "there is no page to look at" };
}

/** The product of the components as an evaluation; the first that failed, else the first undecided one, is the detail. */
export function evaluationOf(name: string, components: readonly Component[]): Evaluation {
  const failed = components.find(({ score }) => score === 0);
  const open = components.find(({ score }) => score === null);
  const verdict =
    failed !== undefined ? "failure" : open !== undefined || components.length === 0 ? "unknown" : "success";
  const telling = failed ?? open;
  const detail =
    telling === undefined ? "everything that the task asks for holds" : `${telling.name}: ${telling.detail}`;
  return {
    verdict,
    evaluator: name,
    detail: components.length === 0 ? "the task asks for nothing that can be checked" : detail.slice(0, 4_000),
    ...(verdict === "unknown" ? {} : { score: verdict === "success" ? 1 : 0 }),
    components: components.slice(0, 100).map(({ name: part, score, detail: why }) => ({
      name: part.slice(0, 256),
      // A component has a number always; an undecided one says so in words.
      score: score ?? 0,
      detail: (score === null ? `undecided: ${why}` : why).slice(0, 1_000),
    })),
  };
}
