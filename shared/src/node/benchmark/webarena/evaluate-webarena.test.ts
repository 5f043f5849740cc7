// Requirements: 6.12.webarena-evaluators, 6.12.judge
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Evaluation } from "../../../domain/episode.ts";
import { WebArenaReference } from "../../../domain/webarena-reference.ts";
import type { EvaluatedPage } from "./evaluated-page.ts";
import { evaluateWebArena, type WebArenaEvaluation } from "./evaluate-webarena.ts";
import type { FuzzyJudge, FuzzyQuestion } from "./fuzzy-judge.ts";
import { unescapeHtml } from "./html-unescape.ts";
import { parseCall } from "./site-helpers.ts";

const never = new AbortController().signal;
const sites = { shopping: ["http://shop.test"], gitlab: ["http://git.test"], reddit: ["http://forum.test"] };

function reference(rules: object, variant = "webarena"): WebArenaReference {
  return WebArenaReference.parse({
    kind: "webarena",
    taskId: 1,
    intent: "How many?",
    sites: ["shopping"],
    variant,
    eval: rules,
  });
}

/** A browser of fixed pages: by URL, what each expression gives; a missing one throws, as in a browser. */
class Pages implements EvaluatedPage {
  #url: string;
  readonly #pages: Record<string, Record<string, unknown>>;
  readonly evaluated: string[] = [];

  constructor(url: string, pages: Record<string, Record<string, unknown>>) {
    this.#url = url;
    this.#pages = pages;
  }

  url(): string {
    return this.#url;
  }
  async content(): Promise<string> {
    const content = this.#pages[this.#url]?.content;
    return typeof content === "string" ? content : "";
  }
  async goto(url: string): Promise<void> {
    if (this.#pages[url] === undefined) throw new Error("net::ERR_CONNECTION_REFUSED");
    this.#url = url;
  }
  async evaluate(expression: string): Promise<unknown> {
    this.evaluated.push(expression);
    const page = this.#pages[this.#url] ?? {};
    const known = Object.keys(page).find((key) => expression.includes(key));
    if (known === undefined) throw new TypeError("Cannot read properties of null");
    return page[known];
  }
}

function addressOf(input: string | URL | Request): string {
  return input instanceof Request ? input.url : input.toString();
}

function judgeSaying(outcome: "match" | "mismatch"): FuzzyJudge & { asked: FuzzyQuestion[] } {
  const asked: FuzzyQuestion[] = [];
  return {
    asked,
    judge: async (question) => {
      asked.push(question);
      return { outcome, question: `grade ${question.answer}`, reply: outcome };
    },
  };
}

async function evaluate(given: Partial<WebArenaEvaluation> & { reference: WebArenaReference }): Promise<Evaluation> {
  return await evaluateWebArena({ answer: null, page: null, sites, ...given }, never);
}

async function verdictOf(rules: object, answer: string | null, judge?: FuzzyJudge): Promise<string> {
  const string = { eval_types: ["string_match"], reference_answers: rules, string_note: "it is not sold" };
  return (await evaluate({ reference: reference(string), answer, ...(judge === undefined ? {} : { judge }) })).verdict;
}

describe("an answer", () => {
  it("is matched exactly but for case, spaces and one pair of quotes", async () => {
    for (const answer of ["Quest", " quest ", "'QUEST'", '"quest"']) {
      expect(await verdictOf({ exact_match: "Quest" }, answer)).toBe("success");
    }
    expect(await verdictOf({ exact_match: "Quest" }, "Quest Band")).toBe("failure");
    expect(await verdictOf({ exact_match: "Quest" }, null)).toBe("failure");
  });

  it("must include every phrase, a lone letter or digit as a word", async () => {
    expect(await verdictOf({ must_include: ["a", "b c"] }, "xay b c")).toBe("success");
    expect(await verdictOf({ must_include: ["a", "b c"] }, "xay bc")).toBe("failure");
    expect(await verdictOf({ must_include: ["0"] }, "10 orders")).toBe("failure");
    expect(await verdictOf({ must_include: ["0"] }, "there are 0.")).toBe("success");
    expect(await verdictOf({ must_include: "yjlou" }, "it is YJLOU")).toBe("success");
  });

  it("N/A is right as it stands, and a reason where the judge finds it the same", async () => {
    const judge = judgeSaying("match");
    expect(await verdictOf({ fuzzy_match: "N/A" }, "N/A", judge)).toBe("success");
    expect(judge.asked).toEqual([]);
    expect(await verdictOf({ fuzzy_match: "N/A" }, "not sold here", judge)).toBe("success");
    expect(judge.asked).toEqual([
      { kind: "unachievable", intent: "How many?", reference: "it is not sold", answer: "not sold here" },
    ]);
    expect(await verdictOf({ fuzzy_match: "N/A" }, "no", judgeSaying("mismatch"))).toBe("failure");
    expect(await verdictOf({ fuzzy_match: "N/A" }, "", judge)).toBe("failure");
  });

  it("in free words is undecided where no judge can be asked, and says what was to be asked", async () => {
    const fuzzy = { eval_types: ["string_match"], reference_answers: { fuzzy_match: ["two"] } };
    const evaluation = await evaluate({ reference: reference(fuzzy), answer: "a pair" });
    expect(evaluation).toMatchObject({ verdict: "unknown", detail: expect.stringContaining("judge_unavailable") });
    expect(evaluation.detail).toContain("student answer: a pair");
    expect(evaluation).not.toHaveProperty("score");
  });

  it("that is wrong for certain costs no question to a judge", async () => {
    const judge = judgeSaying("match");
    expect(await verdictOf({ exact_match: "one", fuzzy_match: ["one"] }, "two", judge)).toBe("failure");
    expect(await verdictOf({ fuzzy_match: ["one"] }, "", judge)).toBe("failure");
    expect(judge.asked).toEqual([]);
  });
});

describe("VisualWebArena's rules", () => {
  const verdict = async (rules: object, answer: string): Promise<string> => {
    const string = { eval_types: ["string_match"], reference_answers: rules };
    return (await evaluate({ reference: reference(string, "visualwebarena"), answer })).verdict;
  };

  it("look for single words among words, know alternatives, exclusions, one of several, and inequalities", async () => {
    expect(await verdict({ must_include: ["red"] }, "tired")).toBe("failure");
    expect(await verdict({ must_include: ["red |OR| blue"] }, "a blue one.")).toBe("success");
    expect(await verdict({ must_exclude: ["red"] }, "a red one")).toBe("failure");
    expect(await verdict({ one_of: ["Oak", "Elm"] }, "an elm")).toBe("success");
    expect(await verdict({ required_values: [">= 300 |OR| == 7"] }, "1,200")).toBe("success");
    expect(await verdict({ required_values: ["< 300"] }, "1,200")).toBe("failure");
    expect(await verdict({ required_values: ["< 300"] }, "few")).toBe("failure");
  });
});

describe("the page that the agent stopped on", () => {
  const verdict = async (reference_url: string, url: string, url_note?: string): Promise<string> => {
    const rules = { eval_types: ["url_match"], reference_url, ...(url_note === undefined ? {} : { url_note }) };
    return (await evaluate({ reference: reference(rules), page: new Pages(url, {}) })).verdict;
  };

  it("is right where it holds the host, path and query asked for", async () => {
    expect(await verdict("__GITLAB__/a/b?x=1", "http://git.test/a/b/c?y=2&x=1")).toBe("success");
    expect(await verdict("__GITLAB__/a/b?x=1", "http://git.test/a/b?x=2")).toBe("failure");
    expect(await verdict("__GITLAB__/a |OR| __REDDIT__/f/", "http://forum.test/f/books")).toBe("success");
    expect(await verdict("__GITLAB__/a?s=1 |OR| __GITLAB__/a?s=2", "http://git.test/a?s=2")).toBe("success");
    expect(await verdict("__GITLAB__/a", "http://git.test/b")).toBe("failure");
    expect(await verdict("__GITLAB__/a", "http://git.test/a/b", "EXACT")).toBe("failure");
  });

  it("lies below a path that ends in a slash, and parameters of a path are no part of it", async () => {
    expect(await verdict("__GITLAB__/issues/?state=opened", "http://git.test/issues/?state=opened&x=1")).toBe(
      "success",
    );
    expect(await verdict("__GITLAB__/issues/?state=opened", "http://git.test/issues?state=opened")).toBe("failure");
    expect(await verdict("__GITLAB__/issues/", "http://git.test/issues")).toBe("success");
    expect(await verdict("__GITLAB__/a;v=1", "http://git.test/a;v=2")).toBe("success");
    expect(await verdict("__GITLAB__/a;v=1/b", "http://git.test/a/b")).toBe("failure");
  });

  it("is never right by a reference that is empty", async () => {
    expect(await verdict("", "http://git.test/a")).toBe("failure");
    expect(await verdict("__GITLAB__/a |OR| ", "http://git.test/b")).toBe("failure");
  });
});

describe("what pages hold", () => {
  const check = async (checks: object[], page: Pages, extra: Partial<WebArenaEvaluation> = {}): Promise<Evaluation> =>
    await evaluate({ reference: reference({ eval_types: ["program_html"], program_html: checks }), page, ...extra });

  it("is taken by locators, as source, and after unfolding, and unescaped", async () => {
    const page = new Pages("http://shop.test/p", {
      "http://shop.test/p": { content: "<b>A &amp; B</b>", "document.title": "Tom &amp; Co", "[...document": "x|y" },
      "http://git.test/x": { "document.body": "Maintainer", "prepare()": 1 },
    });
    const checks = [
      { url: "last", locator: "", required_contents: { must_include: ["A & B"] } },
      { url: "last", locator: "document.title", required_contents: { exact_match: "tom & co" } },
      {
        url: "last",
        locator: "[...document.querySelectorAll('a')]",
        required_contents: { must_include: ["z |OR| y"] },
      },
      {
        url: "__GITLAB__/x",
        locator: "document.body.outerText",
        prep_actions: ["document.prepare()"],
        required_contents: { must_include: ["maintainer"] },
      },
    ];
    expect(await check(checks, page)).toMatchObject({ verdict: "success", score: 1 });
    expect(page.evaluated).toContain("document.prepare()");
  });

  it("is put to a judge once with all that WebArena-Lite wants there, one by one with VisualWebArena's", async () => {
    const page = new Pages("http://shop.test/p", { "http://shop.test/p": { "document.title": "broke after 3 days" } });
    const ask = async (fuzzy_match: string | string[], variant: string): Promise<string[]> => {
      const judge = judgeSaying("match");
      const check = { url: "last", locator: "document.title", required_contents: { fuzzy_match } };
      const rules = { eval_types: ["program_html"], program_html: [check] };
      expect((await evaluate({ reference: reference(rules, variant), page, judge })).verdict).toBe("success");
      return judge.asked.map(({ reference: wanted }) => wanted);
    };
    expect(await ask(["refund", "it broke"], "webarena")).toEqual(["refund, it broke"]);
    expect(await ask("refund |OR| it broke", "visualwebarena")).toEqual(["refund", "it broke"]);
  });

  it("is looked at first where the agent stopped, in whatever order a task has it", async () => {
    const page = new Pages("http://shop.test/p", {
      "http://shop.test/p": { "document.title": "here" },
      "http://git.test/x": { "document.title": "there" },
    });
    const at = (url: string, text: string): object => ({
      url,
      locator: "document.title",
      required_contents: { exact_match: text },
    });
    const evaluation = await check([at("__GITLAB__/x", "there"), at("last", "here")], page);
    expect(evaluation.verdict).toBe("success");
    expect(evaluation.components?.map(({ name }) => name.slice(0, 6))).toEqual(["page 2", "page 1"]);
  });

  it("is nothing on a page that does not load or lacks the element, so that even an empty text is not found there", async () => {
    const page = new Pages("http://shop.test/p", { "http://shop.test/p": {} });
    for (const url of ["__GITLAB__/gone", "last"]) {
      const empty = { url, locator: "document.nothing.value", required_contents: { exact_match: "" } };
      expect(await check([empty], page)).toMatchObject({ verdict: "failure", score: 0 });
    }
  });

  it("is asked of helpers by name: posts, roles of members, and the shop's interface", async () => {
    const page = new Pages("http://forum.test/f/books/59/title/-/comment/7", {
      "http://forum.test/f/books/59/": { "document.body": "Nice post" },
      "http://git.test/m": { "@abi": "Developer" },
      "http://shop.test/sales/order/view/order_id/189/": { "document.order": "B0983" },
    });
    const requests: [string, string | null][] = [];
    const shop: typeof fetch = async (input, init) => {
      const path = addressOf(input).replace("http://shop.test", "");
      requests.push([path.split("?")[0] ?? "", new Headers(init?.headers).get("authorization")]);
      if (path.includes("/token")) return Response.json("t0ken");
      if (path.includes("/orders")) return Response.json({ items: [{ increment_id: "000000189" }] });
      return Response.json([{ nickname: "Emma", ratings: [{ percent: 80, rating_name: "Rating" }] }]);
    };
    const checks = [
      {
        url: "func:reddit_get_post_url('__last_url__')",
        locator: "document.body.outerText",
        required_contents: { must_include: ["nice"] },
      },
      {
        url: "__GITLAB__/m",
        locator: "func:gitlab_get_project_memeber_role(__page__, 'abi')",
        required_contents: { exact_match: "Developer" },
      },
      {
        url: "func:shopping_get_latest_order_url()",
        locator: "document.order",
        required_contents: { must_include: ["B0983"] },
      },
      {
        url: "last",
        locator: "func:shopping_get_sku_latest_review_author('B1')",
        required_contents: { exact_match: "Emma" },
      },
      {
        url: "last",
        locator: 'func:shopping_get_sku_latest_review_rating("B1")',
        required_contents: { must_include: ["80"] },
      },
    ];
    expect(await check(checks, page, { fetch: shop })).toMatchObject({ verdict: "success" });
    expect(requests).toContainEqual(["/rest/V1/products/B1/reviews", "Bearer t0ken"]);
  });

  it("is undecided where the shop's interface or a helper is out, and failed where there is nothing yet", async () => {
    const page = new Pages("http://shop.test/p", { "http://shop.test/p": {} });
    const order = {
      url: "func:shopping_get_latest_order_url()",
      locator: "document.order",
      required_contents: { must_include: ["B0983"] },
    };
    const down: typeof fetch = async () => new Response("no", { status: 503 });
    const none: typeof fetch = async (input) =>
      Response.json(addressOf(input).includes("/token") ? "t0ken" : { items: [] });
    expect(await check([order], page, { fetch: down })).toMatchObject({ verdict: "unknown" });
    expect(await check([order], page, { fetch: none })).toMatchObject({ verdict: "failure" });
    const unknown = { ...order, url: "last", locator: "func:rm_rf('/')" };
    expect(await check([unknown], page)).toMatchObject({
      verdict: "unknown",
      detail: expect.stringContaining("rm_rf"),
    });
  });

  it("multiplies with the answer and the page", async () => {
    const all = reference({
      eval_types: ["string_match", "url_match"],
      reference_answers: { exact_match: "yes" },
      reference_url: "__GITLAB__/a",
    });
    const page = new Pages("http://git.test/b", {});
    const evaluation = await evaluate({ reference: all, answer: "yes", page });
    expect(evaluation).toMatchObject({
      verdict: "failure",
      score: 0,
      components: [
        { name: "answer exact_match", score: 1 },
        { name: "url_match", score: 0 },
      ],
    });
  });
});

describe("whatever a page and an answer hold", () => {
  it("is judged without throwing, and passes only where the phrase is there", async () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary-ascii" }),
      fc.constantFrom("needle", "&#x6e;eedle", "'", "NEEDLE."),
    );
    const place = fc.oneof(
      fc.string().map((rest) => `http://git.test/${rest}`),
      fc.string(),
      fc.constant("last"),
    );
    const locator = fc.oneof(
      fc.string(),
      fc.constantFrom("", "document.title", "func:f('", "func:get_query_text(__page__, 'a')"),
    );
    await fc.assert(
      fc.asyncProperty(text, text, place, locator, async (answer, content, url, where) => {
        const page: EvaluatedPage = {
          url: () => url,
          content: async () => content,
          goto: async () => undefined,
          evaluate: async () => content,
        };
        const rules = {
          eval_types: ["string_match", "url_match", "program_html"],
          reference_answers: { must_include: ["needle"] },
          reference_url: url,
          program_html: [{ url, locator: where, required_contents: { must_include: ["needle"] } }],
        };
        const { verdict, components } = await evaluate({ reference: reference(rules), answer, page });
        expect(components?.[0]?.score).toBe(answer.toLowerCase().includes("needle") ? 1 : 0);
        if (verdict === "success") expect(unescapeHtml(content).toLowerCase()).toContain("needle");
      }),
      { numRuns: 300 },
    );
  });
});

describe("helpers' calls", () => {
  it("are read and never run", () => {
    expect(parseCall("func:f(__page__, 'a\\'b', \"c\")")).toEqual({ name: "f", args: [null, "a'b", "c"] });
    expect(parseCall("func:f()")).toEqual({ name: "f", args: [] });
    for (const text of [
      "func:f(g())",
      "func:f('a' + 'b')",
      "func:f('a'",
      "f('a')",
      "func:__import__('os').system('x')",
    ]) {
      expect(parseCall(text)).toBeNull();
    }
  });
});

describe("character references", () => {
  it("are decoded by number and by name", () => {
    expect(unescapeHtml("&lt;a&gt; &amp;amp; &#65;&#x42; &nbsp;&rsquo;&eacute; &copyright; &notaname; &#128;")).toBe(
      "<a> &amp; AB \u00a0’é ©right; ¬aname; €",
    );
  });
});
