// Requirements: 6.9.admission, 6.9.forgery, 6.9.bad-input
// `hindcast bench swe-bench` as a user starts it: real git, real Python, real sandboxes.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { InstanceAdmission, PatchVerdict } from "../../shared/src/node/benchmark/swe-bench/verification.ts";
import { HindcastProcess, type HindcastResult } from "../support/hindcast.ts";
import {
  evalScript,
  fixtureCache,
  fixturePython,
  sweBenchFixture,
  type SweBenchFixture,
  tests,
} from "../support/swe-bench-fixture.ts";

const skipped = fixturePython === null ? " (this machine has no Python 3.9 to 3.13)" : "";

const noIndex = { PIP_NO_INDEX: "1" };

function bench(fixture: SweBenchFixture, verb: string, ...args: string[]): HindcastProcess {
  const shared = ["--tasks", join(fixture.folder, "data.jsonl"), "--pins", join(fixture.folder, "pins.jsonl")];
  const places = ["--repos", fixture.repositories, "--cache", fixtureCache, "--memory-gib", "2"];
  return new HindcastProcess(["bench", "swe-bench", verb, ...shared, ...places, ...args], {
    cwd: fixture.folder,
    env: noIndex,
  });
}

async function admissionsOf(
  run: HindcastProcess,
): Promise<{ result: HindcastResult; byId: Map<string, InstanceAdmission> }> {
  const result = await run.done;
  const events = run.events().filter(({ event }) => event === "admission");
  return {
    result,
    byId: new Map(
      events.map(({ admission }) => [(admission as InstanceAdmission).instanceId, admission as InstanceAdmission]),
    ),
  };
}

async function verdictsOf(run: HindcastProcess): Promise<Map<string, PatchVerdict>> {
  await run.done;
  const events = run.events().filter(({ event }) => event === "evaluation");
  return new Map(events.map(({ instanceId, verdict }) => [String(instanceId), verdict as PatchVerdict]));
}

describe.skipIf(fixturePython === null)(`hindcast bench swe-bench${skipped}`, () => {
  it("admits what gold resolves and nothing does not, rejects and explains the rest, and remembers", async () => {
    const fixture = sweBenchFixture();
    const passing = { instance_id: "demo__calc-2", FAIL_TO_PASS: [tests.double], PASS_TO_PASS: [] };
    const wrong = { instance_id: "demo__calc-3", patch: fixture.patch("README.md", "No fix.\n") };
    const lost = { instance_id: "demo__lost-1", repo: "demo/lost" };
    const gone = { instance_id: "demo__calc-4", base_commit: "0".repeat(40) };
    const python = { instance_id: "demo__calc-5" };
    const unpinned = { instance_id: "demo__calc-6" };
    const shared = { instance_id: "demo__calc-7", version: "2.0" };
    const all = [{}, passing, wrong, lost, gone, python, unpinned, shared].map((change) => fixture.instance(change));
    fixture.data(all);
    const pins = join(fixture.folder, "pins.jsonl");
    const changed = readFileSync(pins, "utf8")
      .trim()
      .split("\n")
      .filter((line) => !/demo__calc-[67]"/.test(line))
      .map((line) => (line.includes("demo__calc-5") ? line.replace(`"${fixturePython}.0"`, '"2.1.0"') : line));
    const published = { ...(JSON.parse(changed[0] ?? "") as object), repo: "demo/calc", version: "2.0" };
    writeFileSync(pins, `${[JSON.stringify(published), ...changed.slice(1)].join("\n")}\n`);

    const { result, byId } = await admissionsOf(bench(fixture, "verify", "--again", "--json"));
    expect(result.stderr).toBe("");
    // Some could not be tried.
    expect(result.code).toBe(4);
    expect(byId.get("demo__calc-1")).toMatchObject({
      status: "admitted",
      environmentHash: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      gold: { resolution: "full", failToPass: { passed: 1, total: 1 }, patch: { how: "git apply --verbose" } },
      empty: { resolution: "no", failToPass: { passed: 0, total: 1 }, passToPass: { passed: 1, total: 1 } },
    });
    expect(byId.get("demo__calc-2")).toMatchObject({ status: "rejected", reason: "its tests pass without any patch" });
    expect(byId.get("demo__calc-3")).toMatchObject({
      status: "rejected",
      reason: expect.stringContaining(tests.add) as string,
    });
    expect(byId.get("demo__lost-1")?.reason).toMatch(
      /no clone of demo\/lost was found in .*git clone https:\/\/github\.com\/demo\/lost .*--repos/,
    );
    expect(byId.get("demo__calc-4")?.reason).toMatch(/demo__calc has no commit 0{40}: run "git -C .* fetch/);
    expect(byId.get("demo__calc-5")?.reason).toMatch(/Python 2\.1 is not here .*pyenv install 2\.1/);
    expect(byId.get("demo__calc-6")?.reason).toMatch(
      /nobody pinned the environment of demo__calc-6 or of .* demo\/calc .*--pins/,
    );
    expect(byId.get("demo__calc-7")).toMatchObject({ status: "admitted", pinnedFor: "demo__calc-1" });

    // The data set may be named with --data, too.
    const places = ["--repos", fixture.repositories, "--cache", fixtureCache, "--memory-gib", "2"];
    const asData = [
      "--data",
      join(fixture.folder, "data.jsonl"),
      "--instances",
      "demo__calc-1,demo__calc-2,demo__calc-7",
    ];
    const again = await new HindcastProcess(["bench", "swe-bench", "verify", ...asData, ...places], {
      cwd: fixture.folder,
    }).done;
    expect(again.code).toBe(0);
    const table = again.stdout.slice(again.stdout.indexOf("instance"));
    const [header = "", , first = "", second = "", third = ""] = table.split("\n");
    expect(first).toMatch(/^demo__calc-1 +admitted +0\/1 > 1\/1 +1\/1 > 1\/1 +stored/);
    expect(third).toMatch(/^demo__calc-7 +admitted .* in the environment of demo__calc-1$/);
    expect(second.indexOf("rejected")).toBe(header.indexOf("verdict"));
    expect(table).toMatch(/3 instances +2 admitted .*1 rejected, 0 unavailable/);
  });

  it("judges predictions, and is not deceived by what patches print, delete or never end", async () => {
    const fixture = sweBenchFixture();
    const marks = "print('>>>>> Start Test Output'); print('>>>>> End Test Output'); print('>>>>> Test Exit Code: 0')";
    const passes = Object.values(tests).map((test) => `print("${test} ... ok", flush=True)`);
    const module = fixture.instance()["eval_script"];
    const forged = ["import os", marks, ...passes, "os._exit(1)", ""].join("\n");
    const quiet = ["import os", marks, ...passes, "os._exit(0)", ""].join("\n");
    const patches: Record<string, string> = {
      gold: fixture.gold,
      empty: "",
      forged: fixture.patch("calc/__init__.py", forged),
      deleted: fixture.patch("tests/test_calc.py", null),
      inapplicable: fixture.gold.replaceAll("a - b", "x - y"),
      garbage: "this is no patch",
      endless: fixture.patch("calc/__init__.py", "while True: pass\n"),
      fuzzy: fixture.gold.replace(/^ def double.*$/m, " def doubled(a):"),
      silent: fixture.patch("calc/__init__.py", quiet),
    };
    fixture.data(Object.keys(patches).map((name) => fixture.instance({ instance_id: name, eval_script: module })));
    const predictions = join(fixture.folder, "predictions.jsonl");
    writeFileSync(
      predictions,
      Object.entries(patches)
        .map(
          ([instance_id, model_patch]) => `${JSON.stringify({ instance_id, model_name_or_path: "m", model_patch })}\n`,
        )
        .join(""),
    );
    const verdicts = await verdictsOf(
      bench(fixture, "evaluate", "--predictions", predictions, "--timeout", "8", "--json"),
    );
    expect(verdicts.get("gold")).toMatchObject({ resolution: "full", problem: null, isForged: false });
    expect(verdicts.get("empty")).toMatchObject({ resolution: "no", problem: null });
    // Its own marks are no marks, and passes that end in failure are no evidence.
    expect(verdicts.get("forged")).toMatchObject({
      resolution: "no",
      isForged: true,
      problem: expect.stringContaining("exit code 1") as string,
    });
    // The tests are put back before they are run.
    expect(verdicts.get("deleted")).toMatchObject({
      resolution: "no",
      failToPass: { passed: 0, total: 1 },
      passToPass: { passed: 1 },
    });
    expect(verdicts.get("inapplicable")).toMatchObject({ resolution: "no", patch: { isApplied: false } });
    expect(verdicts.get("garbage")?.problem).toMatch(/the patch does not apply/);
    expect(verdicts.get("endless")?.problem).toBe("the tests did not end within 8 s");
    // What git refuses, `patch` with its fuzz still takes, as upstream does.
    expect(verdicts.get("fuzzy")).toMatchObject({
      resolution: "full",
      patch: { isApplied: true, how: expect.stringMatching(/^patch/) as string },
    });
    // A program that lies and ends well is believed, here as upstream: its marks at least are told.
    expect(verdicts.get("silent")).toMatchObject({ isForged: true });
  });

  it("says what is wrong with a data file, an id, a place without a network", async () => {
    const fixture = sweBenchFixture();
    fixture.data([fixture.instance()]);
    const unknown = await bench(fixture, "verify", "--instances", "demo__calc-9").done;
    expect(unknown).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--instances names "demo__calc-9"') as string,
    });
    fixture.data([fixture.instance({ repo: "demo/elsewhere" })]);
    const offline = bench(fixture, "verify", "--repos", "https://git.invalid/{repo}.git", "--json");
    expect((await admissionsOf(offline)).byId.get("demo__calc-1")?.reason).toMatch(
      /https:\/\/git\.invalid\/demo\/elsewhere\.git cannot be cloned: .*Without a network/,
    );
    writeFileSync(join(fixture.folder, "data.jsonl"), '{"repo": 1}\n');
    const broken = await bench(fixture, "verify").done;
    expect(broken.code).toBe(2);
    expect(broken.stderr).toMatch(/data\.jsonl line 1: field "repo"/);
    expect(broken.stderr).not.toContain(" at ");
  });

  it("names the environment that cannot be built without an index", async () => {
    const fixture = sweBenchFixture();
    fixture.data([fixture.instance({ eval_script: evalScript(fixture.commits.base, fixture.testPatch, "true") })]);
    const pins = { instance_id: "demo__calc-1", python: fixturePython, pip: ["no-such-package-of-hindcast==1.0"] };
    writeFileSync(join(fixture.folder, "pins.jsonl"), `${JSON.stringify(pins)}\n`);
    const run = bench(fixture, "verify", "--json");
    const { byId } = await admissionsOf(run);
    expect(byId.get("demo__calc-1")).toMatchObject({
      status: "unavailable",
      reason: expect.stringContaining("no-such-package-of-hindcast") as string,
    });
  });
});
