// Requirements: 6.10.package, 6.10.javascript
// `hindcast bench swe-bench make --package`: tasks from an archive of one's own, and from real ones of PyPI and npm.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { SweBenchInstance } from "../../shared/src/node/benchmark/swe-bench/instance.ts";
import { aFolder, hindcast, type HindcastResult } from "../support/hindcast.ts";
import { archiveOf } from "../support/package-archive.ts";
import { answers } from "../support/registries.ts";
import { fixtureCache, fixturePython } from "../support/swe-bench-fixture.ts";

const slowMs = 1_200_000;
const [hasPyPi, hasNpm] = await Promise.all([answers("pypi"), answers("npm")]);
const places = ["--cache", fixtureCache, "--memory-gib", "2"];

async function make(folder: string, ...args: string[]): Promise<HindcastResult & { instances: SweBenchInstance[] }> {
  const out = join(folder, "tasks");
  const result = await hindcast(["bench", "swe-bench", "make", ...args, ...places, "--out", out], { cwd: folder });
  const lines = result.code === 0 ? readFileSync(join(out, "tasks.jsonl"), "utf8").trim().split("\n") : [];
  return { ...result, instances: lines.map((line) => JSON.parse(line) as SweBenchInstance) };
}

async function verified(folder: string): Promise<string> {
  const tasks = ["--tasks", join(folder, "tasks", "tasks.jsonl"), "--repos", join(folder, "tasks", "repositories")];
  return (await hindcast(["bench", "swe-bench", "verify", ...tasks, ...places], { cwd: folder })).stdout;
}

const python = ["--python", String(fixturePython)];

describe.skipIf(fixturePython === null)("tasks from an archive of Python's", () => {
  it("of one's own are admitted, and come out the same from the same archive", { timeout: slowMs }, async () => {
    using folder = aFolder();
    const calc = "def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return a * 2\n";
    const test =
      "import unittest\nfrom calc import add, double\n\n\nclass CalcTest(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(add(2, 3), 5)\n\n    def test_double(self):\n        self.assertEqual(double(4), 8)\n";
    const archive = await archiveOf([
      { name: "calc-1.0/calc.py", text: calc },
      { name: "calc-1.0/tests/__init__.py" },
      { name: "calc-1.0/tests/test_calc.py", text: test },
    ]);
    writeFileSync(join(folder.path, "calc-1.0.tar.gz"), archive);
    const from = ["--package", "./calc-1.0.tar.gz", ...python, "--test", "python -m unittest -v tests.test_calc"];
    const args = [...from, "--parser", "parse_log_django", "--count", "2"];
    const first = await make(folder.path, ...args);
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.instances.map(({ repo, instance_id: id }) => [repo, id.split(".")[0]])).toEqual([
      ["archive/calc", "archive__calc"],
      ["archive/calc", "archive__calc"],
    ]);
    expect((await make(folder.path, ...args)).instances).toEqual(first.instances);
    expect(await verified(folder.path)).toMatch(/2 instances +2 admitted/);
  });

  describe.skipIf(!hasPyPi)(`of PyPI's${hasPyPi ? "" : " (it does not answer)"}`, () => {
    it("are admitted", { timeout: slowMs }, async () => {
      using folder = aFolder();
      const pins = ["pytest==8.4.2", "pluggy==1.6.0", "packaging==25.0", "pygments==2.19.2", "iniconfig==2.1.0"];
      const test = "PYTHONPATH=src python -m pytest -rA testing";
      const args = [...python, "--test", test, ...pins.flatMap((pin) => ["--pip", pin]), "--count", "1"];
      const { code, stderr, instances } = await make(folder.path, "--package", "pypi:iniconfig@2.3.0", ...args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(instances[0]).toMatchObject({ repo: "pypi/iniconfig" });
      expect(instances[0]?.patch).toContain("src/iniconfig/");
      expect(await verified(folder.path)).toMatch(/1 instances +1 admitted/);
    });

    it("that are not there, are no name or hold nothing of use are told", { timeout: slowMs }, async () => {
      using folder = aFolder();
      const from = async (...args: string[]): Promise<HindcastResult> =>
        await make(folder.path, ...args, ...python, "--test", "true");
      const said = async (name: string): Promise<string> => {
        const { code, stderr } = await from("--package", name);
        expect(code).not.toBe(0);
        expect(stderr).not.toContain("    at ");
        return stderr;
      };
      expect(await said("pypi:no-such-package-of-hindcast@1.0")).toMatch(
        /no package "no-such-package-of-hindcast" is in https:\/\/pypi\.org\/simple\/.*spelling/,
      );
      expect(await said("pypi:iniconfig@99.0")).toMatch(/no source distribution of iniconfig 99\.0 .*it has .*2\.0\.0/);
      expect(await said("pypi:iniconfig@2.0.0")).toMatch(/pypi:iniconfig@2\.0\.0 holds no tests: none of its 10 files/);
      expect(await said("./nowhere-1.0.tar.gz")).toMatch(/there is no file .*nowhere-1\.0\.tar\.gz/);
      expect(await from("--package", "pypi:iniconfig")).toMatchObject({ code: 2 });
      expect(await from("--package", "pypi:iniconfig@2.3.0", "--repo", "a/b")).toMatchObject({ code: 2 });
      expect(await from("--repo", "a/b")).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("name --repo and --commit, or --package") as string,
      });
      writeFileSync(join(folder.path, "evil-1.0.tar.gz"), await archiveOf([{ name: "evil-1.0/../../test", text: "" }]));
      expect(await said("./evil-1.0.tar.gz")).toMatch(/evil-1\.0\.tar\.gz has the name .* which leads out of it/);
    });
  });
});

describe.skipIf(!hasNpm)(`tasks from packages of npm's${hasNpm ? "" : " (its registry does not answer)"}`, () => {
  it("are admitted, or told to hold no tests, or not to be there", { timeout: slowMs }, async () => {
    using folder = aFolder();
    const pins = ["--npm", "mocha@9.2.2", "--npm", "chai@4.3.10"];
    const test = ["--test", "mocha --reporter tap test.js", "--count", "1"];
    const { code, stderr, instances } = await make(
      folder.path,
      "--package",
      "npm:object-path@0.11.8",
      ...pins,
      ...test,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(instances[0]).toMatchObject({ repo: "npm/object-path", log_parser: "parse_log_tap" });
    expect(await verified(folder.path)).toMatch(/1 instances +1 admitted/);

    const said = async (name: string): Promise<string> =>
      (await make(folder.path, "--package", name, "--test", "true")).stderr;
    expect(await said("npm:ms@2.1.3")).toMatch(/npm:ms@2\.1\.3 holds no tests: none of its 4 files/);
    expect(await said("npm:ms@99.0.0")).toMatch(/npm's registry has no version 99\.0\.0 of ms: "npm view ms versions"/);
    expect(await said("npm:no-such-package-of-hindcast@1.0.0")).toMatch(
      /no package "no-such-package-of-hindcast" is in/,
    );
  });
});
