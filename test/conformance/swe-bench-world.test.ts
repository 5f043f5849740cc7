// Requirements: 6.9.world, 6.9.history
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Action, Observation, SweBenchReference, SweBenchSpec, Trajectory } from "@hindcast/shared";
import { observationText } from "@hindcast/shared";
import { pythonEnvironment, SweBenchInstance, sweBenchReference } from "@hindcast/shared/node";
import type { Environment } from "../../rollout-agent/src/environment/environment.ts";
import { CacheFolder } from "../../rollout-agent/src/environment/swe-bench/cache-folder.ts";
import { createSweBenchProvider } from "../../rollout-agent/src/environment/swe-bench/swe-bench-environment.ts";
import { someLimits } from "../support/builders.ts";
import { fixtureCache, fixturePython, sweBenchFixture, type SweBenchFixture } from "../support/swe-bench-fixture.ts";
import { never, provider as sandboxes } from "./sandbox-fixture.ts";

interface World {
  fixture: SweBenchFixture;
  environment: Environment;
  spec: SweBenchSpec;
  reference: SweBenchReference;
  shell: (command: string) => Promise<string>;
  edit: (input: Record<string, string | number | number[]>) => Promise<Observation>;
  /** Another world over the same caches. */
  another: () => Environment;
}

let count = 0;

function aWorld(): World {
  const fixture = sweBenchFixture();
  const pyenvRoots = [join(homedir(), ".pyenv")];
  const worlds = createSweBenchProvider({
    sandboxes,
    cache: new CacheFolder(fixtureCache, 1e10),
    repositories: [fixture.repositories],
    pythons: { pyenvRoots, searchPath: process.env.PATH ?? "" },
  });
  const pinned = pythonEnvironment({ python: `${fixturePython}.0`, pip: [], conda_python_packages: {} });
  const spec: SweBenchSpec = {
    kind: "swe-bench",
    repository: "demo/calc",
    commit: fixture.commits.base,
    environment: pinned,
  };
  const another = (): Environment => {
    const environment = worlds.create({
      id: `ep-swe-${process.pid}-${count++}`,
      spec,
      limits: { ...someLimits, diskBytesMax: 2 ** 28 },
    });
    onTestFinished(() => environment.close());
    return environment;
  };
  const environment = another();
  const act = async (action: Action): Promise<Observation> => (await environment.step(action, never)).observation;
  return {
    fixture,
    environment,
    spec,
    reference: sweBenchReference(SweBenchInstance.parse(fixture.instance())),
    shell: async (command) => observationText(await act({ kind: "shell", command })),
    edit: (input) => act({ kind: "tool", name: "str_replace_editor", input }),
    another,
  };
}

const trajectory = {} as Trajectory;

describe.skipIf(fixturePython === null)("the world of SWE-bench", () => {
  it("holds the repository at its base commit, and nothing of the future", async () => {
    const { fixture, environment, shell } = aWorld();
    await environment.reset(never);
    expect(await shell("git rev-parse HEAD && git status --short && git log --oneline --all | wc -l")).toContain(
      `${fixture.commits.base}\n1\n`,
    );
    expect(await shell("git tag; git remote; git reflog; git branch -a")).toMatch(/\n\* main\n\[exit code 0\]$/);
    // What the tags said of the version is kept, for projects that ask setuptools-scm.
    expect(await shell("echo $SETUPTOOLS_SCM_PRETEND_VERSION")).toContain("\n1.1.dev1\n");
    for (const hidden of [fixture.commits.after, fixture.commits.before]) {
      expect(await shell(`git cat-file -t ${hidden}`)).toMatch(/\[exit code 128\]/);
    }
    expect(
      await shell(
        "git fsck --no-progress --unreachable --no-reflogs; grep -rl future . ; cat .git/packed-refs .git/FETCH_HEAD 2>&1 | grep -c future",
      ),
    ).not.toMatch(/unreachable|calc/);
    expect(
      await shell("cd /testbed && ls && python -c 'import calc, sys; print(calc.add(2, 3), sys.prefix)'"),
    ).toContain("-1 /home/agent/.environment");
  });

  it("is edited by str_replace_editor as SWE-agent's models expect it", async () => {
    const { environment, edit, shell } = aWorld();
    await environment.reset(never);
    const path = "/testbed/calc/__init__.py";
    expect(await edit({ command: "view", path })).toEqual({
      kind: "text",
      isError: false,
      omittedBytes: 0,
      text: `Here's the result of running \`cat -n\` on ${path}:\n     1\tdef add(a, b):\n     2\t    return a - b\n     3\t\n     4\t\n     5\tdef double(a):\n     6\t    return a * 2\n     7\t`,
    });
    expect(await edit({ command: "view", path, view_range: [5, -1] })).toMatchObject({
      text: expect.stringMatching(/:\n {5}5\tdef double/) as string,
    });
    expect(await edit({ command: "view", path: "/testbed" })).toMatchObject({
      text: expect.stringContaining("/testbed/calc/__init__.py\n/testbed/tests") as string,
    });
    expect(await edit({ command: "str_replace", path, old_str: "return a", new_str: "return b" })).toMatchObject({
      isError: true,
      text: expect.stringContaining("Multiple occurrences of old_str `return a` in lines 2, 6") as string,
    });
    expect(await edit({ command: "str_replace", path, old_str: "nowhere" })).toMatchObject({
      isError: true,
      text: expect.stringContaining("did not appear verbatim") as string,
    });
    expect(await edit({ command: "str_replace", path, old_str: "a - b", new_str: "$& + b" })).toMatchObject({
      isError: false,
      text: expect.stringContaining("     2\t    return $& + b") as string,
    });
    expect(await edit({ command: "insert", path, insert_line: 0, new_str: "# top" })).toMatchObject({ isError: false });
    expect(await shell("head -3 calc/__init__.py")).toContain("# top\ndef add(a, b):\n    return $& + b");
    await edit({ command: "undo_edit", path });
    expect(await edit({ command: "undo_edit", path })).toMatchObject({
      text: `Last edit to ${path} undone successfully.`,
    });
    expect(await edit({ command: "undo_edit", path })).toMatchObject({
      isError: true,
      text: expect.stringContaining("No edit history") as string,
    });
    expect(await shell("git status --short")).toMatch(/\]\n\[exit code 0\]$/);
    await edit({ command: "create", path: "/testbed/new.py", file_text: "x = 1\n" });
    expect(await edit({ command: "create", path: "/testbed/new.py", file_text: "" })).toMatchObject({ isError: true });
    await edit({ command: "undo_edit", path: "/testbed/new.py" });
    expect(await shell("ls new.py")).toContain("[exit code 2]");
  });

  it("is edited right in a session whose commands mean something else", async () => {
    const { environment, edit, shell } = aWorld();
    await environment.reset(never);
    const path = "/testbed/calc/__init__.py";
    await shell("alias ls='ls -l'; alias wc='echo 7'; set -x");
    await edit({ command: "str_replace", path, old_str: "a - b", new_str: "a + b" });
    expect(await edit({ command: "undo_edit", path })).toMatchObject({
      text: `Last edit to ${path} undone successfully.`,
    });
    expect(await shell("cat calc/__init__.py")).toContain("return a - b");
    expect(await edit({ command: "undo_edit", path })).toMatchObject({ isError: true });
  });

  it("is judged by all that was left, whatever git stumbles over", async () => {
    const { environment, edit, reference, shell } = aWorld();
    await environment.reset(never);
    const path = "/testbed/calc/__init__.py";
    await edit({ command: "str_replace", path, old_str: "a - b", new_str: "a + b" });
    await shell("git init -q scratch; printf 'caf\\351\\n' > latin.txt; touch .git/index.lock");
    const evaluation = await environment.evaluate({ reference, answer: null, trajectory }, never);
    expect(evaluation).toMatchObject({ verdict: "success" });
    const patch = Buffer.from(environment.submission?.bytes ?? []).toString();
    expect(patch).toContain("latin.txt");
    expect(patch).not.toContain("\uFFFD");
  });

  it("is judged a failure where a patch prints that the machine is broken, and ends the tests", async () => {
    const { environment, reference, shell } = aWorld();
    await environment.reset(never);
    const said = "Temporary failure in name resolution";
    await shell(`printf 'import os\\nprint("${said}", flush=True)\\nos._exit(1)\\n' > calc/__init__.py`);
    expect(await environment.evaluate({ reference, answer: null, trajectory }, never)).toMatchObject({
      verdict: "failure",
      score: 0,
    });
  });

  it("refuses what cannot be edited, in words", async () => {
    const { environment, edit } = aWorld();
    await environment.reset(never);
    const refused = [
      { command: "view", path: "/etc/passwd" },
      { command: "view", path: "/testbed/../etc/passwd" },
      { command: "create", path: "/testbed/.git/hooks/x", file_text: "" },
      { command: "delete", path: "/testbed/x" },
      { command: "str_replace", path: "/testbed/x" },
      { command: "view", path: "/testbed/none" },
      { command: "view", path: "/testbed/README.md", view_range: [5, 9] },
      { command: "insert", path: "/testbed/README.md", insert_line: 99, new_str: "x" },
    ];
    for (const input of refused) {
      const observation = await edit(input);
      expect({ input, observation }).toMatchObject({
        observation: { kind: "text", isError: true, text: expect.stringMatching(/^ERROR: ./) as string },
      });
    }
  });

  it("cuts what commands print to ten thousand characters, head and tail", async () => {
    const { environment, shell } = aWorld();
    await environment.reset(never);
    const text = await shell("echo begin; seq 1 9000; echo end");
    expect(text).toMatch(/begin\n1\n[\s\S]*bytes omitted[\s\S]*9000\nend/);
    expect(text.length).toBeLessThan(10_500);
  });

  it("is judged by tests that it never sees, and goes on from an image", async () => {
    const { environment, edit, reference, another, shell } = aWorld();
    await environment.reset(never);
    const judge = (world: Environment): Promise<unknown> =>
      world.evaluate({ reference, answer: null, trajectory }, never);
    expect(await judge(environment)).toMatchObject({ verdict: "failure", evaluator: "swe-bench", score: 0 });
    expect(await shell("grep -rn test_add /testbed /tmp /home 2>/dev/null")).toContain("[exit code 1]");
    await edit({ command: "str_replace", path: "/testbed/calc/__init__.py", old_str: "a - b", new_str: "a + b" });
    const { snapshot, stateHash } = await environment.step(
      { kind: "shell", command: "export SEEN=1; touch new.txt" },
      never,
    );
    const image = await snapshot(never);
    await environment.close();
    const next = another();
    const restored = await next.restore(image ?? new Uint8Array(), never);
    expect(restored.stateHash).toBe(stateHash);
    const { observation } = await next.step(
      { kind: "shell", command: "echo $SEEN; python -c 'import calc; print(calc.add(2, 3))'" },
      never,
    );
    expect(observationText(observation)).toContain("1\n5\n");
    await next.step(
      { kind: "tool", name: "str_replace_editor", input: { command: "view", path: "/testbed/new.txt" } },
      never,
    );
    expect(await judge(next)).toEqual({
      verdict: "success",
      evaluator: "swe-bench",
      detail: "demo__calc-1: all tests pass",
      score: 1,
      components: [
        { name: "FAIL_TO_PASS", score: 1, detail: "1 of 1 pass" },
        { name: "PASS_TO_PASS", score: 1, detail: "1 of 1 pass" },
      ],
    });
  });

  it("is unknown to agents without a place for it, and to references of other worlds", async () => {
    expect(await createSweBenchProvider(null).problems()).toEqual([
      expect.stringContaining("HINDCAST_SWE_BENCH_CACHE"),
    ]);
    const { environment } = aWorld();
    await environment.reset(never);
    const commands = { reference: { commands: ["true"] }, answer: null, trajectory };
    expect(await environment.evaluate(commands, never)).toMatchObject({ verdict: "unknown" });
    await expect(environment.step({ kind: "browser", call: "click [1]" }, never)).rejects.toThrow(
      /does not know an action of kind "browser"/,
    );
  });
});
