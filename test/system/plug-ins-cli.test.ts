// What the command line says of worlds that are plugged in and of Harbor's task folders.
// Requirements: 6.16.example, 6.16.harbor-import
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exportHarborTask, writeHarborFolder } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
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
