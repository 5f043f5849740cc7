// What the command line says of worlds that are plugged in and of Harbor's task folders.
// Requirements: 6.16.example, 6.16.harbor-import, 6.16.harbor-export
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exportHarborTask, writeHarborFolder } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { layCodeDemo } from "../../coordinator/src/worlds/code-demo.ts";
import { aFolder, hindcast } from "../support/hindcast.ts";
import { examplesFolder } from "../support/worlds/worlds.ts";

const eventOf = (stdout: string): Record<string, unknown> =>
  JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;

describe("hindcast doctor", () => {
  it("opens each world of the worlds file and says what it finds", async () => {
    using folder = aFolder();
    const worlds = {
      todo: { kind: "process", command: ["python3", join(examplesFolder, "todo_world.py")] },
      away: { kind: "http", url: "http://127.0.0.1:9/" },
    };
    writeFileSync(join(folder.path, "worlds.json"), JSON.stringify({ worlds }));
    const env = { HINDCAST_WORLDS_FILE: "worlds.json" };
    const { findings } = eventOf((await hindcast(["--json", "doctor"], { cwd: folder.path, env })).stdout);
    expect(findings).toContainEqual({
      what: "world todo",
      state: "good",
      detail: "todo; tools: list_items, add_item, complete_item, remove_item",
    });
    expect(findings).toContainEqual({
      what: "world away",
      state: "advice",
      detail: expect.stringContaining('the world "away" was lost'),
    });
    writeFileSync(join(folder.path, "worlds.json"), "{}");
    const broken = await hindcast(["doctor"], { cwd: folder.path, env });
    expect(broken.stdout).toMatch(/worlds +advice +the worlds file .*worlds\.json cannot be used/);
  });
});

describe("hindcast bench harbor list", () => {
  it("says which tasks run here, and why not the others", async () => {
    using folder = aFolder();
    const task = {
      name: "touch",
      instruction: "Make a file x.",
      environment: { kind: "shell" as const, files: [], setup: [] },
      reference: { commands: ["touch x"] },
      limits: { wallTimeMs: 60_000, memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 26 },
    };
    await writeHarborFolder(folder.path, exportHarborTask(task));
    const other = await writeHarborFolder(folder.path, exportHarborTask({ ...task, name: "compile" }));
    writeFileSync(join(other, "environment/Dockerfile"), "FROM debian\nWORKDIR /app\nRUN apt-get install -y gcc\n");
    mkdirSync(join(folder.path, "empty"));
    writeFileSync(join(folder.path, "empty/task.toml"), "");
    const { code, stdout } = await hindcast(["bench", "harbor", "list", "."], { cwd: folder.path });
    expect(code).toBe(0);
    expect(stdout).toMatch(/compile +unavailable +its image is built with apt-get/);
    expect(stdout).toMatch(/empty +no task +.*instruction\.md/);
    expect(stdout).toMatch(/touch +runs here/);
    expect(stdout).toContain("1 of 3 run here");
    const one = eventOf((await hindcast(["--json", "bench", "harbor", "list", "touch"], { cwd: folder.path })).stdout);
    expect(one).toMatchObject({
      event: "harbor.tasks",
      tasks: [{ name: "touch", task: { reference: { kind: "harbor" } } }],
    });
    const none = await hindcast(["bench", "harbor", "list", "nowhere"], { cwd: folder.path });
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("nowhere is no folder") });
  });
});

describe("hindcast bench harbor export", () => {
  it("writes the tasks that can be judged there, whole or not at all, and says why of the others", async () => {
    using folder = aFolder();
    const { instances, repositories } = layCodeDemo(folder.path, process.env);
    const [first, second] = readFileSync(join(instances, "tasks.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const given = (name: string, rows: object[]): void =>
      writeFileSync(join(folder.path, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const script = String(first?.["eval_script"]);
    const bad: [id: string, changes: object, reason: RegExp | string][] = [
      ["pinned", {}, "it needs left-pad@1.3.0, which an image would have to fetch"],
      ["python", { log_parser: "parse_log_pytest" }, "its log is read by parse_log_pytest; folders judge"],
      ["imaged", { image: "swebench/x" }, "its environment is the image swebench/x"],
      ["gone", { base_commit: "d".repeat(40) }, /git could not read .*demo__lengths: fatal: .*d{40}/],
      [
        "bound",
        { eval_script: script.replace("\ncd /testbed", `$&\ngit checkout ${String(first?.["base_commit"])} test`) },
        "its evaluation script needs the commit",
      ],
      ["lost", { repo: "demo/lost" }, /no clone demo__lost or demo__lost\.git lies in .*--repos/],
      ["..", {}, 'its id ".." is no folder\'s name'],
      ["fetching", { eval_script: script.replace("node --test", "npm ci && node --test") }, "use npm"],
    ];
    given("pins.jsonl", [{ instance_id: "pinned", npm: ["left-pad@1.3.0"] }]);
    const unfit = bad.map(([instance_id, changes]) => ({ ...first, instance_id, ...changes }));
    given("mixed.jsonl", [first ?? {}, second ?? {}, ...unfit]);
    given("unfit.jsonl", unfit.slice(0, 3));
    const run = (tasks: string, out: string, ...more: string[]): ReturnType<typeof hindcast> =>
      hindcast([...more, "bench", "harbor", "export", "--tasks", tasks, "--repos", repositories, "--out", out], {
        cwd: folder.path,
      });

    const mixed = await run("mixed.jsonl", "out", "--json");
    expect([mixed.code, mixed.stderr]).toEqual([4, ""]);
    expect(eventOf(mixed.stdout)).toEqual({
      event: "harbor.exported",
      directory: join(folder.path, "out"),
      tasks: [
        { name: "demo__lengths-1", state: "exported", detail: "" },
        { name: "demo__lengths-2", state: "exported", detail: "" },
        ...bad.map(([name, , reason]) => ({
          name,
          state: "refused",
          detail: typeof reason === "string" ? expect.stringContaining(reason) : expect.stringMatching(reason),
        })),
      ],
    });
    expect(readdirSync(join(folder.path, "out"))).toEqual(["demo__lengths-1", "demo__lengths-2"]);
    const listed = await hindcast(["bench", "harbor", "list", "out"], { cwd: folder.path });
    expect(listed.stdout).toContain("2 of 2 run here");

    const again = await run("mixed.jsonl", "out");
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("out is not empty; name another folder (EXPORT_FAILED)"),
    });
    const none = await run("unfit.jsonl", "none");
    expect(none).toMatchObject({
      code: 4,
      stdout: expect.stringContaining("none of 3 could be exported; nothing was"),
    });
    expect(existsSync(join(folder.path, "none"))).toBe(false);
    const nowhere = await run("nowhere.jsonl", "none");
    expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining("nowhere.jsonl is not there") });
    expect(readdirSync(folder.path).filter((name) => name.includes("partial"))).toEqual([]);
  });
});
