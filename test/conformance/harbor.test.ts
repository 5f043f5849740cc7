// Harbor tasks in real sandboxes: the verifier runs on what the agent left, with Harbor's paths and Harbor's reading of
// the reward; tasks of our own are exported, and judged by their exported verifier as they are judged here.
// Requirements: 6.16.harbor-verifier, 6.16.harbor-reward, 6.16.harbor-export
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Evaluation, HarborReference, ShellSpec } from "@hindcast/shared";
import {
  type ExportedTask,
  exportHarborTask,
  type HarborTask,
  importHarborTask,
  readHarborFolder,
  writeHarborFolder,
} from "@hindcast/shared/node";
import { afterEach, describe, expect, it } from "vitest";
import type { Environment } from "../../rollout-agent/src/environment/environment.ts";
import { createEnvironmentProvider } from "../../rollout-agent/src/environment/index.ts";
import { aFolder } from "../support/hindcast.ts";
import { suiteLimits, unjudged } from "./environment-suite.ts";
import { never, processesOf, provider } from "./sandbox-fixture.ts";

const host = { python: "3.11", node: "24" };
const opened: Environment[] = [];
let count = 0;

afterEach(async () => {
  await Promise.all(opened.splice(0).map((environment) => environment.close()));
});

async function start(
  spec: ShellSpec,
): Promise<{ environment: Environment; id: string; run: (command: string) => Promise<string> }> {
  const id = `ep-harbor-${process.pid}-${count++}`;
  const environment = createEnvironmentProvider("shell", { sandboxes: provider }).create({
    id,
    spec,
    limits: suiteLimits,
  });
  opened.push(environment);
  await environment.reset(never);
  const run = async (command: string): Promise<string> =>
    (await environment.step({ kind: "shell", command }, never)).observation.text;
  return { environment, id, run };
}

const spec: ShellSpec = {
  kind: "shell",
  files: [{ path: "list.txt", content: "b\na\n" }],
  setup: [],
  aliases: ["/app"],
};
const verifier = (script: string, partial: Partial<HarborReference> = {}): HarborReference => ({
  kind: "harbor",
  files: [{ path: "test.sh", content: script }],
  timeoutMs: 20_000,
  env: {},
  ...partial,
});

async function judged(script: string, partial: Partial<HarborReference> = {}): Promise<Evaluation> {
  const { environment, run } = await start(spec);
  await run("sort -o /app/list.txt /app/list.txt");
  return await environment.evaluate({ ...unjudged, reference: verifier(script, partial) }, never);
}

describe("the verifier of a Harbor task", () => {
  it("runs in the task's folder, with its files, its variables and what the agent left", async () => {
    const files = [
      { path: "test.sh", content: 'pwd; python3 /tests/more/check.py && echo "$LEVEL" > /logs/verifier/reward.txt' },
      { path: "more/check.py", content: "assert open('list.txt').read() == 'a\\nb\\n'" },
    ];
    expect(await judged("", { files, env: { LEVEL: "1" } })).toEqual({
      verdict: "success",
      evaluator: "harbor",
      detail: expect.stringMatching(/^reward 1; the verifier printed: \/app$/),
      score: 1,
      components: [{ name: "reward", score: 1, detail: "1" }],
    });
  });

  it.each([
    ["gives part of the reward", "echo 0.5 > /logs/verifier/reward.txt", { verdict: "failure", score: 0.5 }],
    [
      "gives several rewards",
      `echo '{"reward": 1, "style": 0.25}' > /logs/verifier/reward.json`,
      { verdict: "success", score: 1, components: [{ name: "reward" }, { name: "style", score: 0.25 }] },
    ],
    [
      "gives none",
      "echo told; exit 3",
      { verdict: "unknown", detail: expect.stringMatching(/neither.*exit code 3.*told/) },
    ],
    [
      "gives an empty one",
      ": > /logs/verifier/reward.txt",
      { verdict: "unknown", detail: expect.stringContaining("is empty") },
    ],
    [
      "gives what is no number",
      "echo nan > /logs/verifier/reward.txt",
      { verdict: "unknown", detail: expect.stringContaining('"nan"') },
    ],
    ["fails after its reward", "echo 1 > /logs/verifier/reward.txt; exit 1", { verdict: "success" }],
  ])("%s", async (_, script, expected) => {
    expect(await judged(script)).toMatchObject(expected);
  });

  it("is killed when it takes too long, and that is no verdict", async () => {
    expect(await judged("sleep 30", { timeoutMs: 500 })).toMatchObject({
      verdict: "unknown",
      detail: expect.stringContaining("killed (timeout)"),
    });
  });

  it("is not answered for by the agent's shell or by what it left running", async () => {
    const { environment, id, run } = await start(spec);
    await run(
      "bash() { mkdir -p /tmp/.harbor/logs/verifier; echo 1 > /tmp/.harbor/logs/verifier/reward.txt; }; cat() { echo 1; }; mv() { :; }",
    );
    await run(
      "alias cd='echo 1 >'; export PATH=/workspace:$PATH; printf '#!/bin/sh\\necho 1' > /workspace/cat; chmod +x /workspace/cat",
    );
    await run(
      "(while sleep 0.05; do mkdir -p /tmp/.harbor/logs/verifier; echo 1 > /tmp/.harbor/logs/verifier/reward.txt; done) & disown",
    );
    const evaluation = await environment.evaluate(
      { ...unjudged, reference: verifier("echo 0 > /logs/verifier/reward.txt") },
      never,
    );
    expect(evaluation).toMatchObject({ verdict: "failure", score: 0 });
    expect(await processesOf(`${id}-verifier`)).toEqual([]);
  });

  it("finds its own tests alone where it looks for them", async () => {
    const { environment, run } = await start(spec);
    await run(
      "mkdir /workspace/.harbor-exchange; touch /workspace/.harbor-exchange/conftest.py; ln -s /workspace /tmp/.harbor",
    );
    const script = "ls -A /tests /logs /logs/verifier /app; echo 1 > /logs/verifier/reward.txt";
    const { detail } = await environment.evaluate({ ...unjudged, reference: verifier(script) }, never);
    expect(detail).toMatch(/\/app:\nlist\.txt\n\n\/logs:\nagent\nverifier\n\n\/logs\/verifier:\n\n\/tests:\ntest\.sh$/);
  });

  it("leaves the agent's own sandbox as it was", async () => {
    const { environment, run } = await start(spec);
    await run("x=5; cd /tmp");
    await environment.evaluate(
      { ...unjudged, reference: verifier("rm -rf /app/*; echo 1 > /logs/verifier/reward.txt") },
      never,
    );
    expect(await run("echo $x; pwd; ls /app; ls -A /tmp")).toBe("5\n/tmp\nlist.txt\n");
  });
});

const ours: ExportedTask = {
  name: "rename",
  instruction: "Rename a.txt to b.txt and commit it.",
  environment: {
    kind: "shell",
    files: [
      { path: "a.txt", content: "text\n" },
      { path: "sub/keep.txt", content: "kept\n" },
    ],
    setup: ["git init -q .", "git add . && git commit -qm start"],
  },
  reference: { commands: ["git mv a.txt b.txt", "git commit -qm rename"] },
  limits: { wallTimeMs: 60_000, memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 26 },
};

describe("a task of our own that is exported", () => {
  async function throughDisk(): Promise<HarborTask> {
    using folder = aFolder();
    const path = await writeHarborFolder(folder.path, exportHarborTask(ours));
    const result = importHarborTask(await readHarborFolder(path), host);
    if (result.kind !== "task") throw new Error(result.reason);
    return result.task;
  }

  it.each([
    ["the solution", "bash /workspace/solve.sh; rm /workspace/solve.sh", "success"],
    ["the same work in other words", "mv a.txt b.txt; git add -A; git commit -qm rename", "success"],
    ["nothing", "true", "failure"],
    ["something else", "git mv a.txt c.txt; git commit -qm rename", "failure"],
    ["too much", "git mv a.txt b.txt; git commit -qm rename; touch more", "failure"],
    ["another mode", "git mv a.txt b.txt; git commit -qm rename; chmod +x b.txt", "failure"],
  ])("is judged by its verifier as it is here: %s", async (_, script, verdict) => {
    const { environment: imported, reference, solution } = await throughDisk();
    const { environment, run } = await start(imported);
    const solve = solution?.files.find(({ path }) => path === "solve.sh")?.content ?? "";
    if (script.includes("solve.sh")) await run(`cat > /workspace/solve.sh <<'END'\n${solve}END`);
    await run(script);
    expect(await environment.evaluate({ ...unjudged, reference }, never)).toMatchObject({ verdict });
    const here = await environment.evaluate({ ...unjudged, reference: ours.reference }, never);
    expect(here).toMatchObject({ verdict });
  });
});

describe("a folder that is read", () => {
  it("must be a task, and leads nowhere else", async () => {
    using folder = aFolder();
    await expect(readHarborFolder(folder.path)).rejects.toMatchObject({
      code: "PROTOCOL_INVALID",
      message: expect.stringContaining("task.toml, instruction.md, tests/test.sh missing"),
    });
    const path = await writeHarborFolder(folder.path, exportHarborTask(ours));
    await mkdir(join(path, "environment/files/deep"), { recursive: true });
    await symlink("/etc/passwd", join(path, "environment/files/link"));
    await writeFile(join(path, "environment/files/deep/x"), "");
    const { name, files } = await readHarborFolder(path);
    expect(name).toBe("rename");
    expect([...files.keys()]).toContain("environment/files/deep/x");
    expect([...files.keys()]).not.toContain("environment/files/link");
  });
});
