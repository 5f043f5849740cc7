// Requirements: 6.12.run
import { VerifiedTask, WebArenaTask } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { planWebTasks, type WebPlanOptions, type WebSites } from "./web-plan.ts";

const storage = { cookies: [], origins: [] };
const sites: WebSites = {
  urls: { shopping: ["http://shop.test"], gitlab: ["http://git.test"], wikipedia: ["http://wiki.test"] },
  logins: { gitlab: storage },
  resets: { shopping: () => Promise.resolve() },
  clocks: { shopping: "2026-03-16T09:00:00Z", gitlab: "2026-03-17T09:00:00Z" },
};

function task(id: number, changed: object = {}): WebArenaTask {
  return WebArenaTask.parse({
    sites: ["shopping"],
    task_id: id,
    require_login: false,
    storage_state: null,
    start_url: "__SHOPPING__",
    geolocation: null,
    intent_template: "",
    intent_template_id: 1,
    instantiation_dict: {},
    intent: "Look",
    require_reset: false,
    eval: { eval_types: ["string_match"], reference_answers: { exact_match: "a" } },
    ...changed,
  });
}

function plan(tasks: WebArenaTask[], metadata: WebPlanOptions["metadata"] = null): ReturnType<typeof planWebTasks> {
  return planWebTasks({ read: { benchmark: "webarena", tasks }, sites, metadata, judge: false });
}

describe("the plan of web tasks", () => {
  it("says what each task lacks here", () => {
    const login = { require_login: true, storage_state: "./.auth/gitlab.shopping_state.json" };
    const fuzzy = { eval_types: ["string_match"], reference_answers: { fuzzy_match: ["a"] } };
    const reasons = plan([
      task(1),
      task(2, { start_url: "__MAP__" }),
      task(3, login),
      task(4, { ...login, sites: ["gitlab"], start_url: "__GITLAB__" }),
      task(5, { require_reset: true }),
      task(6, { require_reset: true, sites: ["gitlab"], start_url: "__GITLAB__" }),
      task(7, { eval: fuzzy }),
      task(8, { ...login, sites: ["gitlab", "wikipedia"], start_url: "__GITLAB__" }),
      task(9, { sites: ["shopping", "gitlab"] }),
    ]).map(({ unavailable }) => unavailable);
    expect(reasons).toEqual([
      null,
      "no URL is configured for map (__MAP__)",
      "it starts logged in, and there is no login for shopping",
      null,
      null,
      "it asks for sites in their first state, and nothing here resets gitlab",
      "its answer is judged by a model, and none is configured",
      null,
      "its sites have different clocks (2026-03-16T09:00:00Z, 2026-03-17T09:00:00Z), and a browser has one",
    ]);
  });

  it("puts a site back when a run first comes to it and when a task asks for it", () => {
    const resets = plan([task(3, { require_reset: true }), task(1), task(2)]);
    expect(resets.map(({ task: { task_id: id }, resetBefore }) => [id, resetBefore])).toEqual([
      [1, ["shopping"]],
      [2, []],
      [3, ["shopping"]],
    ]);
  });

  it("honours chains where the metadata says them", () => {
    const entry = { sites: ["shopping" as const], split: "test" as const };
    const ordered = plan(
      [task(1), task(2)],
      [
        { ...entry, taskId: 1, dependsOn: [2], requiresReset: true },
        { ...entry, taskId: 2, dependsOn: [], requiresReset: false },
      ],
    );
    expect(ordered.map(({ task: { task_id: id }, resetBefore }) => [id, resetBefore])).toEqual([
      [2, ["shopping"]],
      [1, ["shopping"]],
    ]);
  });

  it("asks no login of tasks of WebArena-Verified, whose sites log in by a header", () => {
    const verified = VerifiedTask.parse({
      sites: ["shopping"],
      task_id: 1,
      intent_template_id: 1,
      start_urls: ["__SHOPPING__"],
      intent: "Look",
      intent_template: "Look",
      instantiation_dict: {},
      revision: 1,
      eval: [
        {
          evaluator: "AgentResponseEvaluator",
          results_schema: { type: "null" },
          expected: { task_type: "navigate", status: "SUCCESS", retrieved_data: null },
        },
      ],
    });
    const read = { benchmark: "webarena-verified" as const, tasks: [verified] };
    expect(planWebTasks({ read, sites, metadata: null, judge: false })[0]?.unavailable).toBeNull();
  });
});
