// Tasks in WebArena's formats run as episodes against a local site: in their order, with resets, judged by what happened.
// Requirements: 6.12.run, 6.12.judge, 6.14.clock
import { type CampaignId, type EpisodeId, type TaskId, totalTokens, type Usage } from "@hindcast/shared";
import type { AnyWebArenaTask } from "@hindcast/shared/node";
import { deriveId, VerifiedTask, WebArenaTask } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { planWebTasks, type WebSites } from "../../coordinator/src/bench/web-plan.ts";
import { runWebTasks } from "../../coordinator/src/bench/web-run.ts";
import { TaskRunner } from "../../coordinator/src/task-runner.ts";
import { startAgent } from "../support/agents.ts";
import { browserLimits, noChromium } from "../support/browser.ts";
import { type Emulator } from "../support/emulators/emulator.ts";
import { startOpenAiEmulator } from "../support/emulators/openai.ts";
import { aNatsServer, testPool } from "../support/nats-server.ts";
import { aWebSite, type WebSite } from "../support/web-site.ts";

/** Remembers what was bought until it is reset. */
async function aShop(): Promise<WebSite & { reset: () => Promise<void> }> {
  let bought: string[] = [];
  const site = await aWebSite({
    "/": `<title>Shop</title><script>document.title += " at " + new Date().toISOString()</script><form method="post" action="/order"><input name="item" aria-label="Item"><button>Buy</button></form>`,
    "/order": (request, response) => {
      request.on("data", (bytes: Buffer) => bought.push(new URLSearchParams(bytes.toString()).get("item") ?? ""));
      request.on("end", () => response.writeHead(302, { location: "/orders" }).end());
    },
    "/orders": (_, response) => {
      response
        .writeHead(200, { "content-type": "text/html" })
        .end(`<title>Orders</title><b id="all">${bought.join(" ")}</b>`);
    },
  });
  return { ...site, reset: async () => void (bought = []) };
}

/** Buys what the instruction names and claims success. */
async function aBuyer(): Promise<Emulator> {
  const emulator = await startOpenAiEmulator();
  emulator.replyAlways(({ body }) => {
    const prompt = JSON.stringify(body["messages"]);
    if (prompt.includes("Help a teacher")) return { kind: "answer", text: "The student bought it: correct" };
    const item = /Buy (\w+)/.exec(prompt)?.[1];
    const present = prompt.slice(prompt.lastIndexOf("OBSERVATIONS"));
    const idOf = (role: string): string => new RegExp(`\\[(\\d+)\\] ${role}`).exec(present)?.[1] ?? "";
    const calls = [`type [${idOf("textbox")}] [${item}] [0]`, `click [${idOf("button")}]`];
    const claim = '{"task_type": "MUTATE", "status": "SUCCESS", "retrieved_data": null, "error_details": null}';
    const done = prompt.match(/<action>/g)?.length ?? 0;
    return { kind: "answer", text: `REASON: next\nACTION: ${calls[done] ?? `stop [${claim}]`}` };
  });
  return emulator;
}

function verified(id: number, intent: string, item: string): VerifiedTask {
  return VerifiedTask.parse({
    sites: ["shopping"],
    task_id: id,
    intent_template_id: 1,
    start_urls: ["__SHOPPING__/"],
    intent,
    intent_template: "Buy {{item}}",
    instantiation_dict: { item },
    revision: 1,
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

/** Whose answer is in free words. */
function inWords(id: number, item: string): WebArenaTask {
  const fuzzy = { eval_types: ["string_match"], reference_answers: { fuzzy_match: [`${item} was bought`] } };
  return WebArenaTask.parse({ ...onThePage(id, item, ""), eval: fuzzy });
}

/** Holds only while nothing but `all` was bought since the last reset. */
function onThePage(id: number, item: string, all: string): WebArenaTask {
  return WebArenaTask.parse({
    sites: ["shopping"],
    task_id: id,
    require_login: false,
    storage_state: null,
    start_url: "__SHOPPING__/",
    geolocation: null,
    intent_template: "Buy {{item}}",
    intent_template_id: 1,
    instantiation_dict: { item },
    intent: `Buy ${item}`,
    require_reset: false,
    eval: {
      eval_types: ["program_html"],
      program_html: [
        {
          url: "__SHOPPING__/orders",
          locator: "document.querySelector('#all').outerText",
          required_contents: { exact_match: all },
        },
      ],
    },
  });
}

const entry = (taskId: number, dependsOn: number[], requiresReset: boolean) => ({
  taskId,
  sites: ["shopping" as const],
  split: "test" as const,
  dependsOn,
  requiresReset,
});

describe.skipIf(noChromium !== null)(`web tasks${noChromium === null ? "" : ` (${noChromium})`}`, () => {
  it("run one after the other on sites that are put back, and what cannot run says why", async () => {
    await using nats = await aNatsServer();
    const bus = await nats.coordinator();
    await using shop = await aShop();
    await using buyer = await aBuyer();
    const urls = { shopping: [shop.origin] };
    await using _agent = await startAgent(nats, buyer, { leaseTtlMs: 6_000, sites: urls });
    const stop = new AbortController();
    let resets = 0;
    const sites: WebSites = {
      urls,
      logins: {},
      clocks: { shopping: "2026-03-16T09:00:00Z" },
      resets: {
        shopping: async () => {
          resets += 1;
          await shop.reset();
        },
      },
    };
    const run = async (
      campaign: string,
      read: AnyWebArenaTask,
      metadata: ReturnType<typeof entry>[] | null,
      judge?: string,
    ) => {
      const tasks = new TaskRunner(bus, stop.signal);
      const following = tasks.follow(campaign as CampaignId).catch(() => undefined);
      const results = await runWebTasks(
        {
          tasks,
          campaign: campaign as CampaignId,
          plan: planWebTasks({ read, sites, metadata, judge: judge !== undefined }),
          sites,
          model: "openai:codestral-22b",
          judge,
          pool: testPool,
          limits: browserLimits,
        },
        stop.signal,
      );
      return { results: results.map(({ taskId, status }) => `${taskId} ${status}`), details: results, following };
    };
    const first = await run(
      "c-verified",
      {
        benchmark: "webarena-verified",
        tasks: [
          verified(1, "Buy fish", "fish"),
          verified(2, "Buy fish", "meat"),
          { ...verified(3, "Buy fish", "fish"), sites: ["map"] },
        ],
      },
      null,
    );
    expect(first.results).toEqual(["1 success", "2 failure", "3 unavailable"]);
    expect(first.details[2]).toMatchObject({ detail: "no URL is configured for map (__MAP__)", episodeId: null });
    expect(resets).toBe(1);
    // Its pages take for the present what the site's own time is.
    const records = await bus.trajectories.read("c-verified" as CampaignId, first.details[0]?.episodeId as EpisodeId);
    expect(records.find(({ record }) => record.kind === "episode.started")?.record).toMatchObject({
      initial: { observation: { title: "Shop at 2026-03-16T09:00:00.000Z" } },
    });
    // Task 5 follows 6 and sees what it did; 7 begins anew.
    const second = await run(
      "c-pages",
      {
        benchmark: "webarena",
        tasks: [onThePage(5, "tea", "milk tea"), onThePage(6, "milk", "milk"), onThePage(7, "salt", "salt")],
      },
      [entry(5, [6], false), entry(6, [], false), entry(7, [5], true)],
    );
    expect(second.results).toEqual(["6 success", "5 success", "7 success"]);
    expect(resets).toBe(3);
    // Without a judge nobody could say whether it was done.
    const free: AnyWebArenaTask = { benchmark: "webarena", tasks: [inWords(8, "rice")] };
    expect((await run("c-unjudged", free, null)).results).toEqual(["8 unavailable"]);
    const calls = buyer.requests.length;
    const third = await run("c-judged", free, null, "openai:codestral-22b");
    expect(third.results, third.details[0]?.detail).toEqual(["8 success"]);
    const asked = buyer.requests.slice(calls).filter(({ body }) => JSON.stringify(body).includes("Help a teacher"));
    expect(asked).toHaveLength(1);
    expect(JSON.stringify(asked[0]?.body)).toContain("rice was bought");
    // What the judge took counts as the episode's.
    const ended = await bus.results.get("c-judged" as CampaignId, deriveId("task", "c-judged", 8) as TaskId);
    if (ended?.kind !== "episode.ended") throw new Error("the episode has no end");
    const steps = await bus.trajectories.read("c-judged" as CampaignId, ended.episodeId);
    const taken = steps.flatMap(({ record }) => (record.kind === "step.recorded" ? record.step.turn.calls : []));
    const tokens = (usages: readonly Usage[]): number => usages.reduce((sum, each) => sum + totalTokens(each), 0);
    const closing = ended.closing?.calls ?? [];
    expect(totalTokens(ended.usage)).toBeGreaterThan(tokens([...taken, ...closing].map(({ usage }) => usage)));
    stop.abort();
    await Promise.all([first.following, second.following, third.following]);
  });
});
