// Requirements: 6.12.oracle
// Our verdicts against those of WebArena's own evaluator: right answers and pages of every published task, and the same with
// one thing changed. Where we differ on purpose is said at its place and in ADR 0039.
import { join } from "node:path";
import {
  evaluateWebArena,
  readWebArenaTasks,
  webArenaReference,
  type EvaluatedPage,
  type WebArenaTask,
} from "@hindcast/shared/node";
import fc from "fast-check";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { redditPostUrl } from "../../shared/src/node/benchmark/webarena/site-helpers.ts";
import { urlMatches } from "../../shared/src/node/benchmark/webarena/url-match.ts";
import { wordTokens } from "../../shared/src/node/benchmark/webarena/word-tokens.ts";
import { benchmarkData } from "../support/benchmark-data.ts";
import { ask, pythonWithWebArena } from "../support/webarena-oracle.ts";

// Thousands of cases each, in an interpreter that a busy machine starts slowly.
vi.setConfig({ testTimeout: 240_000 });

const data = benchmarkData("webarena");
const webArena = await pythonWithWebArena();
const never = new AbortController().signal;

describe.skipIf(data === null || "reason" in webArena)(
  `WebArena's own evaluator${"reason" in webArena ? ` (${webArena.reason})` : ""}`,
  () => {
    const python = "python" in webArena ? webArena.python : "";
    let tasks: WebArenaTask[];

    beforeAll(async () => {
      const files = ["test.raw.json", "webarena-lite.raw.json"];
      const read = await Promise.all(files.map((file) => readWebArenaTasks(join(data ?? "", file))));
      tasks = read.flatMap((one) => (one.benchmark === "webarena" ? one.tasks : []));
    });

    it("agrees on answers and pages of all tasks that need neither a page's content nor a model", async () => {
      const cases = tasks.flatMap((task) => {
        const { reference_answers: answers, reference_url: url } = task.eval;
        const named =
          url === null || url === undefined
            ? ""
            : url.replaceAll(
                /__([A-Z_]+?)__/g,
                (_, site: string) => `http://${site.toLowerCase().replaceAll("_", "-")}.test`,
              );
        const wholeUrl = { ...task.eval, reference_url: named };
        const strings = answers?.exact_match !== undefined || Array.isArray(answers?.must_include);
        // The right one of each, and of the others every third: over all tasks, each kind many times.
        const some = <T>(all: readonly T[]): T[] => all.filter((_, at) => at === 0 || (at + task.task_id) % 3 === 0);
        return [
          ...(strings && answers?.fuzzy_match === undefined
            ? some(answersTo(answers)).map((answer) => ({
                eval: { ...task.eval, eval_types: ["string_match"] },
                answer,
                url: "",
              }))
            : []),
          ...(task.eval.eval_types.includes("url_match") && task.eval.url_note === "GOLD in PRED"
            ? some(pagesOf(named)).map((page) => ({
                eval: { ...wholeUrl, eval_types: ["url_match"] },
                answer: "",
                url: page,
              }))
            : []),
        ];
      });
      const answers = await ask<{ score?: number; error?: string; broken?: string }>(python, "webarena", cases);
      const reference = webArenaReference(tasks[0]!);
      const differing = await Promise.all(
        cases.map(async ({ eval: rules, answer, url }, index) => {
          const page = { url: () => url } as EvaluatedPage;
          const ours = await evaluateWebArena(
            { reference: { ...reference, eval: rules as typeof reference.eval }, answer, page, sites: {} },
            never,
          );
          const theirs = answers[index];
          return ours.score === theirs?.score ? null : { rules, answer, url, ours: ours.score, theirs };
        }),
      );
      expect(differing.filter((one) => one !== null)).toEqual([]);
      expect(cases.length).toBeGreaterThan(1_400);
    });

    it("agrees on pairs of URLs of every form", async () => {
      const site = "http://git.test";
      const forms = [
        ..."|/|/a|/A|/a/|/a//|//a|/a/.|/a/b|/ab|/b|/a b|/a%20b|/é|/a#f|/#/a|/a;p|/a;p?x=1|/a;p/b|?x=1|/?x=1|/a?".split(
          "|",
        ),
        ..."x=1|x=2|x=1&y=2|y=2&x=1|x=1&x=2|x=|x|x=a%20b|x=a+b|x=a%2Bb|x[]=1|x%5B%5D=1|x=1;y=2|x=%E9|x=é|x=%C3%A9|x=1#f|x=1/"
          .split("|")
          .flatMap((query) => [`/a?${query}`, `/a/?${query}`]),
      ].map((form) => `${site}${form}`);
      const bare = ["git.test/a", "/a", "a", "https://git.test/a", "http://git.test:80/a", "HTTP://GIT.test/A"];
      const either = [`${site}/a |OR| ${site}/b`, `${site}/a?x=1 |OR| ${site}/b?y=2`, `${site}/a|OR|${site}/b`];
      const pages = [...forms, ...bare, "http://other.test/git.test/a", "about:blank", ""];
      const cases = [...forms, ...bare, ...either].flatMap((reference) =>
        pages.map((url) => ({ eval: { eval_types: ["url_match"], reference_url: reference }, answer: "", url })),
      );
      const answers = await ask<{ score?: number }>(python, "webarena", cases);
      const differing = cases.filter(({ eval: { reference_url: reference }, url }, index) => {
        const rule = { reference, note: "GOLD in PRED", variant: "webarena" } as const;
        return Number(urlMatches(url, rule)) !== answers[index]?.score;
      });
      expect(differing).toEqual([]);
      expect(answers.filter(({ score }) => score === 1).length).toBeGreaterThan(500);
    });

    it("agrees on what pages hold, for every check of every task that needs no shop", async () => {
      const url = "http://reddit.test/f/books/59/title/-/comment/7";
      const cases = tasks.flatMap(({ task_id: id, eval: rules }) =>
        (rules.program_html ?? []).flatMap((check, at) => {
          const isShops = [check.url, check.locator].some((text) => text.startsWith("func:shopping_"));
          if (isShops || check.required_contents.fuzzy_match !== undefined) return [];
          const named = { ...check, url: check.url.startsWith("__") ? "http://gitlab.test/x" : check.url };
          const texts = answersTo(check.required_contents).filter(
            (_, text) => text === 0 || (text + id + at) % 4 === 0,
          );
          return texts.map((text) => ({
            eval: { eval_types: ["program_html"], program_html: [named] },
            answer: "",
            url,
            text,
          }));
        }),
      );
      const answers = await ask<{ score?: number; error?: string }>(python, "webarena", cases);
      const reference = webArenaReference(tasks[0]!);
      const differing = await Promise.all(
        cases.map(async ({ eval: rules, text }, index) => {
          const page = {
            url: () => url,
            content: async () => text,
            goto: async () => undefined,
            evaluate: async () => text,
          } satisfies EvaluatedPage;
          const ours = await evaluateWebArena(
            { reference: { ...reference, eval: rules as typeof reference.eval }, answer: null, page, sites: {} },
            never,
          );
          return ours.score === answers[index]?.score ? null : { rules, text, ours, theirs: answers[index] };
        }),
      );
      expect(differing.filter((one) => one !== null)).toEqual([]);
      expect(answers.filter(({ score }) => score === 1).length).toBeGreaterThan(600);
      expect(cases.length).toBeGreaterThan(1_500);
    });

    it("agrees on the words of a sentence and on the pages of posts", async () => {
      const sentence = fc
        .array(
          fc.constantFrom(
            ..."it's don't 10 1 a b, (c) “d” 'e' \"f\" g; h: 5:30 $1 50% -- ... cannot gonna i.e x/y #9 *z* n't 1. word's ’s [k] <l> & @m ''".split(
              " ",
            ),
          ),
          { minLength: 1, maxLength: 8 },
        )
        .map((parts) => parts.join(" "))
        .filter((text) => !/[.?!]['"\])}»”]*\s/.test(text));
      const texts = fc.sample(sentence, { seed: 6_012, numRuns: 400 }).map((tokens) => ({ tokens }));
      const posts = [
        "http://f.test/f/books/1/title/-/comment/2",
        "http://f.test/f/books",
        "http://f.test/u/x/1/2",
        "http://f.test/f/a/b?x=1",
      ].map((post) => ({ post }));
      const answers = await ask<{ tokens?: string[]; post?: string }>(python, "webarena", [...texts, ...posts]);
      const ours = [
        ...texts.map(({ tokens }) => ({ tokens: wordTokens(tokens) })),
        ...posts.map(({ post }) => ({ post: redditPostUrl(post) })),
      ];
      expect(ours).toEqual(answers);
    });
  },
);

function answersTo(answers: {
  exact_match?: string | undefined;
  must_include?: string | string[] | undefined;
}): string[] {
  const phrases = answers.exact_match === undefined ? [answers.must_include ?? []].flat() : [answers.exact_match];
  const whole = phrases.join(" and ");
  return [
    whole,
    `"${whole}"`,
    ` ${whole.toUpperCase()}`,
    `It is ${whole}`,
    whole.slice(1),
    `${whole}0`,
    phrases.slice(1).join(" "),
    `x${whole}y`,
    "",
    "N/A",
  ];
}

function pagesOf(reference: string): string[] {
  const [first = ""] = reference.split(" |OR| ");
  const last = reference.split(" |OR| ").at(-1) ?? "";
  return [
    first,
    `${last}/`,
    `${first}${first.includes("?") ? "&" : "?"}added=1`,
    first.split("?")[0] ?? "",
    first.replace(/=([^&]*)/, "=other"),
    first.replace(/\/[^/]*$/, ""),
    `${first.split("?")[0]}/more`,
    first.replace("/?", "?"),
    "http://elsewhere.test/",
  ];
}
