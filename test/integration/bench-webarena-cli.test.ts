// Requirements: 6.12.cli, 6.12.score, 6.14.clock
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { aFolder, hindcast, type HindcastResult } from "../support/hindcast.ts";

const task = {
  sites: ["gitlab"],
  task_id: 1,
  intent_template_id: 5,
  start_urls: ["__GITLAB__"],
  intent: "Comment lgtm on the merge request",
  intent_template: "Comment {{x}}",
  instantiation_dict: { x: "lgtm" },
  revision: 1,
  eval: [
    {
      evaluator: "AgentResponseEvaluator",
      results_schema: { type: "null" },
      expected: { task_type: "mutate", status: "SUCCESS", retrieved_data: null },
    },
    {
      evaluator: "NetworkEventEvaluator",
      expected: { url: "__GITLAB__/notes", http_method: "POST", post_data: { "$.note.note": "lgtm" } },
    },
  ],
};
const tasks = [task, { ...task, task_id: 2 }, { ...task, task_id: 3, intent_template_id: 6 }, { ...task, task_id: 4 }];

function run(folder: string, id: number, note: string | null): void {
  const place = join(folder, "runs", String(id));
  mkdirSync(place, { recursive: true });
  writeFileSync(
    join(place, "agent_response.json"),
    JSON.stringify({ task_type: "MUTATE", status: "SUCCESS", retrieved_data: null, error_details: null }),
  );
  const text = JSON.stringify({ note: { note } });
  const request = {
    method: "POST",
    url: "http://git.test/notes",
    headers: [],
    postData: { mimeType: "application/json", text },
  };
  const har = { log: { entries: [{ request, response: { status: 200 } }] } };
  writeFileSync(join(place, "network.har"), note === null ? "{" : JSON.stringify(har));
}

describe("hindcast bench webarena", () => {
  it("scores recorded runs offline, counts what has no run, and shows what doing nothing scores", async () => {
    using folder = aFolder();
    writeFileSync(join(folder.path, "tasks.json"), JSON.stringify(tasks));
    writeFileSync(join(folder.path, "sites.json"), JSON.stringify({ gitlab: "http://git.test/" }));
    run(folder.path, 1, "LGTM");
    run(folder.path, 2, "no");
    run(folder.path, 3, null);
    const cli = (...args: string[]): Promise<HindcastResult> => hindcast(args, { cwd: folder.path });
    const about = ["--tasks", "tasks.json", "--sites", "sites.json"];

    const scored = await cli("--json", "bench", "webarena", "score", ...about, "--runs", "runs");
    expect([scored.code, scored.stderr]).toEqual([4, ""]);
    expect(JSON.parse(scored.stdout)).toMatchObject({
      event: "benchmark-score",
      tasks: 4,
      succeeded: 1,
      failed: 1,
      errors: 1,
      missing: 1,
      score: {
        successes: 1,
        tasks: 4,
        rate: 0.25,
        interval: [expect.closeTo(0.0456, 4), expect.closeTo(0.6994, 4)],
        byTemplate: { groups: 2, rate: expect.closeTo(1 / 6) },
        byPlace: { groups: 1, rate: 0.25 },
        places: [{ place: "gitlab", successes: 1, tasks: 4 }],
      },
      baselines: expect.arrayContaining([{ name: "no response", tasks: 4, passed: 0, undecided: 0 }]),
      results: [
        { taskId: 1, status: "success", result: { task_id: 1, score: 1 } },
        { taskId: 2, status: "failure", detail: expect.stringContaining("NetworkEventEvaluator") },
        { taskId: 3, status: "error", detail: expect.stringContaining("network.har cannot be read as a HAR") },
        { taskId: 4, status: "missing" },
      ],
    });
    const table = await cli("bench", "webarena", "score", ...about, "--runs", "runs");
    expect(table.stdout).toMatch(/task +sites +verdict +why[\s\S]+1 +gitlab +success/);
    expect(table.stdout).toMatch(/all tasks +1 of 4 +25\.0 % +4\.6 to 69\.9$/m);
    expect(table.stdout).toMatch(/mean of 2 templates +16\.7 % +\d/);
    expect(table.stdout).toContain("1 failed, 1 could not be judged, 1 have no run; all of them count");
    expect(table.stdout).toMatch(/what doing nothing scores +passed +of/);
  });

  it("gives a run's score beside its outcomes, and no rate where nothing could be tried", async () => {
    using folder = aFolder();
    writeFileSync(join(folder.path, "tasks.json"), JSON.stringify(tasks));
    const about = ["bench", "webarena", "run", "--tasks", "tasks.json", "--model", "offline:policy"];
    const none = await hindcast(["--json", ...about], { cwd: folder.path });
    expect([none.code, none.stderr]).toEqual([4, ""]);
    expect(JSON.parse(none.stdout)).toMatchObject({
      event: "benchmark-run",
      score: { successes: 0, tasks: 0, rate: null, interval: null, byTemplate: null, byPlace: null, places: [] },
      results: tasks.map(({ task_id: taskId }) => ({ taskId, status: "unavailable" })),
    });
    const table = await hindcast(about, { cwd: folder.path });
    expect(table.stdout).toMatch(
      /all tasks +0 of 0 +unknown\s[\s\S]*0 of 4 tasks succeeded, 0 failed, 4 could not be tried/,
    );
  });

  it("takes the sites' own times from beside their URLs, and one browser has one of them", async () => {
    using folder = aFolder();
    const json = (name: string, content: object): void =>
      writeFileSync(join(folder.path, name), JSON.stringify(content));
    json("tasks.json", [{ ...task, sites: ["gitlab", "shopping"] }]);
    json("urls.json", { gitlab: "http://git.test/", shopping: "http://shop.test/" });
    json("clocks.json", { gitlab: "2026-03-16T09:00:00Z", shopping: "2026-03-17T09:00:00Z" });
    const about = ["--tasks", "tasks.json", "--sites", "urls.json", "--model", "offline:policy"];
    const run = await hindcast(["--json", "bench", "webarena", "run", ...about], { cwd: folder.path });
    expect([run.code, run.stderr]).toEqual([4, ""]);
    expect(JSON.parse(run.stdout)).toMatchObject({
      results: [
        { status: "unavailable", detail: expect.stringContaining("its sites have different clocks (2026-03-1") },
      ],
    });
    json("clocks.json", { gitlab: 9 });
    const wrong = await hindcast(["bench", "webarena", "run", ...about], { cwd: folder.path });
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("clocks.json says no sites' times") });
  });

  it("lists tasks with what they lack here, and says what is wrong with its files", async () => {
    using folder = aFolder();
    writeFileSync(join(folder.path, "tasks.json"), JSON.stringify(tasks));
    const cli = (...args: string[]): Promise<HindcastResult> => hindcast(args, { cwd: folder.path });

    const listed = await cli("bench", "webarena", "list", "--tasks", "tasks.json");
    expect(listed.stdout).toMatch(/no URL is configured[\s\S]+4 tasks of webarena-verified, 0 can run here/);
    const ready = await cli(
      "--json",
      "bench",
      "webarena",
      "list",
      "--tasks",
      "tasks.json",
      "--site",
      "gitlab=http://git.test",
    );
    expect(JSON.parse(ready.stdout)).toMatchObject({
      event: "benchmark",
      ready: 4,
      tasks: [{ taskId: 1, reason: null }, {}, {}, {}],
    });

    const wrong = [
      [["--tasks", "gone.json"], "gone.json cannot be read"],
      [["--tasks", "tasks.json", "--site", "gitlab"], '--site is <name>=<url>, not "gitlab"'],
      [["--tasks", "tasks.json", "--site", "lab=http://x.test"], "the sites are shopping"],
      [["--tasks", "tasks.json", "--split", "train"], "--split needs --metadata"],
    ] as const;
    const results = await Promise.all(wrong.map(([args]) => cli("bench", "webarena", "list", ...args)));
    expect(results.map(({ code, stderr }) => [code, stderr])).toEqual(
      wrong.map(([, message]) => [2, expect.stringContaining(message)]),
    );
    expect(results.map(({ stderr }) => stderr).join("\n")).not.toMatch(/^\s+at /m);
  });
});
