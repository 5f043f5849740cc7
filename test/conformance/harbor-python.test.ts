// Harbor itself (PyPI) as a second opinion: what it makes of our exported folders, of reward files and of task.toml.
// Requirements: 6.16.harbor-export, 6.16.harbor-reward
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  exportHarborTask,
  instanceRequirements,
  readReward,
  readSweBenchInstances,
  sweBenchAsHarbor,
  writeHarborFolder,
} from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { layCodeDemo } from "../../coordinator/src/worlds/code-demo.ts";
import { aFolder } from "../support/hindcast.ts";
import { pythonWithHarbor } from "../support/harbor-python.ts";

const found = await pythonWithHarbor();
const reason = "reason" in found ? found.reason : "";

/** Runs a Python program that reads its arguments from `sys.argv` and prints JSON. */
async function ask(program: string, ...more: string[]): Promise<unknown> {
  const { python } = found as { python: string };
  const { stdout } = await promisify(execFile)(python, ["-c", program, ...more], { maxBuffer: 2 ** 24 });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as unknown;
}

const readTask = `
import json, sys
from pathlib import Path
from harbor.models.task.task import Task
task = Task(Path(sys.argv[1]))
config = task.config
print(json.dumps({
    "instruction": task.instruction,
    "agent": config.agent.timeout_sec,
    "verifier": [config.verifier.timeout_sec, config.verifier.env],
    "memory": config.environment.memory_mb,
    "network": str(getattr(config.environment.network_mode, "value", config.environment.network_mode)),
    "tests": str(task.paths.discovered_test_path_for(None).relative_to(task.paths.task_dir)),
}))
`;

const lintTask = `
import json, sys
from pathlib import Path
from harbor.lint.task import lint_task
print(json.dumps(sorted(finding.rule.value for finding in lint_task(Path(sys.argv[1])))))
`;

const readRewards = `
import json, logging, sys
from pathlib import Path
from types import SimpleNamespace
from harbor.verifier.verifier import Verifier
answers = []
for folder in sorted(Path(sys.argv[1]).iterdir(), key=lambda path: int(path.name)):
    txt, js = folder / "reward.txt", folder / "reward.json"
    paths = SimpleNamespace(reward_text_path=txt, reward_json_path=js)
    verifier = Verifier.__new__(Verifier)
    verifier.trial_paths = verifier._trial_paths = paths
    try:
        parse = verifier._parse_reward_text if sys.argv[2] == "txt" else verifier._parse_reward_json
        found = parse()
        answers.append({name: reward + 0 for name, reward in found.items()} if isinstance(found, dict) else found)
    except Exception as error:
        answers.append(type(error).__name__)
print(json.dumps(answers))
`;

describe.skipIf(reason !== "")(`Harbor${reason === "" ? "" : ` (not asked: ${reason})`}`, () => {
  it("reads a task that was exported", async () => {
    using folder = aFolder();
    const path = await writeHarborFolder(
      folder.path,
      exportHarborTask({
        name: "rename",
        instruction: "Rename a.txt.",
        environment: { kind: "shell", files: [{ path: "a.txt", content: "x" }], setup: ["true", "touch b"] },
        reference: { commands: ["mv a.txt b.txt"] },
        limits: { wallTimeMs: 90_000, memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 26 },
      }),
    );
    expect(await ask(readTask, path)).toEqual({
      instruction: expect.stringContaining("Rename a.txt."),
      agent: 90,
      verifier: [600, {}],
      memory: 256,
      network: "no-network",
      tests: "tests/test.sh",
    });
  });

  it("reads a code task that was exported, and finds nothing amiss but what is a choice", async () => {
    using folder = aFolder();
    const { instances } = layCodeDemo(folder.path, process.env);
    const [instance] = await readSweBenchInstances(join(instances, "tasks.jsonl"));
    if (instance === undefined) throw new Error("no task is shipped");
    const task = sweBenchAsHarbor({
      instance,
      requirements: instanceRequirements(instance),
      files: [{ path: "run", content: "#!/bin/sh\n", isExecutable: true }],
      node: "24",
      limits: { wallTimeMs: 90_000, memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 26 },
      verifierTimeoutMs: 60_000,
    });
    const path = await writeHarborFolder(folder.path, exportHarborTask(task));
    expect(await ask(readTask, path)).toEqual({
      instruction: expect.stringContaining("in src/area.js does not work as it should"),
      agent: 90,
      verifier: [60, {}],
      memory: 256,
      network: "no-network",
      tests: "tests/test.sh",
    });
    // A registry's digest is nobody's here, Node's image has root, and a verifier sees what the agent left.
    expect(await ask(lintTask, path)).toEqual(["root-agent", "shared-verifier", "unpinned-image"]);
  });

  it.each([
    ["txt", ["1", "0\n", " 0.5 ", "1e-3", "-2", "1_000", ".5", "5.", "", "pass", "1 0", "0x1", "1__0"]],
    [
      "json",
      ['{"reward": 1}', '{"a": NaN}', '{"a": 1e309}', '{"a": "1"}', '{"a": 0.5, "b": 1}', '{"a": true}', "", "{", "[1"],
    ],
  ])("reads reward.%s as we do", async (kind, texts) => {
    using folder = aFolder();
    for (const [index, text] of texts.entries()) {
      mkdirSync(join(folder.path, String(index)));
      writeFileSync(join(folder.path, String(index), `reward.${kind}`), text);
    }
    const theirs = (await ask(readRewards, folder.path, kind)) as unknown[];
    const faults = { empty: "RewardFileEmptyError", unreadable: "VerifierOutputParseError", missing: "" };
    const ours = texts.map((text) => {
      const reward = readReward({ txt: kind === "txt" ? text : null, json: kind === "json" ? text : null });
      return reward.kind === "rewards" ? reward.rewards : faults[reward.fault];
    });
    expect(ours).toEqual(theirs);
  });
});
