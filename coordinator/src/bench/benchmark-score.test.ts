// Requirements: 6.12.score
import { VerifiedTask, WebArenaTask } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { type EvaluationEvent, evaluationScore } from "../cli/bench-swe-bench-table.ts";
import { scoreTable } from "../report/render-score.ts";
import { penFor, styleOf } from "../report/style.ts";
import { scoreOf } from "./benchmark-score.ts";
import type { WebTaskResult } from "./web-run.ts";
import { scoreOfRun } from "./web-score.ts";

const pen = penFor(styleOf({ isTty: false, columns: undefined, env: { NO_COLOR: "1" } }));

function verified(id: number, template: number, sites: string[]): VerifiedTask {
  return VerifiedTask.parse({
    sites,
    task_id: id,
    intent_template_id: template,
    start_urls: ["__SHOPPING__"],
    intent: "Buy",
    intent_template: "Buy",
    instantiation_dict: {},
    revision: 1,
    eval: [
      {
        evaluator: "AgentResponseEvaluator",
        results_schema: { type: "null" },
        expected: { task_type: "mutate", status: "SUCCESS", retrieved_data: null },
      },
    ],
  });
}

const result = (taskId: number, status: WebTaskResult["status"]): WebTaskResult => ({
  taskId,
  status,
  detail: "",
  episodeId: null,
  steps: 0,
});

describe("a benchmark's score", () => {
  it("averages over tasks, sites and templates, and leaves out what says nothing of the agent", () => {
    const shop = ["shopping"];
    const tasks = [
      ...[1, 2, 3].map((id) => verified(id, 10, shop)),
      verified(4, 11, shop),
      verified(5, 12, ["reddit", "gitlab"]),
      verified(6, 12, ["gitlab", "reddit"]),
      ...[7, 8, 9].map((id) => verified(id, 13, ["map"])),
    ];
    const score = scoreOfRun(tasks, [
      ...[1, 2, 3].map((id) => result(id, "success")),
      ...[4, 5, 6].map((id) => result(id, "failure")),
      result(7, "unavailable"),
      result(8, "undecided"),
      result(9, "error"),
    ]);
    // Tasks: 3 of 6. Sites: (3/4 + 0/2) / 2. Templates: (3/3 + 0/1 + 0/2) / 3, which is one coin of three.
    expect(score).toMatchObject({ successes: 3, tasks: 6, rate: 0.5, withoutJudge: null });
    expect(score.interval?.map((end) => end.toFixed(3))).toEqual(["0.188", "0.812"]);
    expect(score.places.map(({ place, successes, tasks: of }) => [place, successes, of])).toEqual([
      ["gitlab reddit", 0, 2],
      ["shopping", 3, 4],
    ]);
    expect(score.byPlace).toMatchObject({ groups: 2, rate: 0.375 });
    // Wilson: 3 of 4 is 0.3006 to 0.9544, 0 of 2 is 0 to 0.6576.
    expect(score.byPlace?.interval[0]).toBeCloseTo(0.375 - 0.4494 / 2, 4);
    expect(score.byPlace?.interval[1]).toBeCloseTo(0.375 + Math.hypot(0.2044, 0.6576) / 2, 4);
    expect(score.byTemplate).toMatchObject({ groups: 3, rate: expect.closeTo(1 / 3, 12) as number });
    expect(score.byTemplate?.interval.map((end) => end.toFixed(3))).toEqual(["0.061", "0.792"]);
    expect(
      scoreTable(score, "site", pen)
        .split("\n")
        .map((line) => line.trimEnd()),
    ).toEqual([
      "site                 solved    rate  95 % interval",
      expect.stringMatching(/^\S+$/),
      "gitlab reddit        0 of 2   0.0 %    0.0 to 65.8",
      "shopping             3 of 4  75.0 %   30.1 to 95.4",
      expect.stringMatching(/^\S+$/),
      "all tasks            3 of 6  50.0 %   18.8 to 81.2",
      "mean of 2 sites              37.5 %   15.0 to 71.9",
      "mean of 3 templates          33.3 %    6.1 to 79.2",
    ]);
  });

  it("tells the tasks apart whose verdict is a model's", () => {
    const task = (id: number, evaluation: object): WebArenaTask =>
      WebArenaTask.parse({
        sites: ["shopping"],
        task_id: id,
        require_login: false,
        storage_state: null,
        start_url: "__SHOPPING__",
        geolocation: null,
        intent_template: "",
        intent_template_id: id,
        instantiation_dict: {},
        intent: "Look",
        require_reset: false,
        eval: { eval_types: ["string_match"], reference_answers: evaluation },
      });
    const tasks = [task(1, { exact_match: "a" }), task(2, { fuzzy_match: ["a"] }), task(3, { fuzzy_match: ["b"] })];
    const score = scoreOfRun(
      tasks,
      tasks.map(({ task_id: id }) => result(id, id === 1 ? "failure" : "success")),
    );
    expect(score).toMatchObject({ successes: 2, tasks: 3, withoutJudge: { successes: 0, tasks: 1, rate: 0 } });
    expect(scoreTable(score, "site", pen)).toMatch(/tasks that no model judges +0 of 1 +0\.0 % +0\.0 to 79\.3$/m);
  });

  it("has neither a rate nor an interval where nothing counts", () => {
    const score = scoreOf([]);
    expect(score).toEqual({
      successes: 0,
      tasks: 0,
      rate: null,
      interval: null,
      byTemplate: null,
      byPlace: null,
      places: [],
      withoutJudge: null,
    });
    expect(scoreTable(score, "site", pen)).toMatch(/all tasks +0 of 0 +unknown$/m);
  });

  it("is the same of SWE-bench's predictions, by repository", () => {
    const of = (instanceId: string, resolution: string | null, more: object = {}): EvaluationEvent =>
      ({ instanceId, verdict: resolution && { resolution, problem: null, ...more } }) as unknown as EvaluationEvent;
    const offline = { problem: "no test ran", infrastructure: { reason: "no network", tier: "environment" } };
    const score = evaluationScore([
      of("psf__requests-1142", "full"),
      of("psf__requests-863", "partial"),
      of("scikit-learn__scikit-learn-9", "full"),
      of("pylint-dev__pylint-4", null),
      of("pylint-dev__pylint-5", "no", offline),
    ]);
    expect(score).toMatchObject({ successes: 2, tasks: 3, byTemplate: null, byPlace: { groups: 2, rate: 0.75 } });
    expect(score.places.map(({ place }) => place)).toEqual(["psf/requests", "scikit-learn/scikit-learn"]);
    expect(scoreTable(score, "repository", pen)).toMatch(/mean of 2 repositories +75\.0 %/);
  });
});
