// Requirements: 6.12.loaders
import { describe, expect, it } from "vitest";
import { parseBrowserGymMetadata } from "./browsergym-metadata.ts";
import { feasibilityOf, requirementsOf } from "./requirements.ts";
import { derender, render, SiteUrls, startPages } from "./sites.ts";
import { parseTasks } from "./task-file.ts";
import { orderTasks } from "./task-order.ts";
import { VerifiedTask } from "./verified-task.ts";
import { WebArenaTask } from "./webarena-task.ts";

const task = {
  sites: ["shopping"],
  task_id: 7,
  require_login: true,
  storage_state: "./.auth/shopping_state.json",
  start_url: "__SHOPPING__/a.html |AND| __SHOPPING__/b.html",
  geolocation: null,
  intent_template: "Buy {{n}}",
  instantiation_dict: { n: 1 },
  intent: "Buy 1",
  require_reset: false,
  eval: {
    eval_types: ["string_match"],
    reference_answers: { fuzzy_match: ["one"] },
    reference_url: "",
    program_html: [],
    string_note: "",
  },
  intent_template_id: 3,
};
const verified = {
  sites: ["gitlab", "reddit"],
  task_id: 1,
  intent_template_id: 2,
  start_urls: ["__GITLAB__"],
  intent: "Do",
  intent_template: "Do",
  instantiation_dict: {},
  revision: 1,
  eval: [
    {
      evaluator: "AgentResponseEvaluator",
      results_schema: { type: "null" },
      expected: { task_type: "mutate", status: "SUCCESS", retrieved_data: null },
    },
  ],
};
const urls = SiteUrls.parse({ shopping: "http://shop.test:7770/", shopping_admin: ["http://shop.test:7770/admin"] });

describe("a task file", () => {
  it("that does not fit is refused with the file, the task and the field", () => {
    const broken = JSON.stringify([task, { ...task, task_id: 8, start_url: 5, surprise: true }]);
    expect(() => parseTasks(broken, WebArenaTask, "tasks.json")).toThrow(
      /^tasks\.json, task at index 1 \(task_id 8\): start_url: .+surprise/s,
    );
    expect(() => parseTasks("{}", WebArenaTask, "tasks.json")).toThrow("tasks.json holds no JSON array");
    expect(() => parseTasks("[", WebArenaTask, "tasks.json")).toThrow("tasks.json is not JSON");
    const unjudged = { ...verified, eval: [] };
    expect(() => parseTasks(JSON.stringify([unjudged]), VerifiedTask, "v.json")).toThrow(/index 0 \(task_id 1\): eval/);
  });

  it("has its defaults filled in as the benchmark's authors do", () => {
    const [read] = parseTasks(JSON.stringify([verified]), VerifiedTask, "v.json");
    expect(read?.eval[0]).toMatchObject({ ordered: false });
  });
});

describe("sites", () => {
  it("are put in for their placeholders and taken out again, the longest first", () => {
    expect(startPages(task.start_url, urls)).toEqual(["http://shop.test:7770/a.html", "http://shop.test:7770/b.html"]);
    expect(render("__SHOPPING_ADMIN__/x __REDDIT__", urls)).toBe("http://shop.test:7770/admin/x __REDDIT__");
    expect(derender("http://shop.test:7770/admin/x", ["shopping", "shopping_admin"], urls)).toBe(
      "__SHOPPING_ADMIN__/x",
    );
    expect(derender("http://elsewhere.test/", ["shopping"], urls)).toBeNull();
  });

  it("are refused where they are no URLs", () => {
    expect(SiteUrls.safeParse({ shopping: "shop.test" }).success).toBe(false);
    expect(SiteUrls.safeParse({ shop: "http://shop.test" }).success).toBe(false);
  });
});

describe("a task", () => {
  const shopTask = WebArenaTask.parse(task);

  it("whose site nobody hosts is unavailable and not failed", () => {
    expect(feasibilityOf(shopTask, { sites: {}, judge: true, vision: false })).toEqual({
      kind: "unavailable",
      reason: "no URL is configured for shopping (__SHOPPING__)",
    });
    expect(feasibilityOf(VerifiedTask.parse(verified), { sites: urls, judge: true, vision: true })).toMatchObject({
      reason: expect.stringContaining("gitlab (__GITLAB__), reddit"),
    });
  });

  it("says what it needs besides its sites", () => {
    expect(requirementsOf(shopTask)).toEqual({
      sites: ["shopping"],
      judge: true,
      vision: false,
      login: true,
      shopApi: false,
    });
    expect(feasibilityOf(shopTask, { sites: urls, judge: false, vision: false })).toMatchObject({
      reason: expect.stringContaining("judged by a model"),
    });
    expect(feasibilityOf(shopTask, { sites: urls, judge: true, vision: false })).toEqual({ kind: "ok" });
    const order = { url: "func:shopping_get_latest_order_url()", locator: "", required_contents: {} };
    const buying = WebArenaTask.parse({ ...task, eval: { eval_types: ["program_html"], program_html: [order] } });
    expect(requirementsOf(buying)).toMatchObject({ shopApi: true, judge: false });
  });
});

describe("the order of tasks", () => {
  const header = "task_name,requires_reset,sites,eval_types,task_id,browsergym_split,depends_on";
  const csv = [
    header,
    "webarena.0,False,shopping,string_match,0,train,",
    "webarena.1,False,gitlab,string_match,1,test,webarena.4",
    "webarena.2,True,shopping,program_html,2,train,webarena.0",
    "webarena.3,False,shopping gitlab,program_html,3,test,webarena.2 webarena.1",
    "webarena.4,False,gitlab,url_match,4,test,",
  ].join("\r\n");
  const metadata = parseBrowserGymMetadata(csv, "m.csv");

  it("follows every chain and resets a site before its first use and where a task asks for it", () => {
    expect(orderTasks([0, 1, 2, 3, 4], metadata)).toEqual([
      { taskId: 0, after: [], resetBefore: ["shopping"] },
      { taskId: 4, after: [], resetBefore: ["gitlab"] },
      { taskId: 1, after: [4], resetBefore: [] },
      { taskId: 2, after: [0], resetBefore: ["shopping"] },
      { taskId: 3, after: [1, 2], resetBefore: [] },
    ]);
  });

  it("is the same for a subset, across tasks that were not chosen", () => {
    expect(orderTasks([3, 0, 4], metadata).map(({ taskId, after }) => [taskId, after])).toEqual([
      [0, []],
      [4, []],
      [3, [0, 4]],
    ]);
  });

  it("refuses circles and tasks that it does not know", () => {
    const circle = [0, 1].map((taskId) => ({ ...metadata[0]!, taskId, dependsOn: [1 - taskId] }));
    expect(() => orderTasks([0, 1], circle)).toThrow("in a circle: 0, 1");
    expect(() => orderTasks([9], metadata)).toThrow("task 9 is not in the metadata");
  });

  it("comes from a table whose errors name the line and the column", () => {
    expect(() => parseBrowserGymMetadata(`${header}\nwebarena.0,Maybe,shopping,x,0,train,`, "m.csv")).toThrow(
      /^m\.csv, line 2: requires_reset/,
    );
    expect(() => parseBrowserGymMetadata(`${header}\na,b`, "m.csv")).toThrow("m.csv, line 2: 2 cells under 7 headers");
  });
});

it("addresses of sites are kept as browsers show them", () => {
  expect(SiteUrls.parse({ shopping: "http://Shop.test:80/" })).toEqual({ shopping: ["http://shop.test"] });
});
