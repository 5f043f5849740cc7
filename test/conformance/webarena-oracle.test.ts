// Requirements: 6.12.oracle
// Our verdicts against those of the published evaluators: right answers and requests of every published task, and the same
// with one thing changed. Where we differ on purpose is said at its place and in ADR 0039.
import { join } from "node:path";
import {
  evaluateVerified,
  evaluateWebArena,
  readHar,
  readWebArenaTasks,
  verifiedReference,
  webArenaReference,
  type EvaluatedPage,
  type VerifiedTask,
  type WebArenaTask,
} from "@hindcast/shared/node";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { redditPostUrl } from "../../shared/src/node/benchmark/webarena/site-helpers.ts";
import { Normalized } from "../../shared/src/node/benchmark/webarena/verified/normalized.ts";
import { typeRegistry } from "../../shared/src/node/benchmark/webarena/verified/types/registry.ts";
import { wordTokens } from "../../shared/src/node/benchmark/webarena/word-tokens.ts";
import { benchmarkData } from "../support/benchmark-data.ts";
import { another, changedRequests, firstOf, harEntry, rightRequest, sites } from "../support/webarena-cases.ts";
import { ask, pythonWithVerified, pythonWithWebArena } from "../support/webarena-oracle.ts";

// Thousands of cases each, in an interpreter that a busy machine starts slowly.
vi.setConfig({ testTimeout: 240_000 });

const data = benchmarkData("webarena");
const [verified, webArena] = [await pythonWithVerified(), await pythonWithWebArena()];
const seed = 6_012;
const never = new AbortController().signal;

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

interface VerifiedAnswer {
  statuses: string[];
  messages: string[][][];
  broken?: string;
}

interface Case {
  what: string;
  task: VerifiedTask;
  check: number;
  response: Json;
  entries: object[];
}

function passes(statuses: readonly string[]): boolean {
  return statuses.every((status) => status === "success");
}

describe.skipIf(data === null || "reason" in verified)(
  `WebArena-Verified's own evaluator${"reason" in verified ? ` (${verified.reason})` : ""}`,
  () => {
    const python = "python" in verified ? verified.python : "";
    let raw: Map<number, object>;
    let tasks: VerifiedTask[];

    beforeAll(async () => {
      const file = join(data ?? "", "webarena-verified.json");
      const read = await readWebArenaTasks(file);
      tasks = read.benchmark === "webarena-verified" ? read.tasks : [];
      const published = JSON.parse(readFileSync(file, "utf8")) as { task_id: number }[];
      raw = new Map(published.map((task) => [task.task_id, task]));
    });

    /** What we and the oracle say of each case; the oracle is given the task as it is published. */
    async function compare(
      cases: readonly Case[],
      places = sites,
    ): Promise<{ what: string; ours: boolean; theirs: boolean }[]> {
      const told = new Set<number>();
      const asked = cases.map(({ task, check, response, entries }) => {
        const isNew = !told.has(task.task_id);
        told.add(task.task_id);
        return {
          id: task.task_id,
          ...(isNew ? { task: raw.get(task.task_id) } : {}),
          check,
          response,
          entries,
          sites: places,
        };
      });
      const answers = await ask<VerifiedAnswer>(python, "verified", asked);
      return cases.map(({ what, task, check, response, entries }, index) => {
        const { events } = readHar(Buffer.from(JSON.stringify({ log: { entries } })), "case");
        const result = evaluateVerified({ reference: verifiedReference(task), response, events, sites: places });
        const theirs = answers[index];
        if (theirs?.broken !== undefined) throw new Error(`${what}: ${theirs.broken}`);
        return {
          what: `task ${task.task_id} check ${check}: ${what}`,
          ours: result.evaluators_results[check]?.status === "success",
          theirs: passes(theirs?.statuses ?? []),
        };
      });
    }

    it("agrees on right final responses of all 812 tasks, and on the same with something changed", async () => {
      const cases = tasks.flatMap((task): Case[] => {
        const index = task.eval.findIndex(({ evaluator }) => evaluator === "AgentResponseEvaluator");
        const check = task.eval[index];
        if (check?.evaluator !== "AgentResponseEvaluator") throw new Error("no response is expected");
        const { task_type, status, retrieved_data = null } = check.expected;
        const right = {
          task_type: task_type.toUpperCase(),
          status,
          retrieved_data: retrieved_data === null ? null : firstOf(retrieved_data, check.results_schema),
        };
        const one = (what: string, response: Json): Case => ({ what, task, check: index, response, entries: [] });
        return [
          one("right", right),
          one("right as a fenced text", `\`\`\`json\n${JSON.stringify(right)}\n\`\`\``),
          one("another status", { ...right, status: "UNKNOWN_ERROR" }),
          ...(retrieved_data === null
            ? [one("data for nothing", { ...right, retrieved_data: ["x"] })]
            : [
                one("other data", { ...right, retrieved_data: another(right.retrieved_data) }),
                one("backwards", { ...right, retrieved_data: [...(right.retrieved_data as Json[])].reverse() }),
                one("as texts", { ...right, retrieved_data: textually(right.retrieved_data) }),
                one("one more", { ...right, retrieved_data: [...(right.retrieved_data as Json[]), "x"] }),
              ]),
        ];
      });
      const compared = await compare(cases);
      // Task 319 states no data, and then their evaluator finds the data missing in every response.
      const differing = compared.filter(({ ours, theirs }) => ours !== theirs).map(({ what }) => what);
      expect(differing).toEqual(["task 319 check 0: right", "task 319 check 0: right as a fenced text"]);
      expect(compared.filter(({ what, ours }) => what.endsWith(": right") && !ours)).toEqual([]);
      expect(compared.length).toBeGreaterThan(3_000);
    });

    it("agrees on right requests for all 663 network checks, and on the same with one thing changed", async () => {
      const cases = tasks.flatMap((task) =>
        task.eval.flatMap((check, index): Case[] => {
          if (check.evaluator !== "NetworkEventEvaluator") return [];
          const sent = rightRequest(check);
          const one = (what: string, entries: object[]): Case => ({
            what,
            task,
            check: index,
            response: null,
            entries,
          });
          // Of the many changes each check has, a few; over all checks, every kind many times.
          const changes = changedRequests(sent);
          const picked = changes.filter((_, at) => (at + task.task_id + index) % 6 === 0);
          return [
            one("right", [harEntry(sent)]),
            ...picked.map(([what, changed]) => one(what, [harEntry(changed)])),
            ...(task.task_id % 5 === 0
              ? [one("right, then another", [harEntry(sent), harEntry(changes.at(-1)?.[1] ?? sent)])]
              : []),
          ];
        }),
      );
      const compared = await compare(cases);
      expect(compared.filter(({ ours, theirs }) => ours !== theirs)).toEqual([]);
      const forbidden = tasks.flatMap(({ task_id: id, eval: checks }) =>
        checks.flatMap((check, index) =>
          "should_not_exist" in check && check.should_not_exist ? [`task ${id} check ${index}: right`] : [],
        ),
      );
      const failed = compared.filter(({ what, ours }) => what.endsWith(": right") && !ours).map(({ what }) => what);
      // These state a list of one where one value is meant, which neither evaluator can read.
      const unreadable = [699, 700, 811].map((id) => `task ${id} check 1: right`);
      expect(failed).toEqual([...forbidden, ...unreadable]);
      expect(compared.length).toBeGreaterThan(1_500);
    });

    it("lets pass what we do not: patterns and lists of guesses for answers", async () => {
      const cases = tasks.flatMap((task): Case[] => {
        const check = task.eval.findIndex(({ evaluator }) => evaluator === "AgentResponseEvaluator");
        const given = task.eval[check];
        if (given?.evaluator !== "AgentResponseEvaluator") return [];
        const { task_type, status, retrieved_data: data = null } = given.expected;
        const isText = JSON.stringify(given.results_schema) === '{"type":"array","items":{"type":"string"}}';
        if (!isText || data?.length !== 1 || typeof data[0] !== "string" || data[0].startsWith("^")) return [];
        const one = (what: string, answer: Json): Case => {
          return { what, task, check, response: { task_type, status, retrieved_data: [answer] }, entries: [] };
        };
        return [one("a pattern", "^.*$"), one("guesses", ["no", data[0], "maybe"])];
      });
      const compared = await compare(cases);
      expect(compared.length).toBeGreaterThan(40);
      expect(compared.filter(({ ours, theirs }) => ours || !theirs)).toEqual([]);
    });

    it("agrees on the recorded run of tasks 107 and 108", async () => {
      const har = gunzipSync(readFileSync(join(data ?? "", "fixture-107-108-network.har.gz")));
      const { entries } = (JSON.parse(har.toString()) as { log: { entries: object[] } }).log;
      const response = readFileSync(join(data ?? "", "fixture-107-agent_response.json"), "utf8");
      const recorded = { ...sites, shopping_admin: ["http://192.168.1.35:7780/admin"] };
      const cases = tasks
        .filter(({ task_id: id }) => id === 107 || id === 108)
        .flatMap((task) => task.eval.map((_, check): Case => ({ what: "recorded", task, check, response, entries })));
      const compared = await compare(cases, recorded);
      expect(compared.filter(({ ours, theirs }) => ours !== theirs)).toEqual([]);
      expect(compared.map(({ what, ours }) => [what, ours])).toEqual([
        ["task 107 check 0: recorded", false],
        ["task 108 check 0: recorded", false],
      ]);
    });

    it("agrees on what values of each type are the same", async () => {
      const cases = fc.sample(typedPairs, { seed, numRuns: 1_500 });
      const answers = await ask<{ equal?: boolean; wanted?: string; broken?: string }>(python, "verified", cases);
      const types = typeRegistry({ sites: [], urls: {} });
      const differing = cases.flatMap(({ type, wanted, given }, index) => {
        const theirs = answers[index];
        if (theirs === undefined || theirs.wanted === "none" || theirs.broken !== undefined) return [];
        // On purpose: an answer is no pattern.
        if (typeof given === "string" && given.startsWith("^")) return [];
        const ours = sameOf(types.get(type), wanted, given);
        return ours === theirs.equal ? [] : [{ type, wanted, given, ours, theirs: theirs.equal }];
      });
      expect(differing).toEqual([]);
    });
  },
);

function sameOf(type: Parameters<typeof Normalized.read>[0] | undefined, wanted: Json, given: Json): boolean {
  if (type === undefined) throw new Error("no such type");
  try {
    return Normalized.read(type, wanted, { side: "task" }).equals(Normalized.read(type, given, { side: "answer" }));
  } catch {
    return false;
  }
}

function textually(value: Json): Json {
  if (Array.isArray(value)) return value.map(textually);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, textually(member)]));
  }
  return typeof value === "number" ? String(value) : value;
}

const day = fc.date({ min: new Date("1990-01-01"), max: new Date("2035-12-31"), noInvalidDate: true });
const dateTexts = day.chain((date) => {
  const [year, month, number] = date.toISOString().slice(0, 10).split("-") as [string, string, string];
  const long = date.toLocaleString("en-US", { month: "long", timeZone: "UTC" });
  const weekday = date.toLocaleString("en-US", { weekday: "long", timeZone: "UTC" });
  const plain = String(Number(number));
  return fc.constantFrom(
    `${year}-${month}-${number}`,
    `${year}/${month}/${number}`,
    `${month}/${number}/${year}`,
    `${Number(month)}/${plain}/${year.slice(2)}`,
    `${month}-${number}-${year}`,
    `${long} ${plain}, ${year}`,
    `${long.slice(0, 3)} ${plain} ${year}`,
    `${plain} ${long} ${year}`,
    `${plain}th of ${long}, ${year}`,
    `${weekday}, ${long} ${plain}, ${year}`,
    `${plain}-${long.slice(0, 3)}-${year}`,
    `${year}${month}${number}`,
    `${year}-${month}-${number}T10:20:30`,
    `${year}-${month}-${number} 10:20`,
    `${long} ${plain},${year}`,
    `${year} ${long} ${plain}`,
    `${long.slice(0, 3)}. ${plain}, ${year} 3:04 PM`,
    `soon`,
  );
});
const number = fc.oneof(
  fc.integer({ min: -2_000, max: 200_000 }),
  fc.double({ min: 0, max: 5_000, noNaN: true }).map((value) => Number(value.toFixed(2))),
);
const grouped = fc.integer({ min: 0, max: 9_999_999 }).map((value) => value.toLocaleString("en-US"));
const words = fc
  .array(
    fc.constantFrom(
      ..."alpha Beta-gamma café naïve the 3 No. 5th “quoted” it’s end. x–y Ünïcode straße ™mark a_b #1 50% (x) & co, ; !".split(
        " ",
      ),
    ),
    { minLength: 0, maxLength: 6 },
  )
  .map((parts) => parts.join(" "));
const numberWords = fc.constantFrom(
  "seven",
  "twenty-three",
  "one hundred five",
  "two thousand",
  "three million four hundred thousand",
  "forty two apples",
  "point five",
  "one point five",
  "apples",
  "nineteen hundred",
  "hundred",
);
const durations = fc
  .tuple(fc.integer({ min: 0, max: 90 }), fc.integer({ min: 0, max: 59 }))
  .chain(([a, b]) =>
    fc.constantFrom(
      `${a}h ${b}min`,
      `${a} hours, ${b} minutes`,
      `${a}:${String(b).padStart(2, "0")}`,
      `${a} min`,
      `${a}.5 hours`,
      `${a} hrs`,
      `${b} s`,
      `${a}d ${b}h`,
      `${a}:${b}:07`,
      `${a} h ${b} m`,
      `${a}`,
      `${a} minutes ${b} seconds`,
      `1:${String(b).padStart(2, "0")} hours`,
      `${a} days`,
      `2w ${a}d`,
      `about ${a} minutes`,
      `${a}m`,
    ),
  );
const distances = fc
  .tuple(fc.integer({ min: 0, max: 900 }), fc.integer({ min: 0, max: 9 }))
  .chain(([a, b]) =>
    fc.constantFrom(
      `${a} m`,
      `${a}.${b} km`,
      `${a}km`,
      `${a}.${b} miles`,
      `${a} mi`,
      `${a} ft`,
      `${a + 1},${b}00 m`,
      `${a}`,
      `${a}k`,
      `${a} yards`,
      `${a} meters`,
      `${a} parsnips`,
      `${b} inches`,
      `-${a} m`,
    ),
  );
const money = number.chain((value) =>
  fc.constantFrom<Json[]>(
    value,
    `$${value}`,
    `${value} USD`,
    `€${value}`,
    `-$${value}`,
    `${value}.`,
    `about ${value} dollars`,
    value.toLocaleString("en-US"),
    `$${value.toLocaleString("en-US")}`,
    "free",
    "none",
  ),
);

function pair(type: string, value: fc.Arbitrary<Json>): fc.Arbitrary<{ type: string; wanted: Json; given: Json }> {
  return fc.oneof(
    fc.record({ type: fc.constant(type), wanted: value, given: value }),
    value.map((wanted) => ({ type, wanted, given: wanted })),
  );
}

/** Two forms of one value, and two values. */
const typedPairs = fc.oneof(
  pair(
    "string",
    fc.oneof(
      words,
      words.map((text) => `"${text}."`),
      fc.constantFrom("^alpha.*$", "^(no|yes)$", "alpha beta", "No"),
      fc.boolean(),
      fc.integer(),
    ),
  ),
  pair("number", fc.oneof<fc.Arbitrary<Json>[]>(number, grouped, numberWords, number.map(String), words)),
  pair("currency", money),
  pair("date", dateTexts),
  dateTexts.chain((wanted) => dateTexts.map((given) => ({ type: "date", wanted, given }))),
  pair(
    "month",
    fc.oneof<fc.Arbitrary<Json>[]>(
      fc.integer({ min: -1, max: 14 }),
      fc.constantFrom("May", "sept", "September", "01", "12", "13", "Mayor", "Feb 2023", "2023-05", "may 5"),
      dateTexts,
    ),
  ),
  pair("duration", durations),
  pair("distance", distances),
  pair("boolean", fc.constantFrom<Json[]>("yes", "No", "TRUE", "t", 1, 0, 2, true, false, "maybe", "on", "")),
  pair(
    "location-name",
    fc.constantFrom(
      "Carnegie Mellon University",
      "Carnegie Mellon Univ",
      "University, Carnegie-Mellon",
      "Univ. of Pittsburgh",
      "University of Pittsburgh",
      "Apple Store Shadyside",
      "Shadyside Apple Store",
      "Starbucks on Craig Street",
      "Starbucks Craig St",
      "",
    ),
  ),
  pair(
    "coordinates",
    fc.constantFrom<Json[]>(
      "40.4424, -79.9397",
      "40.4424 -79.9397",
      [40.4424, -79.9397],
      ["40.4424", "-79.9397"],
      { lat: 40.4424, lon: -79.9397 },
      { latitude: "40.4424", longitude: "-79.9397" },
      { lng: -79.9397, lat: 40.44241 },
      { x: 1 },
      "40.4424N, 79.9397W",
      "91, 0",
      "40.4425, -79.9397",
    ),
  ),
  pair(
    "json",
    fc.oneof(fc.json({ maxDepth: 2 }), fc.constantFrom('{"a":1,"b":[1,2]}', '{"b": [1, 2], "a": 1}', "{", "[]")),
  ),
  pair(
    "markdown",
    fc
      .array(
        fc.constantFrom(
          "# T",
          "##   T",
          "* a",
          "- a",
          "+ b",
          "   - c",
          "[x\n y](http://a)",
          "( z )",
          "",
          "",
          "text  ",
          "[ q ]",
          "a\tb",
        ),
        { maxLength: 6 },
      )
      .map((lines) => lines.join("\n")),
  ),
  pair("base64", fc.constantFrom("SGVsbG8=", "SGVsbG8", "SGVsbG8NCg==", "^Hel.*$", "TUlU", "####", "")),
  pair(
    "string_list",
    fc.array(fc.constantFrom("1", "64", "b", " A"), { maxLength: 4 }).map((items) => items.join(",")),
  ),
  pair("null", fc.constantFrom<Json[]>("n/a", "N / A", "", null, "none", 0, "x", [])),
);

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
      const texts = fc.sample(sentence, { seed, numRuns: 400 }).map((tokens) => ({ tokens }));
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
    "http://elsewhere.test/",
  ];
}
