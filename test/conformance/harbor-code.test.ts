// Code tasks that were made here, exported as Harbor folders by the command line and read back: each end of the work is
// judged by the folder's verifier as our own evaluator judges it in the task's own world.
// Requirements: 6.16.harbor-export
import { execFile } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Evaluation, type TaskReference } from "@hindcast/shared";
import {
  type HarborTask,
  importHarborTask,
  instanceRequirements,
  readHarborFolder,
  readSweBenchInstances,
  type SweBenchInstance,
  sweBenchReference,
  sweBenchSpec,
} from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostFacts } from "../../coordinator/src/cli/host-facts.ts";
import { layCodeDemo } from "../../coordinator/src/worlds/code-demo.ts";
import type { Environment } from "../../rollout-agent/src/environment/environment.ts";
import { createEnvironmentProvider } from "../../rollout-agent/src/environment/index.ts";
import { CacheFolder } from "../../rollout-agent/src/environment/swe-bench/cache-folder.ts";
import { createSweBenchProvider } from "../../rollout-agent/src/environment/swe-bench/swe-bench-environment.ts";
import { aFolder, hindcastMain } from "../support/hindcast.ts";
import { fixtureCache } from "../support/swe-bench-fixture.ts";
import { suiteLimits, unjudged } from "./environment-suite.ts";
import { never, provider } from "./sandbox-fixture.ts";

const limits = {
  ...suiteLimits,
  stepTimeMs: 60_000,
  memoryBytesMax: 2 ** 30,
  diskBytesMax: 2 ** 28,
  processesMax: 512,
};
const timeoutMs = 120_000;

const folder = aFolder();
let instance: SweBenchInstance;
let imported: HarborTask;
let repositories: string[];
let count = 0;

beforeAll(async () => {
  // Sandboxes of root run as nobody.
  chmodSync(folder.path, 0o755);
  const demo = layCodeDemo(folder.path, process.env);
  repositories = [demo.repositories];
  const args = ["bench", "harbor", "export", "--tasks", demo.instances, "--out", "exported"];
  await promisify(execFile)(process.execPath, ["--conditions=source", hindcastMain, ...args], { cwd: folder.path });
  [instance] = (await readSweBenchInstances(join(demo.instances, "tasks.jsonl"))) as [SweBenchInstance];
  const path = join(folder.path, "exported", instance.instance_id);
  const result = importHarborTask(await readHarborFolder(path), await hostFacts());
  if (result.kind !== "task") throw new Error(result.reason);
  imported = result.task;
}, timeoutMs);
afterAll(() => folder[Symbol.dispose]());

async function judgedIn(environment: Environment, script: string, reference: TaskReference): Promise<Evaluation> {
  await using world = environment;
  await world.reset(never);
  const { observation } = await world.step({ kind: "shell", command: `cd /testbed\n${script}` }, never);
  expect(observation).toMatchObject({ exitCode: 0 });
  return await world.evaluate({ ...unjudged, reference }, never);
}

function inFolder(script: string): Promise<Evaluation> {
  const worlds = createEnvironmentProvider("shell", { sandboxes: provider });
  const world = worlds.create({ id: `ep-exported-${process.pid}-${count++}`, spec: imported.environment, limits });
  return judgedIn(world, script, imported.reference);
}

function atHome(script: string): Promise<Evaluation> {
  const pythons = { pyenvRoots: [], searchPath: process.env.PATH ?? "" };
  const cache = new CacheFolder(fixtureCache, 1e10);
  const worlds = createSweBenchProvider({ sandboxes: provider, cache, repositories, pythons });
  const spec = sweBenchSpec(instanceRequirements(instance));
  const world = worlds.create({ id: `ep-at-home-${process.pid}-${count++}`, spec, limits });
  return judgedIn(world, script, sweBenchReference(instance));
}

/** As the agent would do it: what the folder's own solution does. */
const solution = (): string => imported.solution?.files.find(({ path }) => path === "solve.sh")?.content ?? "exit 1";
const wrongly = "sed -i 's/return .*;/return 0;/' src/area.js";
const forgery = `printf '%s\\n' 'for (let n = 1; n < 20; n += 1) console.log("ok " + n + " - area");' 'process.exit(0);' > src/area.js`;

describe("a code task that was exported", () => {
  it.each<[string, () => string, Evaluation["verdict"]]>([
    ["its solution", solution, "success"],
    ["nothing", () => "true", "failure"],
    ["something else", () => wrongly, "failure"],
    ["what breaks another test", () => `(${solution()})\nsed -i 's/return .*;/return 0;/' src/gap.js`, "failure"],
    ["passes that are printed", () => forgery, "failure"],
    ["tests in the place of the hidden ones", () => "echo 'process.exit(0);' > test/area.test.js", "failure"],
    ["the work, with the visible tests gone", () => `(${solution()})\nrm -r test`, "failure"],
  ])(
    "is judged by its folder as it is in its own world: %s",
    async (_, script, verdict) => {
      const [there, here] = [await inFolder(script()), await atHome(script())];
      expect([there, here]).toMatchObject([{ verdict }, { verdict }]);
    },
    timeoutMs,
  );

  it("brings nothing of the solution or the hidden tests to where the agent works", () => {
    const seen = JSON.stringify([imported.instruction, imported.environment]);
    expect(imported.environment.files.map(({ path }) => path)).not.toContain("test/area.test.js");
    expect(seen).not.toContain("width * height;");
    expect(readFileSync(join(folder.path, "exported", instance.instance_id, "environment/Dockerfile"), "utf8")).toMatch(
      /^FROM node:\d+-bookworm\n/,
    );
  });
});
