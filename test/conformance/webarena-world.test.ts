// Tasks of the WebArena family are judged in the browser that the episode left open, and by what it had sent to the sites.
// Requirements: 6.12.in-browser, 6.12.lost-exchanges
import type { BrowserSpec, Evaluation, TaskReference } from "@hindcast/shared";
import { WebArenaReference, WebArenaVerifiedReference } from "@hindcast/shared";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBrowserProvider } from "../../rollout-agent/src/environment/browser/browser-provider.ts";
import { webArenaEvaluator } from "../../rollout-agent/src/environment/browser/webarena-evaluator.ts";
import type { Environment } from "../../rollout-agent/src/environment/environment.ts";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { aBrowserSpec, browserLimits, chromium, noChromium } from "../support/browser.ts";
import { anObserved } from "../support/builders.ts";
import { aWebSite, type WebSite } from "../support/web-site.ts";
import { never } from "./sandbox-fixture.ts";

const pictures = 520;
let site: WebSite;
let count = 0;

beforeAll(async () => {
  if (noChromium === null) site = await aWebSite(pages());
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

/** A shop of one form, which remembers the last order. */
function pages(): Parameters<typeof aWebSite>[0] {
  let order = "none";
  return {
    "/": `<title>Shop</title><form method="post" action="/order"><input name="item" aria-label="Item"><button>Buy</button></form>`,
    "/order": (request, response) => {
      request.on("data", (bytes: Buffer) => (order = new URLSearchParams(bytes.toString()).get("item") ?? ""));
      request.on("end", () => response.writeHead(302, { location: "/f/news/7/thanks" }).end());
    },
    "/f/news/7/thanks": `<title>Thanks</title><p id="say">Fish &amp; chips are on their way</p>`,
    "/f/news/7/": `<title>Post</title><h1>The post</h1>`,
    "/latest": (_, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end(`<title>Latest</title><b id="item">${order}</b>`);
    },
    "/endless": () => undefined,
    "/noisy": `<title>Noisy</title><b id="item">fish</b><img src="/endless"><script>
      alert("Cookies?"); window.open("/f/news/7/"); setTimeout(() => alert("Still here?"), 2000)</script>`,
    "/pictures": Array.from({ length: pictures }, (_, index) => `<img src="/picture?${index}">`).join(""),
  };
}

function create(url: string, changed: Partial<BrowserSpec> = {}, limits = browserLimits): Environment {
  const provider = createBrowserProvider({
    chromiumPath: chromium,
    guestPath: defaultGuestPath,
    miniWobFolder: null,
    evaluators: [webArenaEvaluator({ shopping: [new URL(url).origin] })],
  });
  const spec = aBrowserSpec(url, { earlyStop: false, ...changed });
  return provider.create({ id: `ep-webarena-${process.pid}-${count++}`, spec, limits });
}

/** Performs calls in which `{button}` stands for the id of the first button that is shown. */
async function anEpisode(path: string, calls: readonly string[], origin = site.origin): Promise<Environment> {
  const environment = create(`${origin}${path}`);
  let { observation } = await environment.reset(never);
  for (const call of calls) {
    const text = observation.kind === "page" ? observation.text : "";
    const named = call.replace(
      /\{(\w+)\}/,
      (_, role: string) => new RegExp(`\\[(\\d+)\\] ${role}`).exec(text)?.[1] ?? "",
    );
    ({ observation } = await environment.step({ kind: "browser", call: named }, never));
  }
  return environment;
}

function judged(environment: Environment, reference: TaskReference, answer: string | null): Promise<Evaluation> {
  return environment.evaluate({ reference, answer, trajectory: { initial: anObserved(), steps: [] } }, never);
}

function onPages(rules: object): WebArenaReference {
  const common = { kind: "webarena", taskId: 1, intent: "Buy fish", sites: ["shopping"], variant: "webarena" };
  return WebArenaReference.parse({ ...common, eval: rules });
}

const check = (url: string, locator: string, text: string): object => ({
  url,
  locator,
  required_contents: { must_include: [text] },
});

function onRequests(item: string): WebArenaVerifiedReference {
  return WebArenaVerifiedReference.parse({
    kind: "webarena-verified",
    taskId: 2,
    templateId: 2,
    revision: 1,
    sites: ["shopping"],
    eval: [
      {
        evaluator: "AgentResponseEvaluator",
        results_schema: { type: "null" },
        expected: { task_type: "mutate", status: "SUCCESS", retrieved_data: null },
      },
      {
        evaluator: "NetworkEventEvaluator",
        expected: { url: "__SHOPPING__/order", http_method: "POST", response_status: 302, post_data: { item } },
      },
    ],
  });
}

const done = JSON.stringify({ task_type: "MUTATE", status: "SUCCESS", retrieved_data: null });

describe.skipIf(noChromium !== null)(`a web task${noChromium === null ? "" : ` (${noChromium})`}`, () => {
  it("is judged by its answer, its address, its pages and its requests while the browser is still open", async () => {
    await using bought = await anEpisode("/", ["type [{textbox}] [fish] [0]", "click [{button}]"]);
    const url = { reference_url: "__SHOPPING__/f/news/7/thanks" };
    const all = onPages({
      eval_types: ["string_match", "url_match", "program_html"],
      reference_answers: { exact_match: "done" },
      ...url,
      program_html: [
        check("last", "document.querySelector('#say').outerText", "Fish & chips"),
        check("__SHOPPING__/latest", "document.querySelector('#item').outerText", "fish"),
        check("func:reddit_get_post_url('__last_url__')", "", "The post"),
      ],
    });
    expect(await judged(bought, onRequests("fish"), done)).toMatchObject({ verdict: "success", score: 1 });
    expect(await judged(bought, onRequests("meat"), done)).toMatchObject({ verdict: "failure", score: 0 });
    expect(await judged(bought, all, "Done")).toMatchObject({ verdict: "success", score: 1 });
    // The evaluation has left the page by now.
    expect(await judged(bought, onPages({ eval_types: ["url_match"], ...url }), null)).toMatchObject({
      verdict: "failure",
    });
    expect(await judged(bought, all, "no")).toMatchObject({ verdict: "failure" });
    const meat = onPages({
      eval_types: ["program_html"],
      program_html: [check("__SHOPPING__/latest", "document.querySelector('#item').outerText", "meat")],
    });
    expect(await judged(bought, meat, null)).toMatchObject({ verdict: "failure" });
  });

  it("is not judged by a site that is gone, nor by a recording that lacks exchanges", async () => {
    const mortal = await aWebSite(pages());
    await using left = await anEpisode("/", [], mortal.origin);
    await mortal[Symbol.asyncDispose]();
    const rules = { eval_types: ["program_html"], program_html: [check("__SHOPPING__/latest", "", "fish")] };
    expect(await judged(left, onPages(rules), null)).toMatchObject({ verdict: "unknown" });

    // The page has loaded when all of its pictures have: more exchanges than one step can keep.
    await using full = await anEpisode("/pictures", []);
    expect(await judged(full, onRequests("fish"), done)).toMatchObject({
      verdict: "unknown",
      detail: expect.stringContaining("exchanges are missing"),
    });
    expect(await judged(full, onRequests("fish"), null)).toMatchObject({ verdict: "failure" });
  });

  it("is not judged by what a browser has exchanged that only took up where another stopped", async () => {
    await using one = create(`${site.origin}/`, { resume: "revisit" });
    await using two = create(`${site.origin}/`, { resume: "revisit" });
    const { snapshot } = await one.reset(never);
    await two.restore((await snapshot(never)) ?? new Uint8Array(), never);
    expect(await judged(two, onRequests("fish"), done)).toMatchObject({
      verdict: "unknown",
      detail: expect.stringContaining("exchanges are missing"),
    });
  });

  it("is judged by pages that ask questions, open windows and never come to rest", async () => {
    await using left = create(`${site.origin}/`, {}, { ...browserLimits, stepTimeMs: 6_000 });
    await left.reset(never);
    const noisy = check("__SHOPPING__/noisy", "document.querySelector('#item').outerText", "fish");
    const rules = onPages({ eval_types: ["program_html"], program_html: [noisy, noisy] });
    expect(await judged(left, rules, null)).toMatchObject({ verdict: "success" });
  });
});
